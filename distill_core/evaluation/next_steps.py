"""Next steps after a comparison: the likeliest causes of a disappointing result, each with what to do about it.

First what stands in the way or can be had at once, then what was measured in this run to help, the most first, then
what may.
"""

from distill_core.evaluation.diagnostics import (
    FEW_EXAMPLES,
    MIN_GAIN,
    NO_EVIDENCE,
    constant_answer,
    many_cut,
    metric_message,
    values_of,
)
from distill_core.evaluation.doubling import describe_doublings, rising
from distill_core.evaluation.summary import (
    Action,
    Difference,
    Disagreement,
    Doublings,
    NextStep,
    PartAgreement,
    Summary,
)
from distill_core.messages import Message, message, message_data

Step = tuple[Action, Message]
MOST = 3  # more at once are no advice
# A teacher that is right on fewer rows contradicts right labels more often than wrong ones; and one or two rows are no
# reason to go through a file.
RELIABLE, FEW_SLIPS = 0.8, 3
ALIKE: Difference = {"difference": 0.0, "low": 0.0, "high": 0.0}
STILL_LEARNING = 0.9  # share of the steps: a best step later than this one was not the last word
FEW_TEXTS = "{n:text is|texts are} little to learn from. Add texts, also without labels: the teacher labels them."
FEW_PAIRS = "{n:pair is|pairs are} little to learn from. Add pairs, also without labels: the teacher labels them."
UNSEEN = (
    "{n:test row holds|test rows hold} words that the student never met while it learnt. There it gives the teacher's "
    "answer to {agreement:.0%}, elsewhere to {others:.0%}. Add texts that hold such words, also without labels."
)
ROWS_HELP = "{curve} More labelled rows would probably help."
TEXTS_HELP = "{curve} More texts would probably help, also without labels."
OF_LABEL = (
    "To {agreement:.0%} of the {n:test row|test rows} labelled {label} the student gives the teacher's answer, to "
    "{others:.0%} of the others. Add texts like them, also without labels."
)
CONTROL_BETTER = (
    "The control ({control}) is better here than the student ({student}). It is the same network, trained on your "
    "labels without the teacher's answers: take it instead."
)
CONTROL_AHEAD = (
    "The control ({control}) is ahead of the student ({student}), by no more than chance explains. It is the same "
    "network, trained on your labels without the teacher's answers, and can be taken instead."
)
SPLIT = "The labels {labels} differ by case alone and were learnt as {n:class|classes}. Merge them and start again."


def advise(summary: Summary, texts: int, pair: bool, fine_tuned: bool) -> list[NextStep]:
    """Next steps, the most promising first; none where the student does what it can.

    Args:
        summary: The comparison, with "metric", "scores", "rows", "labels" and "confusion"; "best_step", "steps",
            "unseen_words", "class_agreement", "doubling" and "split_labels" may be missing.
        texts: Number of texts of the transfer set that are not augmented.
        pair: Whether they are pairs.
        fine_tuned: Whether the teacher was trained in this run, so that it can be trained longer.

    Returns:
        At most three steps, each with its cause as a sentence and the action that a button carries out.
    """
    value = values_of(summary)
    words = {row: metric_message(one, summary["metric"]) for row, one in value.items()}
    now: list[Step] = []
    may: list[Step] = []
    longer = _longer_texts(summary)
    best, all_steps = summary.get("best_step") or 0, summary.get("steps") or 0
    if groups := summary.get("split_labels"):
        now.append(("merge_labels", message(
            SPLIT, labels=[", ".join(map(repr, group)) for group in groups], n=sum(map(len, groups)))))  # fmt: skip
    disagreement: Disagreement | None = summary.get("disagreement")
    level = value["teacher"] >= max(value["floor"], value.get("control", 0.0)) - 2 * MIN_GAIN
    reliable = level and summary["scores"]["teacher"]["accuracy"] >= RELIABLE
    if disagreement and reliable and disagreement["confident"] >= FEW_SLIPS:
        now.append(("check_labels", message(
            "The teacher contradicts {rows:,} of {all:,} training labels, {sure:,} of them with confidence. Look at "
            "the rows where it is surest: some labels may be wrong.", rows=disagreement["rows"],
            all=disagreement["of"], sure=disagreement["confident"])))  # fmt: skip
    if constant_answer(summary):
        now.append(("train_longer", message("The student was trained too short: it gives one answer to all.")))
    control = value.get("control", 0.0)
    if value["floor"] >= value["student"] and control - value["floor"] < MIN_GAIN:
        now.append(("take_floor", message(
            "The simple baseline ({floor}) is enough for these rows, the student reaches {student}. Take the baseline: "
            "it needs no teacher.", floor=words["floor"], student=words["student"])))  # fmt: skip
        may += longer
    elif control - value["student"] >= MIN_GAIN:
        apart = summary.get("differences", {}).get("student-control")
        certain = apart is None or apart["high"] < 0
        now.append(
            (
                "take_control",
                message(
                    CONTROL_BETTER if certain else CONTROL_AHEAD, control=words["control"], student=words["student"]
                ),
            )
        )
    if value["floor"] - value["teacher"] >= MIN_GAIN:
        may += longer
        if fine_tuned:
            may.append(("train_longer", message(
                "The teacher ({teacher}) is below the simple baseline ({floor}): more passes may bring it above.",
                teacher=words["teacher"], floor=words["floor"])))  # fmt: skip
        may.append(("other_teacher", message("Another teacher may suit these texts better.")))
    elif control - value["teacher"] >= MIN_GAIN:
        may += longer
        if fine_tuned:
            may.append(("train_longer", message(
                "The teacher ({teacher}) is below the control ({control}), which learnt from the same labels: more "
                "passes may bring it above.", teacher=words["teacher"], control=words["control"])))  # fmt: skip
        may.append(("other_teacher", message("Another teacher may suit these texts better.")))
    elif value["teacher"] - value["student"] >= MIN_GAIN:
        if all_steps and best >= STILL_LEARNING * all_steps:
            may.append(("train_longer", message(
                "The student was still getting better when its training ended: step {best:,} of {steps:,} was best.",
                best=best, steps=all_steps)))  # fmt: skip
        may += longer
        if texts < FEW_EXAMPLES[pair] and value["teacher"] - value["floor"] >= MIN_GAIN:
            may.append(("more_texts", message(FEW_PAIRS if pair else FEW_TEXTS, n=texts)))
    first: dict[Action, Message] = {}
    for action, sentence in (*now, *_measured(summary, fine_tuned), *may):
        first.setdefault(action, sentence)
    return [
        {"action": action, "cause": str(sentence), "message": message_data(sentence)}
        for action, sentence in list(first.items())[:MOST]
    ]


