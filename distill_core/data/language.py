"""The language of texts, told by their script and by their function words.

Meant for rules and word splitting, which must not take German or Chinese for English: not for telling apart languages
that nobody here has words for. Knows nothing of rows.
"""

import re
from collections import Counter
from collections.abc import Sequence

ENGLISH = "en"  # what texts are treated as whose language can't be told
SAMPLE = 1_000  # texts looked at, from all over the file
MIN_SHARE = 0.06  # of words that are function words: half of what any language here has in running text
MARGIN = 1.25  # by which its function words outnumber those of the next language
MIN_HITS = 3
KANA_SHARE = 0.1  # of kana among the signs of a Japanese text; Chinese has none
SIGN_WEIGHT = 2  # letters that one sign of Chinese, Japanese or Korean is worth
# By blocks of Unicode: a script that one language owns names it; three are shared, and words decide.
SCRIPTS = {
    "Latin": "A-Za-zÀ-ɏḀ-ỿ", "Cyrillic": "Ѐ-ԯ", "Arabic": "؀-ۿݐ-ݿ", "ja": "\u3040-\u30ff",
    "zh": "\u3400-\u9fff\uf900-\ufaff", "ko": "\uac00-\ud7af\u1100-\u11ff", "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff", "bo": "\u0f00-\u0fff", "my": "\u1000-\u109f", "km": "\u1780-\u17ff", "el": "Ͱ-Ͽἀ-῿",
    "he": "\u0590-\u05ff", "hy": "\u0530-\u058f", "ka": "\u10a0-\u10ff", "hi": "\u0900-\u097f", "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f", "gu": "\u0a80-\u0aff", "ta": "\u0b80-\u0bff", "te": "\u0c00-\u0c7f", "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f", "si": "\u0d80-\u0dff", "am": "\u1200-\u137f",
}  # fmt: skip
SIGNS = {name: re.compile(f"[{block}]") for name, block in SCRIPTS.items()}
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
FUNCTION_WORDS = {
    name: frozenset(words.split())
    for name, words in {
        "en": "the and of to is was it that this with for not but you are have be they on at i my we so very had were",
        "de": "der die das und ist nicht ich es ein eine mit war auch auf für den dem zu sich sehr aber wir von im bei "
        "wird sind hat",
        "fr": "le la les et est des une un je pas que du très pour dans ce cette il mais avec était à au ne plus nous",
        "es": "el la los las y es que un una no muy con para por pero del está se lo al fue mi como más son",
        "it": "il la che di e è un una non per molto con del della ma sono ho mi anche le gli era più questo nel",
        "pt": "o a os as e é que um uma não muito com para por mas do da em se foi mais eu está no na ao são",
        "nl": "de het een en is niet van ik dat met voor maar op zijn was erg heel ook te er je wij aan bij deze",
        "sv": "och är det att en ett inte jag som på för var med mycket men den till vi av har så de om",
        "da": "og er det at en et ikke jeg som på for var med meget men den til vi af har så de om blev",
        "nb": "og er det at en et ikke jeg som på for var med veldig men den til vi av har så de om ble",
        "fi": "ja on ei se että oli mutta hyvin tämä en ovat myös kun niin oli mukaan minä joka hän vain todella",
        "pl": "i w nie się na jest to z że do bardzo ale jak był była było o za ten ta przez od mi są po dla",
        "cs": "a je se na v to že ale velmi jsem byl byla bylo s z do za jsou jako pro tak si po ve",
        "ro": "și în nu este a o de la cu un pe foarte care mai dar din am fost să pentru ca sunt au",
        "hu": "a az és nem egy hogy volt nagyon is van de ez meg már csak mint vagy ha el én ki jó",
        "tr": "ve bir bu çok için de da ama ile değil gibi daha en o ne var kadar olan oldu olarak ben her",
        "id": "yang dan di ini itu tidak dengan untuk dari sangat ada saya ke akan pada juga tapi bisa kami sudah",
        "vi": "và là không rất của có cho này với những được các một tôi thì mà nhưng đã ở trong người",
        "ca": "el la els les i és que un una no molt amb per però del està es al va més són dels",
        "ru": "и в не на я что с это как но очень по был было мы за от так все у из для они же бы",
        "uk": "і в не на я що з це як але дуже та був було ми за від так все у для вони же до є",
        "bg": "и в не на се е от за да с че са но много като беше по до ще това ли бях си",
        "sr": "и у не на је се да за са што али веома као био било по су од то смо али ли",
        "ar": "في من على إلى هذا أن لا ما و كان جدا هذه عن مع التي الذي كانت لم قد هو هي",
        "fa": "و در به از که این را با است برای خیلی نیست بود آن هم یک تا ما من می شد اما",
        "ur": "اور کے میں ہے کی کا یہ سے نہیں کو نے پر تھا بہت ہیں بھی اس کر وہ تھی",
    }.items()
}
# The commonest signs of scripts in which a word can't be looked up: text read in a wrong encoding has hardly any.
COMMON_SIGNS = {
    "zh": frozenset("的一是不了在有我他这個个们來来人大到说很好也就上"),
    "ja": frozenset("のにはをたがでてとしれさいるなもか"),
    "ko": frozenset("이다는을에가고의하지를한도은어요습"),
    "th": frozenset("านรกเอมงลว"),
    "el": frozenset("αοιετσνηρκ"),
    "he": frozenset("יוהלארתבמ"),
}


def guess_language(texts: Sequence[str]) -> str | None:
    """The two-letter code of the language of most `texts`, None where it can't be told."""
    step = max(1, len(texts) // SAMPLE)
    return evidence("\n".join(texts[::step][:SAMPLE]))[0]


def evidence(text: str) -> tuple[str | None, int]:
    """The language of a text, None where it can't be told; and how many of its words or signs speak for it, which is
    comparable between readings of the same bytes."""
    letters = {script: len(signs.findall(text)) for script, signs in SIGNS.items()}
    weights = {
        script: count * (SIGN_WEIGHT if script in ("ja", "zh", "ko") else 1) for script, count in letters.items()
    }
    kana, han = letters["ja"], letters["zh"]
    if kana >= KANA_SHARE * (kana + han):  # Japanese is written with Han signs too
        weights["ja"] += weights.pop("zh")
    script = max(weights, key=lambda name: weights[name])
    if not weights[script]:
        return None, 0
    if script in ("Latin", "Cyrillic", "Arabic"):
        return _by_words(text)
    common = COMMON_SIGNS.get(script)
    return script, sum(sign in common for sign in text) if common else letters[script]


def _by_words(text: str) -> tuple[str | None, int]:
    words = Counter(WORD.findall(text.casefold()))
    total = sum(words.values())
    hits = {name: sum(words[word] for word in known) for name, known in FUNCTION_WORDS.items()}
    best, second = sorted(hits, key=lambda name: -hits[name])[:2]
    sure = hits[best] >= max(MIN_HITS, MIN_SHARE * total) and hits[best] >= MARGIN * hits[second]
    return (best if sure else None), hits[best]
