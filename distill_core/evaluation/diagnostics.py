"""When distilling does not pay: said before the money is spent, and after.

Each sentence is (level, text) with level "info" or "warning". The thresholds stand here, each with its reason. Knows
nothing of models: it is given figures.
"""

from typing import TYPE_CHECKING, Any

from distill_core.data.examples import short
from distill_core.evaluation.significance import APART, POWER, detectable
from distill_core.messages import Sentence, worded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from distill_core.data.dataset import Data
    from distill_core.distillation.transfer_set import TransferSet

Said = list[tuple[str, Sentence]]
# Of the metric: a teacher, or a gap, of less above the floor or the control is lost in the noise of any test set here.
GAIN = 0.01
# Texts that are not augmented. SST-2 with 2,000 of them recovered 18 % of the gap, with 67,000 of them 67 %
# (benchmarks/RESULTS.md); a pair is less telling: SNLI's 8,605 recovered 20 %, Intel's run on MRPC's 3,667 nothing.
FEW = {False: 5_000, True: 20_000}
CHANCE = 0.05  # a p-value of McNemar's test from here on is no evidence
SMALL = 0.05  # no task on real text here gained much more from distilling: a test that can't see it decides nothing
# Northcutt et al. 2021 found 3.4 % of the labels of ten well-known test sets wrong; three times that is no slip.
DISAGREE = 0.1
WORN = 20  # readings of a test set, after which the best of them owes something to luck
EXAMPLES = 3
FEW_TEXTS = (
    "Teacher and student have {n:text|texts} to work with. So few teach little: expect a student near its control, and "
    "add texts without labels if there are any."
)
FEW_PAIRS = (
    "Teacher and student have {n:pair|pairs} to work with. Sets of pairs this small gained next to nothing so far: "
    "expect a student near its control, and add pairs without labels if there are any."
)
STANDS_ON_TEXTS = (
    "The transfer set stands on {n:text that is|texts that are} not augmented. More of them, also without labels, is "
    "what helps most."
)
STANDS_ON_PAIRS = (
    "The transfer set stands on {n:pair that is|pairs that are} not augmented. More of them, also without labels, is "
    "what helps most."
)
PAID = (
    "Distilling paid: the student is {points:.1f} points of {metric:metric} above its control (95 % interval "
    "{low:+.1f} to {high:+.1f})."
)
PAID_GAP = (
    "Distilling paid: the student is {points:.1f} points of {metric:metric} above its control (95 % interval "
    "{low:+.1f} to {high:+.1f}), {share:.0%} of the gap to the teacher."
)
HARM = (
    "Distilling did harm: the student is {points:.1f} points of {metric:metric} below its control (95 % interval "
    "{low:+.1f} to {high:+.1f})."
)
ABOVE = (
    "Whether distilling helped can't be told: the student is {points:.1f} points of {metric:metric} above its control, "
    "within chance (95 % interval {low:+.1f} to {high:+.1f}). With these {rows:,} rows a difference has to be about "
    "{least:.1f} points to show; more test rows or several seeds would tell."
)
BARELY = (
    "That is less than the {least:.1f} points that these {rows:,} rows show reliably, and a difference found so near "
    "to chance is usually told too large (Gelman and Carlin 2014): several seeds would tell."
)
F1_ALONE = (
    "By the count of right answers student and control can't be told apart (McNemar p = {p:.2f}): what was gained is a "
    "matter of {metric:metric}."
)
ALWAYS = "Always answering “{label}” has an F1 of {value:.3f} on these rows."
BELOW = (
    "Whether distilling helped can't be told: the student is {points:.1f} points of {metric:metric} below its control, "
    "within chance (95 % interval {low:+.1f} to {high:+.1f}). With these {rows:,} rows a difference has to be about "
    "{least:.1f} points to show; more test rows or several seeds would tell."
)


