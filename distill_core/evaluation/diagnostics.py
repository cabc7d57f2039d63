"""Diagnostics of whether distilling pays, before the money is spent and after.

Each finding is (level, sentence) with level "info" or "warning". Each threshold has its reason beside it. Knows nothing
of models, only of their figures.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distill_core.config.schema import MOST_TOKENS, Config
from distill_core.data.automatic import resolve_auto
from distill_core.data.examples import shorten
from distill_core.data.lengths import estimate_pieces
from distill_core.evaluation.metrics import count_cells, is_constant
from distill_core.evaluation.objective import SINGLE_LABEL, Labels, Objective
from distill_core.evaluation.significance import DISAGREEMENT_RATE, POWER, detectable_difference, paired_difference
from distill_core.evaluation.summary import CutTexts, Difference, Disagreement, DoubtfulRow, Level, Summary
from distill_core.messages import Message, message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from distill_core.data.dataset import Dataset, SourceRow

Findings = list[tuple[Level, Message]]
# Points of the metric: a teacher less above the baseline, or above the control, is lost in the noise of any test set
# here.
MIN_GAIN = 0.01
# Texts that are not augmented, by whether they are pairs. SST-2 with 2,000 of them recovered 18 % of the gap, with
# 67,000 of them 67 % (benchmarks/RESULTS.md); pairs teach less: SNLI's 8,605 recovered 20 %, Intel's run on MRPC's
# 3,667 nothing.
FEW_EXAMPLES = {False: 5_000, True: 20_000}
NO_EVIDENCE = 0.05  # p-value of McNemar's test from which on it is no evidence
SMALL_GAIN = 0.05  # hardly any task on real text here gained more: a test that can't show this much decides nothing
# Northcutt et al. 2021 count 3.4 % wrong labels in ten well-known test sets; three times that is no slip.
MANY_DISAGREEMENTS = 0.1
ROWS_FOR_CONSTANT = 10  # of validation: on fewer a good teacher may by chance give one answer alone
MANY_CUT = 0.1  # of the texts: fewer move a score by less than a test of some hundred rows can show
MANY_USES = 20  # uses of a test set, after which the best result owes something to luck
EXAMPLES = 3
DOUBTFUL_ROWS = 20  # that a person looks at in one go
DOUBTS_FILE = "doubts.jsonl"  # of the run's folder; stays on this machine when a run is packed, as all learnt rows do
TEACHER_WAY = message(
    "Fine-tune it longer ({knob:knob}) or choose another teacher; {anyway:knob} goes on all the same.",
    knob="teacher_epochs", anyway="teach_anyway",
)  # fmt: skip
FEW_TEXTS = (
    "With {n:text|texts} the teacher can pass on little: expect hardly any gain. More texts help, also without labels."
)
FEW_PAIRS = (
    "With {n:pair|pairs} the teacher can pass on little: expect hardly any gain. More pairs help, also without labels."
)
STANDS_ON_TEXTS = (
    "The student learnt from {n:text that was|texts that were} not made by rules. More of them help most, also without "
    "labels."
)
STANDS_ON_PAIRS = (
    "The student learnt from {n:pair that was|pairs that were} not made by rules. More of them help most, also without "
    "labels."
)
PAID = "Distilling paid: the teacher taught the student more than the labels alone did."
HARM = "Distilling did harm: without its teacher the student is better."
OPEN = "Whether distilling helped does not show on these {rows:,} test rows."
BASELINE_WINS = "The simple baseline (TF-IDF) is better here than the student: {floor} against {student}."
BASELINE_EQUAL = "The simple baseline (TF-IDF) is as good here as the student: {floor} against {student}."
BASELINE_AHEAD = (
    "The simple baseline (TF-IDF) is ahead of the student here, {floor} against {student}, by no more than chance "
    "explains."
)
BASELINE_OUTCOMES = (BASELINE_WINS, BASELINE_EQUAL, BASELINE_AHEAD)
CONSTANT = "The student answers {label} to all {rows:,} test rows: it learnt nothing."
ABOVE_CONTROL = (
    "The student is {points:.1f} points of {metric:metric} above its control (95 % interval {low:+.1f} to {high:+.1f})."
)
ABOVE_CONTROL_GAP = (
    "The student is {points:.1f} points of {metric:metric} above its control (95 % interval {low:+.1f} to "
    "{high:+.1f}), {share:.0%} of the gap to the teacher."
)
BELOW_CONTROL = (
    "The student is {points:.1f} points of {metric:metric} below its control (95 % interval {low:+.1f} to {high:+.1f})."
)
WITHIN_CHANCE = (
    "That is within chance: with {rows:,} test rows a difference has to be about {least:.1f} points to show. More test "
    "rows or several seeds would tell."
)
BARELY = (
    "That is less than the {least:.1f} points that these {rows:,} rows show reliably, and a difference found so near "
    "to chance is usually too large (Gelman and Carlin 2014): several seeds would tell."
)
F1_ALONE = (
    "By the count of right answers student and control can't be told apart (McNemar p = {p:.2f}): what was gained is a "
    "matter of {metric:metric}."
)
ALWAYS = "Always answering “{label}” has an F1 of {value:.3f} on these rows."


def check_data(data: "Dataset") -> Findings:
    """Findings on the rows alone, before there is a teacher."""
    findings: Findings = []
    rows, texts = len(data.test), len(data.train) + len(data.unlabelled)
    least = detectable_difference(rows, DISAGREEMENT_RATE[data.pair])
    seen = message("With {rows:,} test rows, gains below about {least:.1f} points cannot be told from luck.",
                   rows=rows, least=100 * least)  # fmt: skip
    findings.append(("warning" if least > SMALL_GAIN else "info", seen))
    if texts < FEW_EXAMPLES[data.pair]:
        findings.append(("warning", message(FEW_PAIRS if data.pair else FEW_TEXTS, n=texts)))
    return findings


def check_lengths(data: "Dataset", config: Config) -> Findings:
    """Findings on how much is read of a text, and on those that are longer, before the tokenizer that decides it."""
    limit = resolve_auto(config, data).token_limit
    lengths = [
        estimate_pieces(text)
        for texts in (data.train.texts, data.valid.texts, data.test.texts, data.unlabelled)
        for text in texts
    ]
    longer = [length for length in lengths if length > limit]
    if not longer:
        whole = message("Texts are read up to {limit:,} tokens: none of the {all:,} is longer.", limit=limit,
                        all=len(lengths))  # fmt: skip
        return [("info", whole)] if config.max_tokens == "auto" else []
    said = message(
        "Texts are read up to {limit:,} tokens ({knob:knob}): about {n:,} of {all:,} are longer, and about {share:.0%} "
        "of those is read.", limit=limit, knob="max_tokens", n=len(longer), all=len(lengths),
        share=limit * len(longer) / sum(longer))  # fmt: skip
    higher = min(2 * limit, MOST_TOKENS)
    if higher > limit:
        times = sum(min(length, higher) for length in lengths) / sum(min(length, limit) for length in lengths)
        dearer = message("Up to {higher:,} tokens would take about {times:.1f} times as long.", higher=higher,
                         times=times)  # fmt: skip
        said = message("{one} {more}", one=said, more=dearer)
    return [("warning" if len(longer) >= MANY_CUT * len(lengths) else "info", said)]


def check_teacher(teacher: float, baseline: float, metric: str) -> Findings:
    """Findings on the teacher's value of the metric on the validation rows, beside the baseline's."""
    if teacher - baseline >= MIN_GAIN:
        return []
    return [("warning", message("On validation the teacher reaches {teacher}, a bag of words {floor}. Distilling will "
                               "hardly pay here.", teacher=metric_message(teacher, metric),
                               floor=metric_message(baseline, metric)))]  # fmt: skip


def refuse_teacher(
    teacher: "NDArray[Any]", baseline: "NDArray[Any]", truth: Labels, labels: Sequence[str], metric: str,
    objective: Objective = SINGLE_LABEL,
) -> Message | None:  # fmt: skip
    """Reason not to learn from a teacher, None where there is none, from its answers to the validation rows, those of
    the baseline, and the `truth`. A reason is a constant answer, or answers worse than the commonest label's or the
    baseline's by more than chance: on few rows a good teacher may lie a little lower."""
    import numpy as np

    right = np.asarray(truth)
    if is_constant(teacher, truth) and len(right) >= ROWS_FOR_CONSTANT:
        return message(
            "The teacher answers {label} to all {rows:,} validation rows: it learnt nothing that a student could learn "
            "from it. {way}", label=repr(objective.label(teacher[0], labels)), rows=len(right), way=TEACHER_WAY,
        )  # fmt: skip
    answers, counts = np.unique(right, axis=0, return_counts=True)
    usual = answers[counts.argmax()]
    rivals = [
        (np.broadcast_to(usual, right.shape), "accuracy",
         message("always answering {label}", label=repr(objective.label(usual, labels)))),
        (baseline, metric, message("the simple baseline (TF-IDF)")),
    ]  # fmt: skip

    def reached(given: "NDArray[Any]", measure: str) -> Message:
        true, answered, number = count_cells(right, given)
        values = objective.metrics_from_counts(true, answered, number[None], len(labels))
        return metric_message(float(values[measure][0]), measure)

    for rival, measure, name in rivals:
        if paired_difference(teacher, rival, truth, len(labels), measure, objective=objective)["high"] < 0:
            return message(
                "On the {rows:,} validation rows the teacher reaches {own}, {name} {other}. A student of this teacher "
                "would learn its mistakes. {way}", rows=len(right), own=reached(teacher, measure), name=name,
                other=reached(rival, measure), way=TEACHER_WAY,
            )  # fmt: skip
    return None


