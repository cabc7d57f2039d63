"""A student's vocabulary as the page of one file reads it: its tokenizer.json, checked to hold nothing that the page's
`html/tokenizer.js` does not know, with patterns in JavaScript's syntax and the pieces as lists.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from distill_core.evaluation.html_page import NoHtml
from distill_core.student.runtime import Vocabulary

Step = dict[str, Any]  # of a tokenizer.json: a normalizer, a pre-tokenizer, a model
KNOWN = {  # by the part of tokenizer.json, as `html/tokenizer.js` has them
    "normalizer": {
        "BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Precompiled", "Prepend", "Replace",
        "Sequence", "Strip", "StripAccents",
    },
    "pre_tokenizer": {
        "BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Sequence", "Split", "Whitespace",
        "WhitespaceSplit",
    },
    "model": {"BPE", "Unigram", "WordLevel", "WordPiece"},
}  # fmt: skip
CHARACTERS = {  # what characters a step asks for
    "BertNormalizer": ("controls", "accents"), "StripAccents": ("marks",), "BertPreTokenizer": ("signs",),
    "Punctuation": ("signs",),
}  # fmt: skip
KEEPS_CHARACTERS = {"Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Prepend", "Sequence"}  # none is taken away
SCRIPT = re.compile(r"[A-Z][a-z]{2,}")  # \p{Han}; a category has two letters at most
SIGNS = r"^$\.*+?()[]{}|/"  # that JavaScript lets one escape


@dataclass(frozen=True)
class PageVocabulary:
    """What the page reads of a vocabulary: `specification` as JSON, and arrays by their names: the `rows` (tokens,) of
    the table, and of some models the `scores` (tokens,) or the `merges` (merges, 2)."""

    specification: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def page_vocabulary(vocabulary: Vocabulary) -> PageVocabulary:
    """The vocabulary for the page. Raises NoHtml where its tokenizer does what the page can't."""
    if type(vocabulary) is not Vocabulary:
        raise NoHtml("It reads as its teacher does, with special tokens, which the page does not.")
    state = json.loads(vocabulary.tokenizer.to_str())
    if state.get("truncation"):
        raise NoHtml("Its tokenizer cuts texts by itself, which the page does not.")
    steps = {step["type"] for step in _steps(state.get("normalizer"))} - KEEPS_CHARACTERS
    whole = not steps and (state.get("pre_tokenizer") or {}).get("type") == "Metaspace"
    for part, names in KNOWN.items():
        for step in _steps(state.get(part)):
            _check(part, step, names, whole)
    model = state["model"]
    size = vocabulary.tokenizer.get_vocab_size(with_added_tokens=True)
    pieces, arrays = _pieces(model, size)
    for one in state["added_tokens"]:
        if one["id"] < size and pieces[one["id"]] is None:
            pieces[one["id"]] = one["content"]
    arrays["rows"] = np.ones(len(pieces), np.int32)
    for token, row in vocabulary.aliases:
        arrays["rows"][token] = row
    for row, token in enumerate(vocabulary.token_ids):
        if row > 0 and token >= 0:
            arrays["rows"][token] = row
    parts = {name: state.get(name) for name in ("normalizer", "pre_tokenizer", "added_tokens")}
    others = {name: value for name, value in model.items() if name not in ("vocab", "merges")}
    return PageVocabulary({"tokenizer": {**parts, "model": others}, "pieces": pieces,
                           "mask_token": vocabulary.mask_token}, arrays)  # fmt: skip


