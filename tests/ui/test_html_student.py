"""A student's page in a real Chromium, from a disk: it reads and answers as the student does, and asks nobody."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from toy import TOY

from distill_core.config.schema import Config
from distill_core.registry import STUDENTS
from distill_core.student import html_export, onnx_export, persistence, vocabulary
from distill_core.student.network import Student
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import OnnxNetwork
from distill_core.tokenization import MASK

ENCODERS = [name for name in STUDENTS.names if not persistence.has_own_network(name)]
TOYS = [text for texts in TOY.values() for text in texts]
HOSTILE = "</script><img src=x onerror=alert(1)>"
LABELS = ["bad", "good", HOSTILE]
REPORT = {
    "task": "toy", "seed": 3, "rows": {"train": 20, "test": 5}, "metric": "accuracy",
    "scores": {row: {"accuracy": 0.9, "low": 0.8, "high": 0.95, "parameters": 1234, "bytes": 5678}
               for row in ("floor", "control", "student", "teacher")},
    "verdict": [["warning", HOSTILE]], "summary": {"teacher": HOSTILE},
}  # fmt: skip
NASTY = [
    "", " ", "a warm and funny film", "中文字 a film 好", "🙂👩‍👩‍👧‍👦🏽 ok", "half \ud800 and \udc00b", "nul \0 x",
    "\u202eabc\u202c", "e\u0301\u0327\u0308 Å Ça crème", "zero\u200bwidth\u200d\ufeff", "x" * 150,
    "x" * 100 + " " + "y" * 101,
    "a dull film " * 60, "ΣΑΣ ΟΔΟΣ İstanbul ŉ ﬁ ﬃ ½ ①", "\t\r\n a\x85b\u2028c\u3000d  e   f",
    "[MASK] film [mask] [UNK]",
    "  <mask>  x <s></s> [CLS][SEP]", "don't DON'T 'S it'ſ we'LL", "no!!!...??? (a) $5.00 + 3,14%", "하나 둘 ไทย กำ",
    "dog house Dog House adog house", "``quoted'' text", "\u0345\u0300 start", "ﷺ ﷻ ①②Ⅷ ²³", "a_b-c/d http://x.y/z?q=1",
    "\U0001f1e9\U0001f1ea", "▁under▁score ▁▁x", "<0x41> <0x00>", "soft\u00adhyphen \x7f\x1b[0m", 
    "\u1e9e ß SS \u061d x\u061dy",
    "a\ufe0fb \u089a a\u089ab",
]  # fmt: skip


def _trained(model: Any, trainer: Any, *, normalizer: Any = None, split: Any = None, added: tuple = ()) -> Tokenizer:
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if split:
        tokenizer.pre_tokenizer = split
    tokenizer.train_from_iterator([*TOYS, "[](){}<>0123456789"], trainer)
    tokenizer.add_tokens(list(added))
    return tokenizer


def word_pieces(**options: Any) -> Tokenizer:
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", MASK], show_progress=False)
    added = AddedToken("Dog House", single_word=True, normalized=True), AddedToken("<x>", lstrip=True, rstrip=True)
    return _trained(models.WordPiece(unk_token="[UNK]"), trainer, normalizer=normalizers.BertNormalizer(**options),
                    split=pre_tokenizers.BertPreTokenizer(), added=added)  # fmt: skip


def byte_pairs(split: Any, **options: Any) -> Tokenizer:
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<s>", "</s>"], show_progress=False)  # fmt: skip
    added = (AddedToken("<mask>", lstrip=True, normalized=False, special=True),)
    return _trained(models.BPE(**options), trainer, split=split, added=added)


def as_llama_3() -> Tokenizer:
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
    )
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    return byte_pairs(pre_tokenizers.Sequence(steps), ignore_merges=True)


def as_llama_2() -> Tokenizer:
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))],
                                  show_progress=False)  # fmt: skip
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    return _trained(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True), trainer,
                    normalizer=normalizers.Sequence(steps))  # fmt: skip


def sentence_pieces(name: str) -> Tokenizer:
    """As transformers makes it of a SentencePiece model, with the normalization that the model brings."""
    import transformers

    with tempfile.TemporaryDirectory() as place:
        sentencepiece.SentencePieceTrainer.Train(
            sentence_iterator=iter(TOYS), model_prefix=f"{place}/spm", vocab_size=120, hard_vocab_limit=False,
            minloglevel=3, user_defined_symbols=[] if "XLM" in name else ["[CLS]", "[SEP]", "[MASK]"],
            **({"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1} if "XLM" in name
               else {"unk_id": 1, "pad_id": 0, "bos_id": -1, "eos_id": -1}),
        )  # fmt: skip
        Path(place, "spm.model").rename(Path(place, "sentencepiece.bpe.model" if "XLM" in name else "spiece.model"))
        tokenizer: Tokenizer = getattr(transformers, name).from_pretrained(place).backend_tokenizer
        return tokenizer


VOCABULARIES: dict[str, Callable[[], Tokenizer | None]] = {
    "words": lambda: None,
    "BERT": lambda: word_pieces(lowercase=True),
    "BERT, cased": lambda: word_pieces(lowercase=False, strip_accents=False),
    "RoBERTa": lambda: byte_pairs(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "Llama 3": as_llama_3,
    "Llama 2": as_llama_2,
    "XLM-R": lambda: sentence_pieces("XLMRobertaTokenizer"),
    "ALBERT": lambda: sentence_pieces("AlbertTokenizer"),
}
MASKS = {"RoBERTa": "<mask>", "Llama 3": "<mask>", "XLM-R": "<mask>"}


def student(
    kind: str, pair: bool = False, channels: str = "trained", tokenizer: Tokenizer | None = None, mask: str = MASK,
    cut: str = "head",
) -> Predictor:  # fmt: skip
    """A student whose answers depend on all it reads, with a row for every second of its tokenizer's pieces, the
    others read as one of these."""
    torch.manual_seed(1)
    words = vocabulary.build_vocabulary("pieces" if tokenizer else "words", [*TOYS, *NASTY[2:4]], tokenizer, mask)
    if tokenizer:
        known, count = set(words.token_ids), words.tokenizer.get_vocab_size()
        words = words.aliased(
            [(token, 3 + token % (words.size - 3)) for token in range(0, count, 2) if token not in known]
        )
    config = Config.of(student=kind, hidden=20, fc=12, channels=channels, max_tokens=40, cut=cut)
    model = Student(torch.randn(words.size, 10), STUDENTS.get(kind).Encoder, 3, pair, 20, 12, channels=channels)
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 2.0
    settings = persistence.settings(config, LABELS, pair, model)
    table = "AAAA" + "QEBA" * words.size  # base64 of bytes of many values
    familiarity = {"surprisals": table, "mean": 20.0, "deviation": 30.0, "threshold": 2.0}
    return Predictor(model, words, {**settings, "temperature": 1.7, "familiarity": familiarity, "defer": {"0.9": 0.6}})


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., SimpleNamespace]]:
    """Opens the page of a student from a file. Whatever it says as an error or asks of anybody fails the test."""
    context = chromium.new_context(accept_downloads=True, viewport={"width": 400, "height": 800})
    faults: list[str] = []

    def open_page(model: Predictor, report: dict[str, Any] | None = None) -> SimpleNamespace:
        onnx = onnx_export.write_onnx(model)
        _, rounded = html_export.round_weights(onnx, small_table=False)
        file = tmp_path / "student.html"
        file.write_bytes(html_export.build_page(model, onnx, REPORT | (report or {})))
        tab = context.new_page()
        tab.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("dialog", lambda dialog: faults.append(dialog.message))
        allowed = (file.as_uri(), "blob:")
        tab.on("request", lambda asked: None if asked.url.startswith(allowed) else faults.append(asked.url))
        tab.goto(file.as_uri())
        tab.evaluate("async () => { globalThis.ready = await model }")
        return SimpleNamespace(tab=tab, network=OnnxNetwork(rounded), faults=faults)

    yield open_page
    context.close()
    assert not faults, faults


def ask(tab: Any, rows: list[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Ids and answers of the page. Texts go there as UTF-16, for halves of characters are none of UTF-8."""
    units = [
        [np.frombuffer(side.encode("utf-16-le", "surrogatepass"), np.uint16).tolist() for side in row] for row in rows
    ]
    found: list[dict[str, Any]] = tab.evaluate(
        """rows => rows.map((row) => row.map((units) => String.fromCharCode(...units)))
            .map((row) => ({ ids: row.map(ready.ids), ...ready.predict(row) }))""",
        units,
    )
    return found