def check_control(control: float, teacher: float, metric: str) -> Findings:
    """Findings on the control's value of the metric on the validation rows, beside the teacher's."""
    if teacher - control >= MIN_GAIN:
        return []
    return [("warning", message("On validation the control already reaches {control}, the teacher {teacher}: there is "
                               "hardly a gap to recover.", control=metric_message(control, metric),
                               teacher=metric_message(teacher, metric)))]  # fmt: skip


def label_disagreements(
    texts: Sequence[tuple[str, ...]], truth: "NDArray[Any]", logits: "NDArray[Any]", labels: Sequence[str],
    objective: Objective,
) -> Disagreement:  # fmt: skip
    """Disagreements of the teacher's `logits` (texts, labels) with the labels `truth` of the same texts, as the data
    set has them; the likeliest slips are the examples. Confident in the sense of confident learning: the teacher
    gives another class more than it gives that class where it is the label (Northcutt et al. 2021)."""
    import numpy as np

    shares, answers, classes = objective.probabilities(logits), objective.decide(logits), logits.shape[1]
    contradicted, members = ~objective.agree(answers, truth), objective.membership(truth, classes)
    usual = np.array([shares[has, c].mean() if has.any() else 1.0 for c, has in enumerate(members.T)])
    sure = np.where(shares >= usual, shares, 0.0)
    slips = (sure.max(1) > 0) & ~members[np.arange(len(texts)), sure.argmax(1)] & contradicted
    return {
        "rows": int(contradicted.sum()), "of": len(texts), "confident": int(slips.sum()),
        "examples": doubtful_rows(texts, truth, logits, labels, objective, EXAMPLES),
    }  # fmt: skip