def alphabet_vocabulary(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary without the pieces that hold a character which no piece with a row of its own holds: a text of
    such characters is then unknown, and any other is cut as before. The same vocabulary where it is no Unigram."""
    state = json.loads(vocabulary.tokenizer.to_str())
    if state["model"]["type"] != "Unigram":
        return vocabulary
    own = {*vocabulary.token_ids, *(one["id"] for one in state["added_tokens"]), state["model"]["unk_id"]} - {-1}
    pieces = state["model"]["vocab"]
    letters = {letter for token in own if 0 <= token < len(pieces) for letter in pieces[token][0]}
    least = min(range(len(pieces)), key=lambda token: pieces[token][1])  # from which the unknown's score comes
    chosen = [token for token, (piece, _) in enumerate(pieces) if token in own or token == least or letters >= {*piece}]
    number = {token: place for place, token in enumerate(chosen)}
    for token in sorted(own - set(number)):  # added tokens lie behind the pieces
        number[token] = len(number)
    state["model"] |= {"vocab": [pieces[token] for token in chosen], "unk_id": number[state["model"]["unk_id"]]}
    state["added_tokens"] = [one | {"id": number[one["id"]]} for one in state["added_tokens"]]
    state["post_processor"] = None  # it names ids, and adds what a student does not read
    return Vocabulary(
        vocabulary.kind, Tokenizer.from_str(json.dumps(state)), vocabulary.entries,
        [number.get(token, -1) for token in vocabulary.token_ids], vocabulary.teacher_ids, vocabulary.mask_token,
        [(number[token], row) for token, row in vocabulary.aliases if token in number],
    )  # fmt: skip


def _steps(tree: Any) -> Iterator[Step]:
    """A part of tokenizer.json and the parts within."""
    if isinstance(tree, dict) and "type" in tree:
        yield tree
        for inner in tree.get("normalizers") or tree.get("pretokenizers") or ():
            yield from _steps(inner)


def _check(part: str, step: Step, names: set[str], whole: bool) -> None:
    """Write into the step its pattern in JavaScript's syntax and the characters that it asks for; `whole`: the first
    word is what it was in the text. Raises NoHtml where the page does not know the step."""
    if step["type"] not in names:
        what = part.replace("_", "-").replace("pre-tokenizer", "splitter")
        raise NoHtml(f"Its tokenizer has a {what} of the kind {step['type']}, which the page does not know.")
    pattern = step.get("pattern")
    if isinstance(pattern, dict) and "Regex" in pattern:
        step["pattern"] = {"Regex": to_javascript(pattern["Regex"])}
    if asked := CHARACTERS.get(step["type"]):
        step["ranges"] = {name: character_ranges(name) for name in asked}
    if step.get("dropout"):
        raise NoHtml("Its tokenizer cuts words by chance (dropout), which the page does not.")
    if step.get("prepend_scheme") == "first" and not whole:
        raise NoHtml("Its tokenizer marks the first word alone, after steps that may take it away.")
    if step["type"] == "Unigram" and step.get("unk_id") is None:
        raise NoHtml("Its tokenizer has no piece for what it does not know.")


def _pieces(model: Step, size: int) -> tuple[list[str | None], dict[str, NDArray[Any]]]:
    """Pieces by their ids, None for a number without one, and what else the model holds."""
    if model["type"] == "Unigram":
        scores = np.array([score for _, score in model["vocab"]])
        exact = scores.astype(np.float32).astype(np.float64) == scores
        units: list[str | None] = [piece for piece, _ in model["vocab"]]
        return units + [None] * (size - len(units)), {"scores": scores.astype(np.float32) if exact.all() else scores}
    ids: dict[str, int] = model["vocab"]
    pieces: list[str | None] = [None] * max([size, *(token + 1 for token in ids.values())])
    for piece, token in ids.items():
        pieces[token] = piece
    if model["type"] != "BPE":
        return pieces, {}
    pairs = [pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model["merges"]]
    prefix = len(model.get("continuing_subword_prefix") or "")
    products = np.array([ids[left + right[prefix:]] for left, right in pairs], np.int32)
    lengths = [len(left.encode("utf-16-le")) // 2 for left, _ in pairs]
    steps = np.diff(products, prepend=np.int32(0))  # nearly all 1, which packs well
    return pieces, {"merges": np.stack([steps, np.array(lengths, np.int32)], 1) if pairs else np.zeros((0, 2), "i4")}


BLOCK = 4096  # characters that the library is asked about at once: of many more it takes long
PLAIN = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}


@cache
def character_ranges(name: str) -> list[tuple[int, int]]:
    """Characters as the library has them, whose Unicode is older than a browser's: "controls", which cleaning takes
    away, "accents", which BERT strips after decomposing, "marks", which StripAccents does, and "signs" of punctuation.
    Ranges from the first to the last."""
    step: Any = {
        "controls": normalizers.BertNormalizer(**PLAIN | {"clean_text": True}),
        "accents": normalizers.BertNormalizer(**PLAIN | {"strip_accents": True}),
        "marks": normalizers.StripAccents(), "signs": pre_tokenizers.Punctuation("removed"),
    }[name]  # fmt: skip

    def remaining(text: str) -> str:
        return "".join(part for part, _ in step.pre_tokenize_str(text)) if name == "signs" else step.normalize_str(text)

    found: list[int] = []
    for first in range(0, 0x110000, BLOCK):
        block = [point for point in range(first, first + BLOCK) if not 0xD800 <= point < 0xE000]
        left = remaining("".join(map(chr, block)))
        if len(left) != len(block) or left != "".join(map(chr, block)):
            gone = [point for point in block if chr(point) not in left]
            found += [point for point in gone if not remaining(chr(point))]  # another may have become something else
    return _ranges(found)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Numbers as ranges from the first to the last."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        first = ranges.pop()[0] if ranges and ranges[-1][1] == number - 1 else number
        ranges.append((first, number))
    return ranges


def to_javascript(pattern: str) -> str:
    """A pattern of Oniguruma, as tokenizers have them, in JavaScript's syntax (flag u). Raises NoHtml where it holds
    what JavaScript lacks.

    >>> to_javascript(r"(?i:'s|'re)|[^\\s\\p{Han}]+")
    "(?:'[sSſ]|'[rR][eE])|[^\\\\p{White_Space}\\\\p{Script=Han}]+"
    """
    out, place, in_class = "", 0, False
    while place < len(pattern):
        for found, write in RULES:
            match = found.match(pattern, place)
            if match and (text := write(match, in_class)) is not None:
                break
        else:
            raise NoHtml(f"Its tokenizer cuts by the pattern {pattern[:60]!r}, which the page can't read.")
        if match.group() in ("[", "[^", "]"):
            if (match.group() != "]") == in_class:
                raise NoHtml(f"Its tokenizer cuts by the pattern {pattern[:60]!r}, which the page can't read.")
            in_class = not in_class
        out, place = out + text, match.end()
    return out


def _property(match: re.Match[str], in_class: bool) -> str:
    kind, no, name = match.groups()
    inverted = (kind == "P") != bool(no)
    script = "Script=" if SCRIPT.fullmatch(name) else ""
    return f"\\{'P' if inverted else 'p'}{{{script}{name}}}"


def _class(match: re.Match[str], in_class: bool) -> str | None:
    words = r"\p{L}\p{M}\p{Nd}\p{Pc}"
    known = {"s": r"\p{White_Space}", "S": r"\P{White_Space}", "d": r"\p{Nd}", "D": r"\P{Nd}",
             "w": words if in_class else f"[{words}]"}  # fmt: skip
    return known.get(match.group(1))


def _any_case(match: re.Match[str], in_class: bool) -> str:
    more = {"s": "ſ", "k": "\u212a"}  # the other letters of the same fold
    letters = (f"[{one.lower()}{one.upper()}{more.get(one.lower(), '')}]" if one.isalpha() else one
               for one in match.group(1))  # fmt: skip
    return f"(?:{''.join(letters)})"


def _same(match: re.Match[str], in_class: bool) -> str:
    return match.group()


def _escaped(match: re.Match[str], in_class: bool) -> str:
    sign = match.group(1)
    return f"\\{sign}" if sign in SIGNS or (sign == "-" and in_class) else sign


RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str], bool], str | None]]] = [
    (re.compile(r"\\([pP])\{(\^?)(\w+)\}"), _property),
    (re.compile(r"\\([sSdDw])"), _class),
    (re.compile(r"\\[rntfv]"), _same),
    (re.compile(r"\\([^A-Za-z0-9])", re.S), _escaped),
    (re.compile(r"\(\?i:([A-Za-z'’|]*)\)"), _any_case),
    (re.compile(r"\(\?(?::|=|!|<=|<!)|\((?!\?)"), lambda match, inside: None if inside else match.group()),
    (re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??(?!\+)"), _same),
    (re.compile(r"[*+?()]"), lambda match, inside: match.group() if inside else None),
    (re.compile(r"\[\^?|\]"), _same),
    (re.compile(r"[|)]"), lambda match, inside: f"\\{match.group()}" if inside else match.group()),
    (re.compile(r"\."), lambda match, inside: "\\." if inside else r"[^\n]"),
    (re.compile(r"[{}/]"), lambda match, inside: f"\\{match.group()}"),
    (re.compile(r"[$^]"), lambda match, inside: f"\\{match.group()}" if inside else None),
    (re.compile(r"[^\\&*+?(){}|.\[\]^$]|&(?!&)", re.S), _same),
]