def assert_same(model: Predictor, page: SimpleNamespace, rows: list[tuple[str, ...]]) -> None:
    """That the page reads the rows as the student, and answers as its rounded network does."""
    found, sides = ask(page.tab, rows), model.vocabulary.sides(rows, *model.limit)
    for row, one, ids in zip(rows, found, zip(*sides, strict=True), strict=True):
        assert one["ids"] == list(ids), ascii(row)
    shares = np.array([one["probabilities"] for one in found])
    expected = model.probabilities(page.network(sides))
    assert abs(shares - expected).max() < 1e-4
    assert np.ptp(expected, axis=0).min() > 0.01, "of one answer to all nothing could differ"
    assert [one["likeliest"] for one in found] == expected.argmax(1).tolist()
    assert abs(shares - model.probabilities(model.logits(rows))).max() < 0.2, "16 bits"
    unfamiliar = [model.unfamiliar(row if len(row) > 1 else row[0]) for row in rows]
    assert [one["unfamiliar"] for one in found] == unfamiliar and len(set(unfamiliar)) == 2


def rows_of(pair: bool) -> list[tuple[str, ...]]:
    texts = [*TOYS, *NASTY]
    return list(zip(texts, [*texts[7:], *texts[:7]], strict=True)) if pair else [(text,) for text in texts]


