"""Swap words for others of the same part of speech, drawn as often as they occur in the training texts.

English is tagged by TextBlob's pattern tagger, whose lexicon ships with it; another language by a spaCy pipeline where
one is installed, else the rule is off.
"""

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from distill_core.sentences import worded
from distill_core.text import MASK

LEVEL = "word"
RATE = 0.1

Sentence = tuple[str, ...]
Tagger = Callable[[Iterable[Sentence]], Iterator[list[str]]]  # one tag a word, sentences in order


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[Callable | None, str]:
    """The rule with the words of `corpus` (sentences as words) to draw from; (None, reason) where nothing tags
    `language`."""
    found, reason = tagger(language)
    return (Swap(corpus, found), "") if found else (None, reason)


class Swap:
    """Draws from the unigram frequencies of each tag in `corpus`, tagged once."""

    def __init__(self, corpus: Sequence[Sentence], tagger: Tagger):
        self._tagger = tagger
        self._tags = dict(zip(corpus, tagger(corpus), strict=True))
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for tokens in corpus:
            for word, tag in zip(tokens, self._tags[tokens], strict=True):
                if word != MASK:
                    counts[tag][word] += 1
        self._urns = {tag: (list(urn), list(accumulate(urn.values()))) for tag, urn in counts.items()}

    def __call__(self, tokens: Sentence, index: int, rng: random.Random) -> str:
        """A word of the tag that `tokens[index]` has there; the word itself where the corpus has none of that tag."""
        urn = self._urns.get(self.tags(tokens)[index])
        if urn is None or tokens[index] == MASK:
            return tokens[index]
        words, running = urn
        return words[bisect_right(running, rng.random() * running[-1])]

    def tags(self, tokens: Sentence) -> list[str]:
        """One tag a word."""
        if tokens not in self._tags:
            self._tags[tokens] = next(self._tagger([tokens]))
        return self._tags[tokens]


def tagger(language: str) -> tuple[Tagger | None, str]:
    """What tags `language`; (None, reason) where nothing does."""
    if language == "en":
        return _pattern_tagger(), ""
    try:
        import spacy
    except ImportError:
        cure = worded("Install it with: {command}, then a pipeline.", command='pip install "stillroom[spacy]"')
        return None, _off(language, cure)
    installed = sorted(name for name in spacy.util.get_installed_models() if name.startswith(f"{language}_"))
    for name in installed:
        pipeline = spacy.load(name, exclude=["parser", "ner", "lemmatizer", "attribute_ruler"])
        if {"tagger", "morphologizer"} & set(pipeline.pipe_names):
            return _spacy_tagger(pipeline), ""
    cure = worded("Install one with: {command} ({address} lists the names).",
                  command="python -m spacy download NAME", address="spacy.io/models")  # fmt: skip
    return None, _off(language, cure)


def _off(language: str, cure: str) -> str:
    return worded("no spaCy pipeline that tags parts of speech is installed for the language {language}. {cure}",
                  language=repr(language), cure=cure)  # fmt: skip


def _pattern_tagger() -> Tagger:
    # The tagger's own parser, because PatternTagger.tag joins and parses strings: five times slower, same tags.
    from textblob.en import parser

    def tag(sentences: Iterable[Sentence]) -> Iterator[list[str]]:
        for tokens in sentences:
            yield [tag for _, tag in parser.find_tags(list(tokens))]

    return tag


def _spacy_tagger(pipeline: "spacy.Language") -> Tagger:  # noqa: F821
    from spacy.tokens import Doc

    def tag(sentences: Iterable[Sentence]) -> Iterator[list[str]]:
        docs = (Doc(pipeline.vocab, words=list(tokens)) for tokens in sentences)
        for doc in pipeline.pipe(docs, batch_size=256):
            yield [token.tag_ or token.pos_ for token in doc]

    return tag
