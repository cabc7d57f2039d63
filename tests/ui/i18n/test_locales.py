"""Every language of the page is whole: nothing missing, nothing left over, the same braces, really its own words."""

import re
import string

import pytest

from distill_core import knobs, settings
from distill_core.api.catalog import REGISTRIES
from ui.components import formatting
from ui.i18n import names
from ui.i18n import translate as i18n_translate
from ui.i18n.translate import (
    LANGUAGES,
    babel_locale,
    plural_categories,
    table,
    translate,
    translate_or,
    use_language,
)

OTHERS = [language for language in LANGUAGES if language != "en"]
OWN = (
    "knob.",
    "part.",
    "setting.",
)  # declared in English beside the knob, the part or the setting itself; English has no keys for them
# the same word, name or sign in both languages; whatever else is equal was forgotten
SAME = {
    "de": {
        "app", "line.at", "recipe", "task.label", "task.text", "augment.original",
        "compare.confusion.corner", "compare.parameters", "compare.truth", "knob.alpha.label", "knob.dropout.label",
        "metric.f1", "compare.f1", "preset.distilbert.name", "preset.tinybert.name",
    }
}  # fmt: skip


def braces(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def page_words(language: str) -> dict[str, str]:
    return {key: text for key, text in table(language).items() if not key.startswith(OWN)}


def declared() -> dict[str, str]:
    """The English of knobs and parts under the keys with which a language overrules it."""
    found = {f"knob.{knob.name}.label": knob.label for knob in knobs()}
    found |= {f"knob.{knob.name}.help": knob.help for knob in knobs()}
    found |= {f"setting.{kind}.{one.name}": one.help for kind in ("preset", "size") for one in settings(kind)}
    return found | {f"part.{shelf.name}.{name}": shelf.help(name) for shelf in REGISTRIES for name in shelf.names}


def test_there_is_more_than_one_language() -> None:
    assert {"en", "de"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_all_that_english_says_and_no_more(language: str) -> None:
    english, other = page_words("en"), page_words(language)
    assert set(english) - set(other) == set(), "not translated"
    assert set(other) - set(english) == set(), "said nowhere any more"
    assert {key for key in english if braces(english[key]) != braces(other[key])} == set(), "other braces"


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_names_every_knob_and_part(language: str) -> None:
    theirs = {key for key in table(language) if key.startswith(OWN)}
    assert set(declared()) - theirs == set(), "a knob or part without words in this language"
    assert theirs - set(declared()) == set(), "no such knob or part"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_has_a_form_for_each_plural_of_its_language(language: str) -> None:
    rule = babel_locale(language).plural_form
    least = len({rule(n) for n in range(200)})  # what else a language tells apart are fractions, or millions
    forms = {
        (text, len(form.split("|")))
        for text in [*table(language).values(), *names._engine_messages(language).values()]
        for _, _, form, _ in string.Formatter().parse(text)
        if form and "|" in form
    }
    assert forms and {one for one in forms if not least <= one[1] <= len(plural_categories(language))} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_rows_and_examples_are_told_apart_in_every_language(language: str) -> None:
    told = names._engine_messages(language)
    assert {one for one in told if len(names.DETAILS.findall(one)) != len(names.DETAILS.findall(told[one]))} == set()
    assert sum(bool(names.DETAILS.search(one)) for one in told) > 5


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_in_english(language: str) -> None:
    english = page_words("en") | declared()
    same = {key for key, text in table(language).items() if text == english[key]}
    assert same - SAME.get(language, set()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_quotes_and_spaces_are_kept_clean(language: str) -> None:
    edges = {key for key, text in table(language).items() if text != text.strip() and not text.startswith((" ", ","))}
    assert edges == set() and not [key for key, text in table(language).items() if "  " in text or not text]


def test_words_follow_the_language_that_is_spoken() -> None:
    with use_language("de"):
        assert translate("history") == "Verlauf" and i18n_translate.language() == "de"
        assert next(knob.label for knob in names.knobs() if knob.name == "lr") == "Lernrate"
        assert "beide Richtungen" in next(part.help for part in names.components("students") if part.name == "bilstm")
        assert translate_or("backwards", "rule.backwards.name") == "backwards"
        with use_language("en"):
            assert translate("history") == "History"
            assert [knob.label for knob in names.knobs()] == [knob.label for knob in knobs()]
    assert i18n_translate.language() == i18n_translate.DEFAULT


def test_a_word_that_a_language_lacks_is_said_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(table("de"), "history")
    with use_language("de"):
        assert translate("history") == "History"


def test_numbers_follow_the_language() -> None:
    with use_language("de"):
        assert [formatting.count(12345), formatting.size(2.3e6), formatting.times(2.34), formatting.chance(0.014)] == [
            "12.345", "2,3\u00a0MB", "2,3×", "p = 0,014"
        ]  # fmt: skip
    assert i18n_translate.format_number(1234.5, ",.1f") == "1,234.5"


def test_german_addresses_nobody() -> None:
    addressed = re.compile(r"\b(du|dein\w*|dich|dir|Ihr\w*|Ihnen|Sie)\b")
    assert {key for key, text in table("de").items() if addressed.search(text)} == set()