@pytest.mark.parametrize("pair", [False, True], ids=["single", "pair"])
@pytest.mark.parametrize("kind", ENCODERS)
def test_the_page_of_every_student_answers_as_the_student(kind: str, pair: bool, opened: Any) -> None:
    for channels in ("trained", "both"):
        model = student(kind, pair, channels)
        assert_same(model, opened(model), rows_of(pair))


@pytest.mark.parametrize("cut", ["head", "head_tail"])
@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_page_reads_every_kind_of_vocabulary_as_the_library_does(name: str, cut: str, opened: Any) -> None:
    model = student("bag", tokenizer=VOCABULARIES[name](), mask=MASKS.get(name, MASK), cut=cut)
    assert_same(model, opened(model), rows_of(False))


def test_the_page_knows_the_operators_that_an_export_lets_pass(opened: Any) -> None:
    known = opened(student("bag")).tab.evaluate("() => Object.keys(operators).sort()")
    assert known == sorted(html_export.OPERATORS)


def test_a_page_answers_while_one_types_and_warns(opened: Any) -> None:
    model = student("bilstm_max")
    tab = opened(model).tab
    tab.keyboard.type("a warm and funny film")  # the box has the focus
    (answer,) = model(["a warm and funny film"])
    best = tab.locator("#answer li.likeliest")
    best.wait_for()
    assert best.locator(".label").inner_text() == answer.label
    shown = float(best.locator(".share").inner_text().removesuffix(" %"))
    assert shown == pytest.approx(100 * answer.probability, abs=1)
    tab.wait_for_function("() => document.querySelector('#spoken').textContent")
    wide, whole = (best.locator(name).bounding_box()["width"] for name in (".bar", ".track"))
    assert 100 * wide / whole == pytest.approx(shown, abs=1)
    assert tab.locator("#spoken").inner_text().startswith(answer.label)
    for text in ("a warm and funny film", "zzz", *TOYS[:6]):
        tab.locator("#text-1").fill(text)
        tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        (answer,) = model([text])
        assert tab.locator("#unfamiliar").is_visible() == model.unfamiliar(text)
        assert tab.locator("#defer").is_visible() == (answer.probability < 0.6)
    tab.locator("#text-1").fill("  ")
    tab.wait_for_function("() => !document.querySelector('li.likeliest')")