def doubtful_rows(
    texts: Sequence[tuple[str, ...]], truth: "NDArray[Any]", logits: "NDArray[Any]", labels: Sequence[str],
    objective: Objective, most: int, rows: Sequence["SourceRow"] = (),
) -> list[DoubtfulRow]:  # fmt: skip
    """The texts, at most so many, whose label the teacher's `logits` (texts, labels) contradict, the surest first;
    `rows` are those that they come from."""
    import numpy as np

    origins: Sequence[SourceRow] = rows or [{}] * len(texts)
    answers = objective.decide(logits)
    confidence = objective.confidence(objective.probabilities(logits), answers)
    wrong = np.flatnonzero(~objective.agree(answers, truth))
    return [
        DoubtfulRow(text=list(texts[i]), label=objective.label(truth[i], labels),
                    teacher=objective.label(answers[i], labels), probability=float(confidence[i])) | origins[i]
        for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:most].tolist()
    ]  # fmt: skip


def describe_disagreements(disagreement: Disagreement) -> Findings:
    """Findings on the teacher's disagreements with the labels."""
    if not disagreement["rows"]:
        return []
    share = disagreement["rows"] / disagreement["of"]
    examples = [
        message("“{text}” is labelled {label}, the teacher says {teacher} ({sure:.0%})", text=shorten(one["text"]),
               label=one["label"], teacher=one["teacher"], sure=one["probability"])
        for one in disagreement["examples"]
    ]  # fmt: skip
    what = message("The teacher contradicts {rows:,} of {all:,} training labels ({share:.1%}), {sure:,} of them with "
                  "confidence: {examples}.", rows=disagreement["rows"], all=disagreement["of"], share=share,
                  sure=disagreement["confident"], examples=examples)  # fmt: skip
    if share < MANY_DISAGREEMENTS:
        return [("info", what)]
    return [("warning", message("{what} One of the two is wrong that often; look at the labels, or choose another "
                               "teacher.", what=what))]  # fmt: skip


