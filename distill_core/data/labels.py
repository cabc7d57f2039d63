"""Labels as people write them: without stray spaces and invisible signs, one number in one way, several told apart.

Knows nothing of rows or splits.
"""

import ast
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress

from distill_core.registry import PARSING
from distill_core.unicode import replace_surrogates

# A byte order mark, soft hyphens, marks of direction and the like. Joiners stay: Persian writes with them.
INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060\u00ad\u200e\u200f\u202a\u202b\u202c"))
NUMBER = re.compile(r"([+-]?)0*([0-9]+)(?:\.([0-9]*?)0*)?")
DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]{1,2})")  # 1,0 of a spreadsheet in half of Europe; 1,000 is another
JOINTS = (";", "|", ",")  # what people put between several labels


def clean_label(label: str) -> str:
    """The label without spaces around it and invisible signs; spaces of any kind within are plain single ones."""
    return " ".join(unicodedata.normalize("NFC", replace_surrogates(label)).translate(INVISIBLE).split())


def standard_label(label: str) -> str:
    """The label as each format and split writes it: 1, 1.0, 1,0 and 01 are "1", True and TRUE are "true"."""
    number = NUMBER.fullmatch(DECIMAL_COMMA.sub(r"\1.\2", label) if DECIMAL_COMMA.fullmatch(label) else label)
    if number:
        value = number[2] + (f".{number[3]}" if number[3] else "")
        return f"-{value}" if number[1] == "-" and value != "0" else value
    folded = label.casefold()
    return folded if folded in ("true", "false") else label


def joined_labels(labels: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The labels that are several in one, as "a; b" where both "a" and "b" also stand elsewhere, with their parts."""
    for joint in JOINTS:
        parts = {label: tuple(filter(None, map(str.strip, label.split(joint)))) for label in labels if joint in label}
        uses = Counter(part for label in labels for part in {*parts.get(label, (label,))})
        joined = {label: each for label, each in parts.items() if len(each) > 1 and all(uses[one] > 1 for one in each)}
        if joined:
            return joined
    return {}


def listed_labels(labels: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The labels that are lists written out, as "['a', 'b']", with their parts; empty unless most labels are."""
    listed: dict[str, tuple[str, ...]] = {}
    for label in labels:
        if label.startswith("[") and label.endswith("]"):
            with PARSING, suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                parts = ast.literal_eval(label)
                if isinstance(parts, list) and not any(isinstance(part, list | dict | tuple) for part in parts):
                    listed[label] = tuple(map(str, parts))
    return listed if 2 * len(listed) > len(labels) else {}


def case_variants(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """The labels that differ from another by case alone: by the commonest of them, all its variants."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        alike[label.casefold()].append(label)
    groups = [sorted(same, key=lambda label: (-counts[label], label)) for same in alike.values() if len(same) > 1]
    return {group[0]: group for group in groups}