def _measured(summary: Summary, fine_tuned: bool) -> list[Step]:
    """Steps that a measurement of this run speaks for, the one with the most to gain first."""
    value, doublings = values_of(summary), summary.get("doubling", Doublings())
    curves = describe_doublings(doublings, summary["metric"])
    found: list[tuple[float, Action, Message]] = []
    rows = doublings.get("rows")
    if rows and rising(rows) and (fine_tuned or value["floor"] >= value["student"]):  # to whom labels are of use
        found.append((rows["difference"], "more_rows", message(ROWS_HELP, curve=curves["rows"])))
    gap = value["teacher"] - value["student"]
    if gap >= MIN_GAIN and value["teacher"] > max(value["floor"], value.get("control", 0.0)) - MIN_GAIN:
        if (texts := doublings.get("texts")) and rising(texts):
            found.append((min(gap, texts["difference"]), "more_texts", message(TEXTS_HELP, curve=curves["texts"])))
        if summary.get("differences", {}).get("student-teacher", ALIKE)["high"] < 0:
            found += [(min(gap, lost), "more_texts", why) for lost, why in _weak_spots(summary)]
    return [(action, why) for _, action, why in sorted(found, key=lambda step: -step[0])]


def _weak_spots(summary: Summary) -> list[tuple[float, Message]]:
    """Kinds of test rows on which the student follows its teacher less than on the others, beyond chance: the share of
    all rows that is lost there, and the cause in words."""
    unseen, labels = summary.get("unseen_words"), summary.get("class_agreement", [])
    found: list[tuple[PartAgreement, Message]] = []
    if unseen and unseen["p"] < NO_EVIDENCE:
        found.append((unseen, message(
            UNSEEN, n=unseen["rows"], agreement=unseen["agreement"], others=unseen["others"])))  # fmt: skip
    for one in labels:
        if one["p"] < NO_EVIDENCE / len(labels):  # one of many labels is found by chance
            found.append((one, message(
                OF_LABEL, n=one["rows"], label=repr(one["label"]), agreement=one["agreement"],
                others=one["others"])))  # fmt: skip
    tested = summary["rows"]["test"]
    return [((kind["others"] - kind["agreement"]) * kind["rows"] / tested, why) for kind, why in found]


def longer_limit(summary: Summary) -> int | None:
    """Tokens that a run reads of a text which reads more of those that were cut: twice as many, as far as the teacher
    reads them; None where it reads no more."""
    cut = summary.get("cut_texts")
    return min(2 * cut["limit"], cut["longest"]) if cut and cut["rows"] and cut["longest"] > cut["limit"] else None


def _longer_texts(summary: Summary) -> list[Step]:
    """The step that reads more of each text, where many test texts were cut and the teacher can read more of them."""
    cut, limit = many_cut(summary), longer_limit(summary)
    if not cut or not limit:
        return []
    return [("read_longer", message(
        "{rows:,} of {all:,} test texts were cut at {limit:,} tokens; what was not read may decide. Reading up to "
        "{higher:,} takes longer.", rows=cut["rows"], all=cut["of"], limit=cut["limit"], higher=limit))]  # fmt: skip