def conclude(summary: Summary, texts: int, pair: bool) -> Findings:
    """Findings on the comparison of a run with so many `texts` that are not augmented. Reads "metric", "scores",
    "differences", "gap_recovered" and "rows"; "disagreement", "mcnemar" and "tests_read" may be missing."""
    metric, rows = summary["metric"], summary["rows"]["test"]
    value = values_of(summary)
    words = {row: metric_message(one, metric) for row, one in value.items()}
    findings = [_outcome(summary, rows), *_difference(summary, rows), *_doubts(summary, rows)]
    if value["floor"] - value["teacher"] >= MIN_GAIN:
        findings.append(("warning", message(
            "The teacher ({teacher}) is below the simple baseline ({floor}): it had nothing to teach here.",
            teacher=words["teacher"], floor=words["floor"])))  # fmt: skip
    elif value["teacher"] - value["floor"] < MIN_GAIN:
        findings.append(("warning", message(
            "The teacher ({teacher}) is no better than the simple baseline ({floor}): it had little to teach.",
            teacher=words["teacher"], floor=words["floor"])))  # fmt: skip
    elif "control" in value and value["control"] - value["teacher"] >= MIN_GAIN:
        findings.append(("warning", message(
            "The control ({control}) is better than the teacher ({teacher}): the labels alone taught it more than the "
            "teacher knows.", control=words["control"], teacher=words["teacher"])))  # fmt: skip
    elif "control" in value and value["teacher"] - value["control"] < MIN_GAIN:
        findings.append(("warning", message(
            "The control ({control}) is as good as the teacher ({teacher}): the labels alone were enough.",
            control=words["control"], teacher=words["teacher"])))  # fmt: skip
    if texts < FEW_EXAMPLES[pair] and value["teacher"] - value["floor"] >= MIN_GAIN:
        findings.append(("warning", message(STANDS_ON_PAIRS if pair else STANDS_ON_TEXTS, n=texts)))
    disagreement: Disagreement | None = summary.get("disagreement")
    if disagreement and disagreement["rows"] >= MANY_DISAGREEMENTS * disagreement["of"]:
        findings.append(("warning", message("The teacher contradicts {share:.0%} of the training labels: the student "
                     "follows the teacher, the scores follow the labels.",
                     share=disagreement["rows"] / disagreement["of"])))  # fmt: skip
    if cut := many_cut(summary):
        fine = value["teacher"] - MIN_GAIN < value["student"] > value["floor"]
        findings.append(("info" if fine else "warning", message(
            "{rows:,} of {all:,} test texts are longer than the {limit:,} tokens that the teacher reads: it has seen "
            "about {share:.0%} of those, the simple baseline (TF-IDF) all.", rows=cut["rows"], all=cut["of"],
            limit=cut["limit"], share=cut["share"])))  # fmt: skip
    behind = summary["differences"]["student-teacher"]
    if behind["low"] > 0:
        findings.append(("info", message("On these {rows:,} rows the student is better than its teacher.", rows=rows)))
    elif behind["high"] >= 0 and not constant_answer(summary):
        findings.append(
            ("info", message("On these {rows:,} rows no difference between student and teacher shows.", rows=rows))
        )
    if summary.get("tests_read", 1) >= MANY_USES:
        findings.append(("warning", message("{read} Whoever picks the best of so many runs by it has picked some luck "
                     "too.", read=describe_uses(summary["tests_read"]))))  # fmt: skip
    return findings


def values_of(summary: Summary) -> dict[str, float]:
    """Values of the run's metric by row of the comparison."""
    metric = summary["metric"]
    return {row: score[metric] for row, score in summary["scores"].items()}


def many_cut(summary: Summary) -> CutTexts | None:
    """The test texts that were cut, where they are a share that counts."""
    cut = summary.get("cut_texts")
    return cut if cut and cut["rows"] >= max(1, MANY_CUT * cut["of"]) else None


