"""Layers of a student that is cut from its teacher, beside the teacher's own, on one text."""

from typing import TYPE_CHECKING, Any

from distill_core.api.answers import LayerPair, LayerReading
from distill_core.api.inference import Text, check_text
from distill_core.api.questions import question
from distill_core.api.session import session
from distill_core.config.schema import CUT, Config
from distill_core.errors import DataError
from distill_core.messages import message

if TYPE_CHECKING:
    from torch import Tensor

    from distill_core.student.predictor import Predictor
    from distill_core.teacher.model import Teacher

OWN = "own"  # the choice of the run's own student
SHOWN = 16  # tokens of which it is said where they look
ALL_PIECES = 1_000_000  # of a teacher's table: the knob's own limit


@question
def layers(run: str | None, text: str | Text, choice: str = "first_last") -> LayerReading:
    """Layers of a student that is cut from a run's teacher beside the teacher's, on one text: what the losses of
    DistilBERT and TinyBERT compare.

    Args:
        run: The run's id; None for the built-in teacher.
        text: A string, or a tuple of two for a task of pairs.
        choice: The teacher's layers that the student has, a value of the knob `layers`; "own" for the run's own
            student, trained, where that is cut from its teacher.

    Returns:
        {"labels", "pieces", "depth", "layers": the numbers of the teacher's layers that the student has, from 1,
        "trained", "own": whether "own" is a choice here, "embeddings": the mean squared distance before the first
        layer, "pairs": one for each layer of the student (`LayerPair`), "logits": {"teacher", "student"}, "losses":
        {name: value} of "distilbert", "layers" and "soft_kl"}.

    Raises:
        UserError: The teacher can't be loaded any more or no student can be cut from it, the run has no such student of
            its own, or the text is empty or of the wrong number of sides.

    Example:
        >>> reading = core.layers(None, "The soup was anything but bland.", "first_last")
        >>> reading["layers"], reading["depth"], [pair["teacher"] for pair in reading["pairs"]]
        ([1, 3], 3, [2, 3])
    """
    teacher, trained = _teacher(run), session.predictor(run) if run else None
    pair, own = bool(trained and trained.settings["pair"]), bool(trained and _is_cut(trained))
    row = check_text(text, pair)
    if choice == OWN and not own:
        raise DataError(message("This run has no student that is cut from its teacher, so its layers can't be shown."))
    with session.load_lock:  # one thread at a time changes how the teacher attends
        student = trained if trained and choice == OWN else _fresh(teacher, choice, pair)
        return _compare(teacher, student, row, trained=choice == OWN, own=own)


def _compare(teacher: "Teacher", student: "Predictor", row: Text, trained: bool, own: bool) -> LayerReading:
    import torch

    from distill_core.distillation.layerwise import cosine_distance, map_layers, squared_distance
    from distill_core.evaluation.objective import objective_for
    from distill_core.registry import LOSSES
    from distill_core.student.network import encode_rows
    from distill_core.student.outputs import student_outputs
    from distill_core.teacher.outputs import teacher_outputs

    needs = frozenset({"hidden_states", "attention_scores"})
    theirs = teacher_outputs(teacher, [row], needs, torch.float32)
    with torch.inference_mode():
        mine = student_outputs(student.model, encode_rows(student.vocabulary, [row], *student.limit), needs)
        assert isinstance(mine.lengths, torch.Tensor)
        numbers = map_layers(len(mine.attention_scores), len(theirs.attention_scores))
        pairs: list[LayerPair] = []
        for place, number in enumerate(numbers, 1):
            states = mine.hidden_states[place], theirs.hidden_states[number]
            scores = mine.attention_scores[place - 1], theirs.attention_scores[number - 1]
            pairs.append({
                "student": place, "teacher": number, "hidden": float(squared_distance(*states, mine.lengths)),
                "cosine": 1 - float(cosine_distance(*states, mine.lengths)),
                "attention": float(squared_distance(*scores, mine.lengths)),
                "looks": {"student": _looks(scores[0]), "teacher": _looks(scores[1])},
            })  # fmt: skip
        config = Config.of(loss="soft_kl", temperature=1.0)
        objective = objective_for(config)
        hard = objective.hard_targets(theirs.logits)
        losses = {
            name: float(LOSSES.get(name).loss(mine, theirs, hard, config, objective))
            for name in ("distilbert", "layers", "soft_kl")
        }
        embeddings = float(squared_distance(mine.hidden_states[0], theirs.hidden_states[0], mine.lengths))
    taken, depth = student.settings["teacher_layers"]
    return {
        "labels": student.labels, "pieces": _pieces(teacher, row), "depth": depth,
        "layers": [number + 1 for number in taken], "trained": trained, "own": own,
        "embeddings": embeddings, "pairs": pairs, "losses": losses,
        "logits": {"teacher": theirs.logits[0].tolist(), "student": mine.logits[0].tolist()},
    }  # fmt: skip


def _is_cut(student: "Predictor") -> bool:
    """Whether the student is cut from its teacher and reads its tokens."""
    return student.settings["student"] == CUT and "encoder" not in student.settings


def _teacher(run: str | None) -> "Teacher":
    if run is None:
        return session.load_teacher(Config())
    teacher = session.load_teacher_of_run(session.store().run(run))
    if teacher is None:
        raise DataError(message("The teacher of this run can't be loaded any more, so its layers can't be shown."))
    return teacher


def _fresh(teacher: "Teacher", choice: str, pair: bool) -> "Predictor":
    """A student cut from the teacher, before any training."""
    from distill_core.student import persistence
    from distill_core.student.encoders import cut
    from distill_core.student.predictor import Predictor
    from distill_core.student.vocabularies import teacher_tokens

    config = Config.of(
        student=CUT, layers=choice, vocabulary_limit=ALL_PIECES, max_tokens=teacher.max_tokens, cut=teacher.cut
    )
    cut.Student.check(teacher.model, config)
    words = teacher_tokens.Vocabulary.of(teacher, None, config)
    model = cut.Student.of(teacher, len(teacher.labels), config, words).eval()
    vocabulary: Any = words  # of a network of its own
    return Predictor(model, vocabulary, persistence.settings(config, teacher.labels, pair, model))


def _looks(scores: "Tensor") -> list[list[float]]:
    """How much each of the first tokens looks at each of them, over the heads: (tokens, tokens)."""
    shares = scores[0].softmax(-1).mean(0)[:SHOWN, :SHOWN]
    return [[round(share, 4) for share in row] for row in shares.tolist()]


def _pieces(teacher: "Teacher", row: Text) -> list[str]:
    """The first tokens as the teacher reads them, special ones included."""
    (encoded,) = teacher.encode([row])
    return [str(piece) for piece in teacher.tokenizer.convert_ids_to_tokens(encoded["input_ids"][:SHOWN])]
