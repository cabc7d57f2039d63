"""The baseline as one HTML file: what it says, what its rounding costs, what it refuses. Its answers are compared in a
browser, by tests/ui/test_html_baseline.py."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from evaluation.test_baseline_export import REPORT, fitted, saved

from distill_core.errors import DataError
from distill_core.evaluation import baseline_html, baseline_runtime, html_page, rounding
from distill_core.evaluation.baseline import WORD_PATTERN
from distill_core.evaluation.html_page import NoHtml


@pytest.fixture
def model(tmp_path: Path) -> baseline_runtime.Predictor:
    return baseline_runtime.load(saved(fitted(3)[0], tmp_path / "floor", 1.5))


def rows(model: baseline_runtime.Predictor, count: int) -> list[tuple[tuple[str, ...], str]]:
    """Test rows whose label is the baseline's own answer."""
    texts = [row for row in fitted(3)[1] if row[0].strip()][:count]
    return [(text, str(label)) for text, label in zip(texts, model.predict([text for (text,) in texts]), strict=True)]


def test_a_page_says_what_it_is_and_what_rounding_cost(model: baseline_runtime.Predictor, tmp_path: Path) -> None:
    page = baseline_html.write_html(tmp_path / "floor", tmp_path / "new" / "a.html", REPORT, rows(model, 150))
    text = page.read_text("utf-8")
    assert page.stat().st_size < 100_000 and text.startswith("<!doctype html>")
    assert re.search(r"0 of 150 answers are others by that, and the accuracy on these test rows is 100.0 %", text)
    assert "temperature 1.50" in text and "1,300 labelled rows" in text.replace("1300", "1,300")
    assert "connect-src" not in text and "default-src 'none'" in text.replace("&#39;", "'")
    with pytest.raises(DataError, match="The page can't be written"):
        (tmp_path / "file").write_text("")
        baseline_html.write_html(tmp_path / "floor", tmp_path / "file" / "a.html", REPORT)


def test_a_page_that_would_answer_otherwise_or_weigh_too_much_is_refused(
    model: baseline_runtime.Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(change: dict[str, Any] | None = None) -> str:
        other = baseline_runtime.Predictor(model.settings | (change or {}), model.idf, model.coefficients,
                                           model.intercepts)  # fmt: skip
        with pytest.raises(NoHtml) as reason:
            baseline_html.build_page(other, REPORT, rows(model, 150))
        return str(reason.value)

    assert "parted words in another way" in refused({"pattern": r"\w+"})
    monkeypatch.setattr(html_page, "MOST", 10)
    assert "MB, and 0 are the most" in refused()
    monkeypatch.setattr(rounding, "MOST_LOST", -1.0)
    assert "With weights of 16 bits its accuracy on 150 test rows is 100.0 % instead of 100.0 %" in refused()


def test_each_character_is_of_a_word_or_a_sign_or_none_as_the_baseline_reads_it() -> None:
    words, signs = baseline_html.characters()
    pattern = re.compile(WORD_PATTERN)

    def among(ranges: list[tuple[int, int]], number: int) -> bool:
        return any(first <= number <= last for first, last in ranges)

    for sign in [*map(chr, range(0x3100)), "我", "ไ", "\ud800", "\U0001f642", "\U000e0001"]:
        found = pattern.findall(sign + sign)
        kind = "word" if found == [sign + sign] else "sign" if found else "none"
        assert kind == ("word" if among(words, ord(sign)) else "sign" if among(signs, ord(sign)) else "none"), (
            unicodedata.name(sign, ascii(sign))
        )