def test_hostile_words_are_words_and_the_page_fits_a_phone(opened: Any) -> None:
    page = opened(student("bag", pair=True))
    tab = page.tab
    assert tab.locator("img").count() == 0 and tab.locator("script").count() == 2
    assert HOSTILE in tab.locator("h1").inner_text() and tab.locator("#answer").get_by_text(HOSTILE).count() == 1
    assert tab.locator("section p", has_text=HOSTILE).count() >= 1
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("textarea.asked").count() == 2
    policy = tab.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    refused = tab.evaluate("() => fetch(location.href).then(() => 'answered', () => 'refused')")
    assert refused == "refused"
    tab.evaluate(
        "() => document.body.append(Object.assign(document.createElement('script'), { textContent: 'run = 1' }))"
    )
    assert tab.evaluate("() => typeof run") == "undefined"
    assert page.faults and all("Content Security Policy" in fault for fault in page.faults), page.faults
    page.faults.clear()


def test_lines_and_files_become_a_csv_that_no_spreadsheet_computes(opened: Any, tmp_path: Path) -> None:
    model = student("bag")
    tab = opened(model).tab
    texts = ["a warm film", '=SUM("A1")', 'say "so", please', "-5", "@x"]

    def saved(click: Callable[[], object]) -> list[list[str]]:
        with tab.expect_download() as waiting:
            click()
        return list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"), newline="")))

    def check(rows: list[list[str]], head: list[str]) -> None:
        added = ["label", *(f"p {label}" for label in LABELS), "unfamiliar"]
        assert rows[0] == head + [f"predicted {name}" if name in head else name for name in added]
        place = next(place for place, name in enumerate(head) if name.lower() == "text")
        assert [row[place] for row in rows[1:]] == ["a warm film", '\'=SUM("A1")', 'say "so", please', "-5", "'@x"]
        for text, whole in zip(texts, rows[1:], strict=True):
            row = ["", *whole[len(head) :]]
            (answer,) = model([text])
            assert row[1] == answer.label and row[-1] == str(model.unfamiliar(text)).lower()
            assert [float(cell) for cell in row[2:5]] == pytest.approx(list(answer.probabilities.values()), abs=0.01)

    tab.locator("#lines").fill("\n".join(texts))
    check(saved(tab.get_by_role("button", name="Save predictions").click), ["text"])
    table = tmp_path / "own.csv"
    with table.open("w", encoding="utf-8-sig", newline="") as stream:
        rows = [(place, text, "mine") for place, text in enumerate(texts)]
        csv.writer(stream, delimiter=";").writerows([("id", "Text", "label"), *rows])
    check(saved(lambda: tab.locator("#file").set_input_files(table)), ["id", "Text", "label"])
    assert "Saved 5 predictions" in tab.locator("#progress").inner_text()
    table.write_text("id,message\n1,a warm film\n")
    tab.locator("#file").set_input_files(table)
    tab.locator("#progress", has_text="The file has no column “text”, only id, message. Rename").wait_for()
    trained = opened(model, {"columns": ["Message"]}).tab
    trained.locator("#file").set_input_files(table)
    trained.locator("#progress", has_text="Saved 1 predictions").wait_for()
    assert "column Message" in trained.locator("main").inner_text()


def test_a_page_has_no_fault_that_axe_finds(opened: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe isn't installed")
    source = Path(axe.__file__).parent / "axe.min.js"
    for pair in (False, True):
        tab = opened(student("bag", pair)).tab
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            tab.keyboard.type("a film")
            found = tab.context.new_cdp_session(tab)
            found.send("Page.setBypassCSP", {"enabled": True})
            tab.evaluate(source.read_text("utf-8"))
            violations = tab.evaluate("() => axe.run().then((found) => found.violations.map((one) => one.id))")
            assert not violations, (pair, scheme)
