"""Names of labels on two sides, a teacher's and the data's: which is which.

Imports nothing heavy: the catalog asks it for every saved teacher.
"""

import re
from collections.abc import Sequence

SYNONYMS = (
    ("positive", "pos"),
    ("negative", "neg"),
    ("neutral", "neu"),
    ("entailment", "entail", "entails", "entailed"),
    ("contradiction", "contradict", "contradicts", "contradictory"),
    ("not entailment", "non entailment", "no entailment"),
    ("equivalent", "paraphrase", "duplicate", "is duplicate"),
    ("not equivalent", "not paraphrase", "not duplicate", "no paraphrase", "no duplicate", "non duplicate"),
    ("true", "yes"),
    ("false", "no"),
)
MEANING = {word: group[0] for group in SYNONYMS for word in group}


def order_by_name(teacher: Sequence[str], data: Sequence[str]) -> list[int] | None:
    """Index of the teacher's output for each label of the data where the names pair off one to one, else None.

    Names as they are written first, for data may hold labels that differ in case alone; then case, blanks and common
    synonyms aside.

    >>> order_by_name(["Billing", "billing"], ["billing", "Billing"])
    [1, 0]
    >>> order_by_name(["pos", "neg"], ["Negative", "positive"])
    [1, 0]
    """
    for normalize in (str, _plain, lambda label: MEANING.get(_plain(label), _plain(label))):
        theirs = {normalize(label): i for i, label in enumerate(teacher)}
        ours = [normalize(label) for label in data]
        if len(theirs) == len(teacher) and len(ours) == len(theirs) and set(ours) == set(theirs):
            return [theirs[label] for label in ours]
    return None


def _plain(label: str) -> str:
    return re.sub(r"[\s_\-]+", " ", str(label)).strip().casefold()
