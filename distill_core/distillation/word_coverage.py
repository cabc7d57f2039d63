"""Words that a source of texts brings: those that no labelled text has, and how much of the validation rows they are.

Of the validation rows and never of the test rows: what is chosen by a figure must not have seen them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from distill_core.data.examples import Text
from distill_core.data.overlap import distinct_words


class WordCoverage(NamedTuple):
    """Coverage of words. `brought`: distinct words of the new texts that no labelled text has; `before` and `after`:
    the share of the validation rows' distinct words that stand in the labelled texts, and in both (None without
    such rows)."""

    brought: int
    before: float | None
    after: float | None


def word_coverage(labelled: Sequence[Text], new: Iterable[Text], valid: Sequence[Text]) -> WordCoverage:
    """Coverage of the words by the labelled texts and by the `new` ones beside them."""
    known = distinct_words(labelled)
    brought = distinct_words(new) - known
    wanted = distinct_words(valid)
    if not wanted:
        return WordCoverage(len(brought), None, None)
    before = len(wanted & known) / len(wanted)
    return WordCoverage(len(brought), before, before + len(wanted & brought) / len(wanted))
