"""A language with three plurals, and a fourth for fractions: nothing on the way counts to two only.

The words stand here, not on the page: they are there to be counted with.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from distill_core.data.preparation import ROW_COUNTS
from distill_core.messages import message, message_data
from ui.components import formatting
from ui.i18n import names
from ui.i18n import translate as i18n_translate
from ui.i18n.translate import format_number, format_time, plural_categories, translate, use_language

WORDS = {
    "history.told.all": "{n:,} {n:~przebieg|przebiegi|przebiegów|przebiegu}",
    "compare.rough": "{n:~Oceniono|Oceniono|Oceniono} tylko {n:wiersz|wiersze|wierszy}.",
    "time.pattern": "d MMM yyyy HH:mm",
    "metric.accuracy": "dokładność",
}
MESSAGES = {
    "{n:row|rows} of train without a label became transfer text.": (
        "{n:wiersz|wiersze|wierszy|wiersza} z train bez etykiety {n:~stał|stały|stało|stało} się tekstem transferowym."
    ),
    "{n:row|rows} of {split} also {n:~occurs|occur} in {other} and {n:~was|were} left out of {split} ({rows}).": (
        "{n:wiersz|wiersze|wierszy} z {split} {n:~jest|są|jest} też w {other} i {n:~znika|znikają|znika} z {split} "
        "({rows})."
    ),
    "{n:~row|rows} {numbers}": "{n:~wiersz|wiersze|wiersze} {numbers}",
    "{value:.1%} {name:metric}": "{name:metric} {value:.1%}",
    ROW_COUNTS: "Wiersze: {train:,} train, {valid:,} validation, {test:,} test. Wynik na {split}.",
}


@pytest.fixture(autouse=True)
def polish(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Polish is spoken, by the tables above."""
    table, messages = i18n_translate.table, names._engine_messages

    def words(language: str) -> dict[str, str]:
        return WORDS if language == "pl" else table(language)

    def sentences(language: str) -> dict[str, Any]:
        return MESSAGES if language == "pl" else messages(language)

    monkeypatch.setattr(i18n_translate, "table", words)
    monkeypatch.setattr(names, "_engine_messages", sentences)
    with use_language("pl"):
        yield


def shown(text: str) -> str:
    """The text with its no-break spaces in sight."""
    return text.replace("\u00a0", "_")


def test_a_number_takes_the_form_of_its_plural() -> None:
    assert plural_categories("pl") == ("one", "few", "many", "other") and plural_categories("en") == ("one", "other")
    template = "{n:row|rows} of train without a label became transfer text."
    found = {n: shown(names.translate_message(message(template, n=n))) for n in (1, 2, 5, 22, 1.5, 0, 12345)}
    assert found == {
        1: "1_wiersz z train bez etykiety stał się tekstem transferowym.",
        2: "2_wiersze z train bez etykiety stały się tekstem transferowym.",
        5: "5_wierszy z train bez etykiety stało się tekstem transferowym.",
        22: "22_wiersze z train bez etykiety stały się tekstem transferowym.",
        1.5: "1,5_wiersza z train bez etykiety stało się tekstem transferowym.",
        0: "0_wierszy z train bez etykiety stało się tekstem transferowym.",
        12345: "12_345_wierszy z train bez etykiety stało się tekstem transferowym.",
    }


@pytest.mark.parametrize(
    ("n", "told", "rows"),
    [
        (1, "1_wiersz z test jest też w train i znika z test.", "wiersz 3, 9"),
        (2, "2_wiersze z test są też w train i znikają z test.", "wiersze 3, 9"),
        (5, "5_wierszy z test jest też w train i znika z test.", "wiersze 3, 9"),
        (22, "22_wiersze z test są też w train i znikają z test.", "wiersze 3, 9"),
        (1.5, "1,5_wierszy z test jest też w train i znika z test.", "wiersze 3, 9"),  # three forms: the last serves
    ],
)
def test_a_message_within_a_message_has_its_own_forms(n: float, told: str, rows: str) -> None:
    template = (
        "{n:row|rows} of {split} also {n:~occurs|occur} in {other} and {n:~was|were} left out of {split} ({rows})."
    )
    inner = message("{n:~row|rows} {numbers}", n=n, numbers="3, 9")
    said = message(template, n=n, split="test", other="train", rows=inner)
    assert shown(names.translate_message(said)) == told.removesuffix(".") + f" ({rows})."
    sentence, details = names.split_details(message_data(said))
    assert (shown(sentence), details) == (told, rows)


def test_the_pages_own_words_count_as_well() -> None:
    assert [translate("history.told.all", n=n) for n in (1, 2, 5, 22, 1.5)] == [
        "1 przebieg", "2 przebiegi", "5 przebiegów", "22 przebiegi", "1,5 przebiegu"
    ]  # fmt: skip
    assert [shown(translate("compare.rough", n=n)) for n in (1, 2, 5, 22, 1.5)] == [
        f"Oceniono tylko {rows}." for rows in ("1_wiersz", "2_wiersze", "5_wierszy", "22_wiersze", "1,5_wierszy")
    ]


def test_numbers_and_dates_are_written_as_in_polish() -> None:
    assert shown(format_number(1234567.891, ",.2f")) == "1_234_567,89" and format_number(-0.5, ".1f") == "−0,5"
    assert [shown(one) for one in (formatting.count(12345), formatting.percent(0.125), formatting.size(2.3e6))] == [
        "12_345", "12,5_%", "2,3_MB"
    ]  # fmt: skip
    score = message("{value:.1%} {name:metric}", value=0.974, name="accuracy")
    assert shown(names.translate_message(score)) == "dokładność 97,4_%"
    counts = message(ROW_COUNTS, train=67349, valid=872, test=1821, split="test")
    assert shown(names.translate_message(counts)) == (
        "Wiersze: 67_349 train, 872 validation, 1_821 test. Wynik na test."
    )
    assert " lis 2026 " in format_time(1_794_700_000)


def test_what_it_lacks_is_said_in_english_with_english_numbers_and_plurals() -> None:
    assert shown(names.translate_message(message("{n:thing|things} of {k:,}", n=5, k=1500))) == "5_things of 1,500"
    assert translate("passes", n=5) == "5 augmentation passes" and translate("passes", n=1) == "1 augmentation pass"
