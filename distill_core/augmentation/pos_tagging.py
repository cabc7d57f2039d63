"""Part-of-speech tags of words, for the rules that exchange words and phrases of the same kind.

English is tagged by TextBlob's pattern tagger, whose lexicon ships with it; another language by a spaCy pipeline where
one is installed."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from distill_core.messages import message

if TYPE_CHECKING:
    from spacy.language import Language

Sentence = tuple[str, ...]
Tagger = Callable[[Iterable[Sentence]], Iterator[list[str]]]  # one tag a word, sentences in order


def tagger(language: str) -> tuple[Tagger | None, str]:
    """The tagger of a language; (None, reason) where there is none."""
    if language == "en":
        return _pattern_tagger(), ""
    try:
        import spacy
    except ImportError:
        cure = message("Install it with: {command}, then a pipeline.", command='pip install "stillroom[spacy]"')
        return None, _no_tagger(language, cure)
    installed = sorted(name for name in spacy.util.get_installed_models() if name.startswith(f"{language}_"))
    for name in installed:
        pipeline = spacy.load(name, exclude=["parser", "ner", "lemmatizer", "attribute_ruler"])
        if {"tagger", "morphologizer"} & set(pipeline.pipe_names):
            return _spacy_tagger(pipeline), ""
    cure = message("Install one with: {command} ({address} lists the names).",
                  command="python -m spacy download NAME", address="spacy.io/models")  # fmt: skip
    return None, _no_tagger(language, cure)


def _no_tagger(language: str, cure: str) -> str:
    return message("no spaCy pipeline that tags parts of speech is installed for the language {language}. {cure}",
                  language=repr(language), cure=cure)  # fmt: skip


def _pattern_tagger() -> Tagger:
    # The tagger's own parser, because PatternTagger.tag joins and parses strings: five times slower, same tags.
    from textblob.en import parser

    def tag(sentences: Iterable[Sentence]) -> Iterator[list[str]]:
        for tokens in sentences:
            yield [tag for _, tag in parser.find_tags(list(tokens))]

    return tag


def _spacy_tagger(pipeline: "Language") -> Tagger:
    from spacy.tokens import Doc

    def tag(sentences: Iterable[Sentence]) -> Iterator[list[str]]:
        docs = (Doc(pipeline.vocab, words=list(tokens)) for tokens in sentences)
        for doc in pipeline.pipe(docs, batch_size=256):
            yield [token.tag_ or token.pos_ for token in doc]

    return tag
