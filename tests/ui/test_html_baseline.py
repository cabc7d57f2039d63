"""The baseline's page in a real Chromium, from a disk: it answers as the baseline does, and asks nobody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.test_baseline_export import fitted, saved

from distill_core.evaluation import baseline_html, baseline_runtime

REPORT = {
    "task": "toy", "rows": {"train": 300, "test": 5}, "metric": "accuracy", "columns": ["Message"],
    "scores": {"floor": {"accuracy": 0.9, "low": 0.8, "high": 0.95, "parameters": 1234, "bytes": 5678}},
    "verdict": [["warning", "<img src=x onerror=alert(1)>"]],
}  # fmt: skip
# Characters that browsers and Python may part otherwise: marks, numbers, signs, blanks, capitals, halves of a character
NASTY = [
    "", " ", "e\u0301te\u0301 film", "½ ① Ⅷ ²³ x²", "ΣΑΣ ΟΔΟΣ İstanbul ŉ ß ẞ", "a\u200bb\u200d\ufeffc",
    "a\x85b\x1cc\x1fd\u2028e",
    "good_film _ __", "🙂👩‍👩‍👧‍👦🏽 good", "half \ud800 and \udc00b good",
    "नमस्ते กำ 하나 둘", "\u0345\u0300 good", "ﷺ ﬁlm",
    "good " * 500, "not good, not bad!!! film… it's 3.5", "\u1e9e SS \u061d good\u061dy",
]  # fmt: skip


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[[baseline_runtime.Predictor], Any]]:
    """Opens the page of a baseline from a file. Whatever it says as an error or asks of anybody fails the test."""
    context, faults = chromium.new_context(), []

    def open_page(model: baseline_runtime.Predictor) -> Any:
        file = tmp_path / "baseline.html"
        file.write_bytes(baseline_html.build_page(model, REPORT))
        tab = context.new_page()
        tab.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda asked: None if asked.url == file.as_uri() else faults.append(asked.url))
        tab.goto(file.as_uri())
        tab.evaluate("async () => { globalThis.ready = await model }")
        return tab

    yield open_page
    context.close()
    assert not faults, faults


def ask(tab: Any, rows: list[tuple[str, ...]]) -> Any:
    """Answers of the page. Texts go there as UTF-16, for halves of characters are none of UTF-8."""
    units = [
        [np.frombuffer(side.encode("utf-16-le", "surrogatepass"), np.uint16).tolist() for side in row] for row in rows
    ]
    code = "rows => rows.map((row) => ready.predict(row.map((units) => String.fromCharCode(...units))))"
    return tab.evaluate(code, units)


@pytest.mark.parametrize(
    ("classes", "pair", "shown"), [(2, False, None), (3, False, None), (5, True, None), (4, False, 2)],
    ids=["two", "three", "pairs", "unseen labels"],
)  # fmt: skip
def test_the_page_of_a_baseline_answers_as_the_baseline(
    classes: int, pair: bool, shown: int | None, opened: Any, tmp_path: Path
) -> None:
    baseline, rows = fitted(classes, pair, shown)
    model = baseline_runtime.load(saved(baseline, tmp_path / "floor", 1.5))
    rows += [(text, *row[1:]) for text, row in zip(NASTY, rows, strict=False)]
    found = ask(opened(model), rows)
    shares = np.array([one["probabilities"] for one in found])
    asked = rows if pair else [row[0] for row in rows]
    assert abs(shares - baseline_html.rounded(model).predict_proba(asked)).max() < 1e-5
    assert abs(shares - model.predict_proba(asked)).max() < 0.01, "16 bits"
    assert np.ptp(shares, axis=0)[: shown or classes].min() > 0.1, "of one answer to all nothing could differ"
    assert [model.labels[one["likeliest"]] for one in found] == baseline_html.rounded(model).predict(asked).tolist()


def test_a_baselines_page_answers_while_one_types(opened: Any, tmp_path: Path) -> None:
    model = baseline_runtime.load(saved(fitted(2)[0], tmp_path / "floor"))
    tab = opened(model)
    tab.keyboard.type("not a good film")
    best = tab.locator("#answer li.likeliest")
    best.wait_for()
    (answer,) = model(["not a good film"])
    assert best.locator(".label").inner_text() == answer.label
    assert not tab.locator("#unfamiliar").is_visible() and not tab.locator("#defer").is_visible()
    words = tab.locator("main").inner_text()
    assert "whoever has it can read them" in words and "row floor" in words and "<img src=x" in words
