"""Words of the teacher's vocabulary as texts of one word: what it thinks of each word that no row may have.

Those that come first in the vocabulary, which are the commonest in most. Not for pairs: one word is no pair.
"""

from collections.abc import Iterator

from distill_core.distillation.neighbours import single_words
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, transfer_note
from distill_core.errors import TeacherError
from distill_core.events import Event
from distill_core.student.source import EmbeddingSource

NAME = "lexicon"


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the first words of the teacher's vocabulary, up to the limit. Raises Stopped."""
    wanted = inputs.config.lexicon
    if not wanted or inputs.teacher is None:
        return
    if inputs.data.pair:
        yield transfer_note("No single words were taken: your rows are pairs.", "warning")
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No single words were taken: the limit of {limit:,} texts ({knob:knob}) is reached.",
                            "warning", **builder.limit_values())  # fmt: skip
        return
    try:
        words = vocabulary_words(inputs.teacher)
    except TeacherError as error:
        yield transfer_note("No single words were taken: {reason}", "warning", reason=error.args[0])
        return
    added = builder.add_all(words, NAME, wanted, inputs)
    if added < wanted and len(builder.texts) < builder.limit:
        yield transfer_note("The teacher's vocabulary has {added:,} of the {wanted:,} single words that were asked "
                            "for.", added=added, wanted=wanted)  # fmt: skip


def vocabulary_words(teacher: EmbeddingSource) -> list[str]:
    """The whole words of the teacher's vocabulary in its order; single letters are none, but single signs of other
    scripts are. Raises TeacherError."""
    pieces = single_words(
        teacher.subword_tokenizer(), teacher.tokenizer.all_special_ids, len(teacher.input_embeddings())
    )
    words = (word for _, word in sorted(pieces.items()))
    return [word for word in words if len(word) > 1 or not word.isascii()]