def before(data: "Data") -> Said:
    """What can be said of the rows alone, before there is a teacher."""
    said: Said = []
    rows, texts = len(data.test), len(data.train) + len(data.unlabelled)
    least = detectable(rows, APART[data.pair])
    seen = worded("With {rows:,} test rows a difference of student and control shows, four times in five, where it is "
                  "{least:.1%} of them or more.", rows=rows, least=least)  # fmt: skip
    if least > SMALL:
        said.append(("warning", worded("{seen} Few gains are as large: more test rows would tell more.", seen=seen)))
    else:
        said.append(("info", seen))
    if texts < FEW[data.pair]:
        said.append(("warning", worded(FEW_PAIRS if data.pair else FEW_TEXTS, n=texts)))
    return said


def of_teacher(teacher: float, floor: float, metric: str) -> Said:
    """What the teacher's value of the metric on validation says, beside the floor's."""
    if teacher - floor >= GAIN:
        return []
    return [("warning", worded("On validation the teacher reaches {teacher}, a bag of words {floor}. Distilling will "
                               "hardly pay here.", teacher=shown(teacher, metric),
                               floor=shown(floor, metric)))]  # fmt: skip


def of_control(control: float, teacher: float, metric: str) -> Said:
    """What the control's value of the metric on validation says, beside the teacher's."""
    if teacher - control >= GAIN:
        return []
    return [("warning", worded("On validation the control already reaches {control}, the teacher {teacher}: there is "
                               "hardly a gap to recover.", control=shown(control, metric),
                               teacher=shown(teacher, metric)))]  # fmt: skip


def of_labels(data: "Data", transfer: "TransferSet", logits: "NDArray[Any]") -> dict[str, Any]:
    """Where the teacher's `logits` (of the transfer set) and the rows' own labels disagree: "rows" of "of", how many
    of them "confident" in the sense of confident learning (Northcutt et al. 2021: the teacher gives another class more
    than it gives that class where it is the label), and the likeliest slips as "examples"."""
    import numpy as np

    from distill_core.evaluation.calibration import probabilities

    own = transfer.source.count("labelled")
    truth = np.array([data.train.labels[row] for row in transfer.origin[:own]])
    shares = probabilities(logits[:own])
    said, classes = shares.argmax(1), range(shares.shape[1])
    usual = np.array([shares[truth == c, c].mean() if (truth == c).any() else 1.0 for c in classes])
    sure = np.where(shares >= usual, shares, 0.0)
    slips = (sure.max(1) > 0) & (sure.argmax(1) != truth) & (said != truth)
    wrong = np.flatnonzero(said != truth)
    first = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:EXAMPLES]
    return {
        "rows": len(wrong), "of": own, "confident": int(slips.sum()),
        "examples": [
            {"text": list(transfer.texts[i]), "label": data.labels[truth[i]], "teacher": data.labels[said[i]],
             "probability": float(shares[i, said[i]])} for i in first
        ],
    }  # fmt: skip


def on_labels(found: dict[str, Any]) -> Said:
    """What `of_labels` found, in words."""
    if not found["rows"]:
        return []
    share = found["rows"] / found["of"]
    examples = [
        worded("“{text}” is labelled {label}, the teacher says {teacher} ({sure:.0%})", text=short(one["text"]),
               label=one["label"], teacher=one["teacher"], sure=one["probability"]) for one in found["examples"]
    ]  # fmt: skip
    what = worded("The teacher contradicts {rows:,} of {all:,} training labels ({share:.1%}), {sure:,} of them with "
                  "confidence: {examples}.", rows=found["rows"], all=found["of"], share=share, sure=found["confident"],
                  examples=examples)  # fmt: skip
    if share < DISAGREE:
        return [("info", what)]
    return [("warning", worded("{what} One of the two is wrong that often; look at the labels, or choose another "
                               "teacher.", what=what))]  # fmt: skip


