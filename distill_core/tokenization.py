"""Texts cut into words, so that they can be joined again.

Knows nothing of vocabularies, teachers' networks or training.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import Split

from distill_core.json_types import JsonObject
from distill_core.messages import message
from distill_core.unicode import replace_surrogates

MASK = "[MASK]"  # a masked word of an augmented text, whatever the teacher calls its own mask token
WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my", "bo")  # languages that put no spaces between words
# One word: what a person would mask or swap as a whole. Contractions are cut as in the Penn Treebank (do|n't), which
# is how the tagger's lexicon and GLUE know them. Scripts without spaces go character by character.
_LETTER = r"[\p{L}\p{M}\p{N}_]"
_CLITIC = rf"['’](?:[sS]|[rR][eE]|[vV][eE]|[lL][lL]|[dD]|[mM])(?!{_LETTER})"
_NOT = rf"[nN]['’][tT](?!{_LETTER})"
_WORD = "|".join(
    (
        r"\[MASK\]",
        r"(?:https?://|www\.)\S*[^\s.,;:!?)\]'\"]",
        r"-[lr][rsc]b-",  # brackets, as treebanks write them
        r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]\p{M}*",
        rf"{_LETTER}+(?={_NOT})|{_NOT}|{_CLITIC}",
        rf"(?:\p{{L}}\.){{2,}}(?!{_LETTER})|(?:[Mm]rs?|[Mm]s|[Dd]r|St)\.(?!{_LETTER})",  # e.g., U.S., Mr.
        rf"{_LETTER}+(?:[-&/]{_LETTER}+|(?<=\p{{N}})[.,]\p{{N}}+|(?!{_CLITIC})['’]{_LETTER}+)*",
        rf"\.{{2,}}|-{{2,}}|[!?]{{2,}}|`{{2}}|'{{2}}|[:;]-?[()DP](?!{_LETTER})",
        "\\S(?:[\\p{M}\U0001f3fb-\U0001f3ff]|\u200d\\S)*",  # one sign, or an emoji with all its joiners
    )
)
WORD_SPLIT = Split(Regex(_WORD), "removed", invert=True)


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A sentence cut into words. `gaps` are the strings before, between and after them: one more than `tokens`.
    `spaced`: its language puts spaces between words."""

    tokens: tuple[str, ...]
    gaps: tuple[str, ...]
    spaced: bool = True

    def text(self, tokens: Sequence[str] | None = None, positions: Sequence[int] | None = None) -> str:
        """The sentence with `tokens` in place of its own. With `positions`, only these words, in this order: neighbours
        keep their gap, all other text is dropped."""
        tokens = self.tokens if tokens is None else tokens
        gaps = self.gaps if not self.spaced or tuple(tokens) == self.tokens else self._gaps(tokens)
        if positions is None:
            return "".join(part for pair in zip(gaps, tokens, strict=False) for part in pair) + gaps[-1]
        parts = []
        for before, word in zip([None, *positions], positions, strict=False):
            if before is not None:
                parts.append(gaps[word] if word == before + 1 else gaps[word] or gaps[before + 1])
            parts.append(tokens[word])
        return "".join(parts)

    def replace_span(
        self, tokens: Sequence[str], start: int, end: int, other: "TokenizedText", first: int, last: int
    ) -> str:
        """The sentence with `tokens`, and the words first:last of `other` instead of its own start:end. The new words
        keep their spacing; the first one its gap as well, unless it began its sentence."""
        inserted = other.text(positions=range(first, last))
        before, after = self.text(tokens, range(start)), self.text(tokens, range(end, len(self.tokens)))
        gaps = (other.gaps[first] if first else self.gaps[start]) if before else "", self.gaps[end] if after else ""
        result = before
        for gap, part in zip(gaps, (inserted, after), strict=True):
            merged = self.spaced and not gap and result[-1:].isalnum() and part[:1].isalnum()
            result += (" " if merged else gap) + part
        return result

    def _gaps(self, tokens: Sequence[str]) -> list[str]:
        """The gaps, with a space where a new word would merge with its neighbour (do|n't -> do|so)."""
        gaps = list(self.gaps)
        for word in range(1, len(tokens)):
            new = tokens[word] != self.tokens[word] or tokens[word - 1] != self.tokens[word - 1]
            if new and not gaps[word] and tokens[word - 1][-1:].isalnum() and tokens[word][:1].isalnum():
                gaps[word] = " "
        return gaps


def tokenize(text: str, language: str = "en", pieces: Tokenizer | None = None) -> TokenizedText:
    """The text cut into words; `.text()` is exactly `text` again. In a language without spaces a word is a piece of
    the tokenizer `pieces` (see `without_truncation`), or a character without one."""
    if pieces is not None and language in WITHOUT_SPACES:
        spans = _merged(text, pieces.encode(replace_surrogates(text), add_special_tokens=False).offsets)
    else:
        spans = [span for _, span in WORD_SPLIT.pre_tokenize_str(replace_surrogates(text))]
    cuts = [0, *(edge for span in spans for edge in span), len(text)]
    parts = [text[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
    return TokenizedText(tuple(parts[1::2]), tuple(parts[0::2]), language not in WITHOUT_SPACES)


def without_truncation(tokenizer: Tokenizer) -> Tokenizer:
    """A copy of a tokenizer that neither truncates nor pads, however the original is set."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


MOST_GROWTH = 64  # characters that a tokenizer may make of one
PROBE = "The quick (brown) fox's 3.14 — ünï\u2603 🙂 中文 ไทย\n"
PROBED = 2_000  # characters in a row, as a pattern that tries all ways to match them takes for ever


def check_tokenizer(content: str) -> None:
    """Raise ValueError where a tokenizer of this JSON can't cut any text, or takes for ever or all memory to do so: it
    cuts some, as those who read what is foreign do in a child (see `bounded`)."""
    steps = list(_steps(json.loads(content)))
    if math.prod(max(1, len(step["content"])) for step in steps if step.get("type") == "Replace") > MOST_GROWTH:
        raise ValueError(message("it makes texts many times longer"))
    patterns = "".join(step["Regex"] for step in steps if isinstance(step.get("Regex"), str))
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    letters = dict.fromkeys(letter for letter in patterns if letter.isprintable())
    try:
        for text in (PROBE, *(letter * PROBED + "\u2603" for letter in dict.fromkeys((*"a1 !\n", *letters)))):
            tokenizer.encode(text)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of native code is no Exception
        raise ValueError(f"{type(error).__name__}: {' '.join(str(error).split())[:100]}") from None


def _steps(tree: Any) -> Iterator[JsonObject]:
    """The objects of a tokenizer's normaliser and pre-tokenizer."""
    waiting = [tree.get(name) for name in ("normalizer", "pre_tokenizer")] if isinstance(tree, dict) else []
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
        waiting.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())


def cut_middle(ids: Sequence[int], most: int) -> list[int]:
    """At most so many of a text's ids: a quarter from its beginning and the rest from its end, as the student does
    (`cut_sequence` of `student/runtime.py`, which travels and imports nothing of ours)."""
    head = math.ceil(most / 4)
    return list(ids) if len(ids) <= most else [*ids[:head], *ids[len(ids) - most + head :]]


def _merged(text: str, offsets: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets without white space, empty spans or overlaps: several byte-level pieces may share one character."""
    spans: list[tuple[int, int]] = []
    for start, end in offsets:
        start = max(start, spans[-1][1] if spans else 0)
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            spans.append((start, end))
    return spans
