"""A student as one HTML file: what is rounded, what that may cost, and what is refused with a sentence. Whether a page
answers as its student does is asked in a browser: tests/ui/test_html_student.py."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_onnx import predictor, scored, texts
from test_predictor import REPORT
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from distill_core.errors import DataError
from distill_core.evaluation import html_page, rounding
from distill_core.evaluation.html_page import NoHtml
from distill_core.student import html_export, html_tokenizer, onnx_export, persistence, vocabulary
from distill_core.student.html_tokenizer import to_javascript
from distill_core.student.onnx_graph import Graph
from distill_core.student.runtime import OnnxNetwork, Vocabulary


def test_weights_have_16_bits_and_those_of_a_small_table_8_with_a_scale_for_each_row() -> None:
    student = predictor("bilstm_max")
    content = onnx_export.write_onnx(student)
    sides = student.vocabulary.sides(texts(50), *student.limit)
    exact = OnnxNetwork(content)(sides)
    differences = []
    for small_table in (False, True):
        tensors, rounded = html_export.round_weights(content, small_table)
        kinds = {str(values.dtype) for values in tensors.values() if values.size >= html_export.FEW}
        assert kinds == ({"float16", "int8"} if small_table else {"float16"})
        (table,) = [name for name, values in tensors.items() if values.shape == (len(student.vocabulary.entries), 10)]
        original = np.asarray(student.model.tables["trained"].weight.detach())
        if small_table:
            restored = tensors[table] * tensors[f"{table}.scale"]
            assert (abs(restored - original) <= abs(original).max(1, keepdims=True) / 254 + 1e-6).all()
        else:
            assert np.array_equal(tensors[table], original.astype(np.float16))
        differences.append(abs(OnnxNetwork(rounded)(sides) - exact).max())
    assert 0 < differences[0] < differences[1] < 0.1 * np.ptp(exact)


def test_a_page_says_what_the_rounding_cost(tmp_path: Path) -> None:
    student, rows = predictor("bilstm"), texts(250)
    persistence.save(student, tmp_path / "student")
    labels = [one.label for one in student([row[0] for row in rows])]
    page = html_export.write_html(tmp_path / "student", tmp_path / "new" / "a.html", REPORT, scored(rows, labels))
    words = " ".join(page.read_text("utf-8").split())
    assert "Its weights are rounded to 16 bits. 0 of 250 answers are others by that" in words
    assert "the accuracy on these test rows is 100.0 % instead of 100.0 %" in words
    assert "https://" not in words and "http://" not in words
    for fact in ("90.0 %", "80.0 % to 95.0 %", "The control is at the teacher already.", "its teacher&#39;s mistakes"):
        assert fact in words, fact


def test_a_heavy_page_has_a_small_table_where_test_rows_say_that_it_costs_little(monkeypatch: Any) -> None:
    student, rows = predictor("bilstm"), texts(400)
    content = onnx_export.write_onnx(student)
    answers = [one.label for one in student([row[0] for row in rows])]
    monkeypatch.setattr(html_export, "LIGHT", 1000)

    def page(count: int) -> str:
        return html_export.build_page(student, content, REPORT, scored(rows[:count], answers)).decode()

    assert "16 bits, those of its table to 8" in page(400)
    assert "rounded to 16 bits. " in page(199), "too few rows to say"
    monkeypatch.setattr(rounding, "MOST_LOST", -1.0)
    with pytest.raises(NoHtml, match=r"With weights of 16 bits its accuracy on 400 test rows is \d+\.\d % instead of"):
        page(400)


def test_a_small_table_that_costs_more_than_half_a_point_is_left_out(monkeypatch: Any) -> None:
    student, rows = predictor("bilstm"), texts(400)
    content = onnx_export.write_onnx(student)
    answers = [one.label for one in student([row[0] for row in rows])]
    monkeypatch.setattr(html_export, "LIGHT", 1000)
    measured = html_export.measure_loss

    def costly(before: Any, after: Any, given: Any) -> rounding.Loss:
        worse = measured(before, after, given)
        asked.append(worse)
        return worse if len(asked) != 2 else rounding.Loss(400, 3, 1.0, 1.0 - 3 / 400)

    asked: list[rounding.Loss] = []
    monkeypatch.setattr(html_export, "measure_loss", costly)
    page = html_export.build_page(student, content, REPORT, scored(rows, answers)).decode()
    assert "rounded to 16 bits. 0 of 400" in " ".join(page.split())


def test_what_a_page_does_not_know_is_refused_with_a_sentence(tmp_path: Path, monkeypatch: Any) -> None:
    student = predictor("bag")

    def odd(graph: Any, values: str, lengths: str) -> str:
        return str(graph.Sigmoid(mean(graph, values, lengths)))

    mean = Graph.mean
    persistence.save(student, tmp_path / "student")
    monkeypatch.setattr(Graph, "mean", odd)
    with pytest.raises(NoHtml, match="In ONNX its logits were up to"):
        html_export.write_html(tmp_path / "student", tmp_path / "a.html", REPORT)
    with pytest.raises(NoHtml, match="Its network computes Sigmoid in a way that the page does not know."):
        html_export.build_page(student, onnx_export.write_onnx(student), REPORT)
    monkeypatch.undo()
    monkeypatch.delattr("distill_core.student.encoders.bag.Encoder.onnx")
    with pytest.raises(NoHtml, match=r"Its component \(bag\) does not write ONNX."):
        html_export.write_html(tmp_path / "student", tmp_path / "a.html", REPORT)
    assert not (tmp_path / "a.html").exists()
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="The page can't be written to"):
        html_export.write_html(tmp_path / "student", tmp_path / "file" / "a.html", REPORT)
    monkeypatch.setattr(html_page, "MOST", 10)
    with pytest.raises(NoHtml, match="Its page would have 0 MB"):
        html_export.build_page(student, onnx_export.write_onnx(student), REPORT)


def words_with(split: Any = None, normalizer: Any = None, model: Any = None) -> Vocabulary:
    tokenizer = Tokenizer(model or models.WordLevel({"[UNK]": 0, "film": 1}, unk_token="[UNK]"))
    if split:
        tokenizer.pre_tokenizer = split
    if normalizer:
        tokenizer.normalizer = normalizer
    return vocabulary.build_vocabulary("pieces", ["film"], tokenizer)


@pytest.mark.parametrize("vocabulary, why", [
    (lambda: words_with(pre_tokenizers.UnicodeScripts()), "a splitter of the kind UnicodeScripts"),
    (lambda: words_with(pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts()])), "of the kind UnicodeScripts"),
    (lambda: words_with(normalizer=normalizers.Nmt()), "a normalizer of the kind Nmt"),
    (lambda: words_with(pre_tokenizers.Split(Regex(r"\bx++"), "isolated")), "cuts by the pattern"),
    (lambda: words_with(pre_tokenizers.Metaspace(prepend_scheme="first"), normalizers.Strip()), "the first word alone"),
    (lambda: words_with(model=models.BPE({"f": 0, "i": 1, "[UNK]": 2}, [], dropout=0.1)), "by chance"),
])  # fmt: skip
def test_a_tokenizer_that_does_what_the_page_can_not_is_refused(vocabulary: Any, why: str) -> None:
    with pytest.raises(NoHtml, match=re.escape(why)):
        html_tokenizer.page_vocabulary(vocabulary())


def test_a_vocabulary_of_a_network_of_its_own_is_refused() -> None:
    with pytest.raises(NoHtml, match="special tokens"):
        html_tokenizer.page_vocabulary(type("Other", (Vocabulary,), {})("words", None, [], [], [], ""))  # type: ignore[arg-type]


def test_patterns_say_the_same_in_javascript() -> None:
    assert to_javascript(r"(?i:'s|'re)|[^\s\p{Han}]+") == r"(?:'[sSſ]|'[rR][eE])|[^\p{White_Space}\p{Script=Han}]+"
    assert to_javascript(r"\p{^Lu}\P{N}.[.{]\"\-[\-\d]{2,}") == r'\P{Lu}\P{N}[^\n][\.\{]"-[\-\p{Nd}]{2,}'
    for odd in (r"a++", r"(?>a)", r"^a", r"\bx", r"[a[b]]", r"[a&&b]", r"\h", r"(?i)a", r"(?i:[a])"):
        with pytest.raises(NoHtml):
            to_javascript(odd)


def test_a_vocabulary_of_its_own_characters_cuts_a_text_of_these_as_before() -> None:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<mask>"], unk_token="<unk>",
                                      show_progress=False)  # fmt: skip
    latin, others = ["a warm and funny film", "a dull and long film"] * 20, ["фильм теплый", "смешной фильм"] * 20
    tokenizer.train_from_iterator([*latin, *others], trainer)
    whole = vocabulary.build_vocabulary("pieces", latin, tokenizer, "<mask>")
    whole = whole.aliased([(token, 3) for token in range(tokenizer.get_vocab_size()) if token not in whole.token_ids])
    cut = html_tokenizer.alphabet_vocabulary(whole)
    assert cut.tokenizer.get_vocab_size() < whole.tokenizer.get_vocab_size()
    asked = [*latin[:2], "and [MASK] a mad lofty dunny", "", "   film", "wing flow"]
    asked = [text for text in asked if set(text) - {*"[MASK] "} <= {*"".join(latin)}]
    assert len(asked) >= 4 and cut.ids(asked, 40) == whole.ids(asked, 40)
    assert cut.ids(["фильм a film"], 40) != whole.ids(["фильм a film"], 40)
    assert html_tokenizer.alphabet_vocabulary(words_with()).tokenizer.to_str() == words_with().tokenizer.to_str()


def test_merges_are_packed_so_that_they_can_be_read_again() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(
        ["low lower lowest 🙂🙂 new newer"] * 9, trainers.BpeTrainer(vocab_size=60, show_progress=False)
    )
    words = vocabulary.build_vocabulary("pieces", ["low"], tokenizer)
    found = html_tokenizer.page_vocabulary(words)
    pieces, product, read = found.specification["pieces"], 0, []
    for step, length in found.arrays["merges"]:
        product += int(step)
        units = pieces[product].encode("utf-16-le")
        read.append([units[: 2 * length].decode("utf-16-le"), units[2 * length :].decode("utf-16-le")])
    assert read == [list(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]] and len(read) > 10


def test_the_control_has_a_page_of_its_own() -> None:
    student = predictor("bag")
    student.settings |= {"row": "control", "defer": {"0.9": 0.7}}
    page = html_export.build_page(student, onnx_export.write_onnx(student), REPORT).decode()
    assert "<title>A bag control</title>" in page and "trained without a teacher" in page