def after(summary: dict[str, Any], texts: int, pair: bool) -> Said:
    """What the comparison comes to, of a run that had so many `texts` which are not augmented. Reads "metric",
    "scores", "differences", "gap_recovered", "rows", and "disagreement", "mcnemar" and "tests_read" where they are
    there."""
    metric, scores, rows = summary["metric"], summary["scores"], summary["rows"]["test"]
    value = {row: found[metric] for row, found in scores.items()}
    said = [_outcome(summary, rows), *_doubts(summary, rows)]
    if value["teacher"] - value["floor"] < GAIN:
        said.append(("warning", worded("The teacher ({teacher}) is hardly above the floor ({floor}): it had little to "
                     "pass on.", teacher=shown(value["teacher"], metric),
                     floor=shown(value["floor"], metric))))  # fmt: skip
    if "control" in value and value["teacher"] - value["control"] < GAIN:
        said.append(("warning", worded("The control ({control}) is at the teacher already ({teacher}): the labels "
                     "alone were enough.", control=shown(value["control"], metric),
                     teacher=shown(value["teacher"], metric))))  # fmt: skip
    if texts < FEW[pair]:
        said.append(("warning", worded(STANDS_ON_PAIRS if pair else STANDS_ON_TEXTS, n=texts)))
    found = summary.get("disagreement")
    if found and found["rows"] >= DISAGREE * found["of"]:
        said.append(("warning", worded("The teacher contradicts {share:.0%} of the training labels: the student "
                     "follows the teacher, the scores follow the labels.",
                     share=found["rows"] / found["of"])))  # fmt: skip
    if summary["differences"]["student-teacher"]["high"] >= 0:
        said.append(("info", worded("On these {rows:,} rows the student can't be told from its teacher.", rows=rows)))
    if summary.get("tests_read", 1) >= WORN:
        said.append(("warning", worded("{read} Whoever picks the best of so many runs by it has picked some luck too.",
                     read=readings(summary["tests_read"]))))  # fmt: skip
    return said


def _outcome(summary: dict[str, Any], rows: int) -> tuple[str, Sentence]:
    """Whether the student is above its control."""
    found = summary["differences"].get("student-control")
    if found is None:
        return "warning", worded("The control run was switched off, so nobody knows what distilling did.")
    low, high = found["low"], found["high"]
    values = {
        "points": abs(found["difference"]) * 100, "metric": summary["metric"], "low": low * 100, "high": high * 100,
    }  # fmt: skip
    if low > 0:
        share = summary.get("gap_recovered")
        if share is None:
            return "info", worded(PAID, **values)
        return "info", worded(PAID_GAP, **values, share=share)
    if high < 0:
        return "warning", worded(HARM, **values)
    least = 100 * _reliable(found)
    return "warning", worded(ABOVE if found["difference"] >= 0 else BELOW, **values, rows=rows, least=least)


def _reliable(found: dict[str, float]) -> float:
    """The difference that would have shown four times in five, from the interval of the one found."""
    return (found["high"] - found["low"]) / (2 * 1.96) * POWER


def _doubts(summary: dict[str, Any], rows: int) -> Said:
    """What a gain that is more than chance still leaves open, and with what an F1 is to be compared."""
    said: Said = []
    found, metric = summary["differences"].get("student-control"), summary["metric"]
    if found and found["low"] > 0:
        if found["difference"] < _reliable(found):
            said.append(("warning", worded(BARELY, least=100 * _reliable(found), rows=rows)))
        p = (summary.get("mcnemar") or {}).get("control", 0.0)
        if metric != "accuracy" and p >= CHANCE:
            said.append(("warning", worded(F1_ALONE, p=p, metric=metric)))
    if metric == "f1":  # of the last class; a commoner one makes it flatter
        own = summary["scores"]["student"]["per_class"][-1]
        value = 2 * own["rows"] / (rows + own["rows"])
        level = "warning" if summary["scores"]["student"]["f1"] - value < SMALL else "info"
        said.append((level, worded(ALWAYS, label=own["label"], value=value)))
    return said


def readings(count: int) -> Sentence:
    """How often a test set has been read, as a sentence."""
    if count == 1:
        return worded("This test has been read once.")
    return worded("This test has been read {n:,} times.", n=count)


def shown(value: float, metric: str) -> Sentence:
    """A value of the metric with its name: "87.4 % accuracy", "macro-F1 0.874"."""
    return worded("{value:.1%} {name:metric}" if metric == "accuracy" else "{name:metric} {value:.3f}", value=value,
                  name=metric)  # fmt: skip