def constant_answer(summary: Summary) -> str | None:
    """Label that the student gives to all test rows, where those have several; else None."""
    counts = summary.get("confusion", {}).get("student")
    labels = summary.get("labels", [])
    if not counts or len(labels) != len(counts):
        return None
    answered = [sum(row[place] for row in counts) for place in range(len(labels))]
    several = sum(any(row) for row in counts) > 1
    given = [label for label, count in zip(labels, answered, strict=True) if count]
    return given[0] if several and len(given) == 1 else None


def _outcome(summary: Summary, rows: int) -> tuple[Level, Message]:
    """Finding on the run as a whole, in one plain sentence."""
    value, metric = values_of(summary), summary["metric"]
    floor, student = (metric_message(value[row], metric) for row in ("floor", "student"))
    if label := constant_answer(summary):
        return "warning", message(CONSTANT, label=repr(label), rows=rows)
    if value["floor"] - value["student"] >= MIN_GAIN:
        certain = (of := summary["differences"].get("student-floor")) is None or of["high"] < 0
        return "warning", message(BASELINE_WINS if certain else BASELINE_AHEAD, floor=floor, student=student)
    if value["floor"] >= value["student"]:
        return "warning", message(BASELINE_EQUAL, floor=floor, student=student)
    difference = summary["differences"].get("student-control")
    if difference is None:
        return "warning", message("The control run was switched off, so nobody knows what distilling did.")
    if difference["low"] > 0:
        return "info", message(PAID)
    return "warning", message(HARM) if difference["high"] < 0 else message(OPEN, rows=rows)


def _difference(summary: Summary, rows: int) -> Findings:
    """Finding on the student's difference from its control, in figures."""
    difference = summary["differences"].get("student-control")
    if difference is None:
        return []
    low, high = difference["low"], difference["high"]
    values = {
        "points": abs(difference["difference"]) * 100, "metric": summary["metric"], "low": low * 100,
        "high": high * 100,
    }  # fmt: skip
    share = summary.get("gap_recovered")
    if difference["difference"] < 0:
        figures = message(BELOW_CONTROL, **values)
    elif low > 0 and share is not None:
        figures = message(ABOVE_CONTROL_GAP, **values, share=share)
    else:
        figures = message(ABOVE_CONTROL, **values)
    if low > 0 or high < 0:
        return [("info", figures)]
    chance = message(WITHIN_CHANCE, rows=rows, least=100 * _reliable(difference))
    return [("info", message("{one} {more}", one=figures, more=chance))]


def _reliable(difference: Difference) -> float:
    """Smallest difference that shows four times in five, by the width of this one's interval."""
    return (difference["high"] - difference["low"]) / (2 * 1.96) * POWER


def _doubts(summary: Summary, rows: int) -> Findings:
    """Findings that qualify a gain beyond chance, and the F1 of the trivial answer to compare an F1 with."""
    findings: Findings = []
    difference, metric = summary["differences"].get("student-control"), summary["metric"]
    if difference and difference["low"] > 0:
        if difference["difference"] < _reliable(difference):
            findings.append(("warning", message(BARELY, least=100 * _reliable(difference), rows=rows)))
        p = (summary.get("mcnemar") or {}).get("control", 0.0)
        if metric != "accuracy" and p >= NO_EVIDENCE:
            findings.append(("warning", message(F1_ALONE, p=p, metric=metric)))
    if metric == "f1":  # of the last class; a commoner one makes it flatter
        own = summary["scores"]["student"]["per_class"][-1]
        value = 2 * own["rows"] / (rows + own["rows"])
        level: Level = "warning" if summary["scores"]["student"]["f1"] - value < SMALL_GAIN else "info"
        findings.append((level, message(ALWAYS, label=own["label"], value=value)))
    return findings


def describe_uses(count: int) -> Message:
    """Sentence on how many runs have read a test set."""
    if count == 1:
        return message("This test has been read once.")
    return message("This test has been read {n:,} times.", n=count)


def metric_message(value: float, metric: str) -> Message:
    """Value of the metric with its name: "87.4 % accuracy", "macro-F1 0.874"."""
    return message("{value:.1%} {name:metric}" if metric == "accuracy" else "{name:metric} {value:.3f}", value=value,
                  name=metric)  # fmt: skip
