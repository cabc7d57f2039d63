"""When distilling does not pay: said before the money is spent, and after.

Each sentence is (level, text) with level "info" or "warning". The thresholds stand here, each with its reason. Knows
nothing of models: it is given figures.
"""

from math import sqrt
from typing import TYPE_CHECKING, Any

from distill_core.rows import short

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from distill_core.data import Data
    from distill_core.transfer import TransferSet

Said = list[tuple[str, str]]

# Of the metric: a teacher, or a gap, of less above the floor or the control is lost in the noise of any test set here.
GAIN = 0.01
# Texts that are not augmented. SST-2 with 2,000 of them recovered 6 % of the gap, with 67,000 of them 58 to 64 %
# (benchmarks/RESULTS.md); a pair is less telling: MRPC's 3,667 pairs recovered 6 %, Intel's run on them nothing.
FEW = {False: 5_000, True: 20_000}
# A difference of two models shows in a test with a probability of 80 % at a level of 5 % if it is POWER standard errors
# (1.96 + 0.84) or more, and the rows on which only one is right decide the error (Connor 1987): about APART of all for
# student and control in our runs.
POWER, APART = 2.8, 0.12
SMALL = 0.05  # no task on real text here gained much more from distilling: a test that can't see it decides nothing
# Northcutt et al. 2021 found 3.4 % of the labels of ten well-known test sets wrong; three times that is no slip.
DISAGREE = 0.1
WORN = 20  # readings of a test set, after which the best of them owes something to luck
EXAMPLES = 3
NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "mcc": "Matthews correlation", "f1": "F1"}


def before(data: "Data") -> Said:
    """What can be said of the rows alone, before there is a teacher."""
    said: Said = []
    rows, texts = len(data.test), len(data.train) + len(data.unlabelled)
    least = detectable(rows)
    seen = f"With {rows:,} test rows, student and control must differ by about {least:.1%} of them to be told apart"
    if least > SMALL:
        said.append(("warning", f"{seen}. Few gains are as large: more test rows would tell more."))
    else:
        said.append(("info", f"{seen}."))
    if texts < FEW[data.pair]:
        kind = "pairs" if data.pair else "texts"
        gain = "Sets of pairs this small gained next to nothing so far" if data.pair else "So few teach little"
        said.append(("warning", f"Teacher and student have {texts:,} {kind} to work with. {gain}: expect a student "
                     f"near its control, and add {kind} without labels if there are any."))  # fmt: skip
    return said


def of_teacher(teacher: float, floor: float, metric: str) -> Said:
    """What the teacher's value of the metric on validation says, beside the floor's."""
    if teacher - floor >= GAIN:
        return []
    return [("warning", f"On validation the teacher reaches {shown(teacher, metric)}, a bag of words "
             f"{shown(floor, metric)}. Distilling will hardly pay here.")]  # fmt: skip


def of_control(control: float, teacher: float, metric: str) -> Said:
    """What the control's value of the metric on validation says, beside the teacher's."""
    if teacher - control >= GAIN:
        return []
    return [("warning", f"On validation the control already reaches {shown(control, metric)}, the teacher "
             f"{shown(teacher, metric)}: there is hardly a gap to recover.")]  # fmt: skip


def of_labels(data: "Data", transfer: "TransferSet", logits: "NDArray[Any]") -> dict[str, Any]:
    """Where the teacher's `logits` (of the transfer set) and the rows' own labels disagree: "rows" of "of", how many
    of them "confident" in the sense of confident learning (Northcutt et al. 2021: the teacher gives another class more
    than it gives that class where it is the label), and the likeliest slips as "examples"."""
    import numpy as np

    from distill_core.calibration import probabilities

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
    examples = "; ".join(
        f"“{short(one['text'])}” is labelled {one['label']}, the teacher says {one['teacher']} "
        f"({one['probability']:.0%})" for one in found["examples"]
    )  # fmt: skip
    what = (f"The teacher contradicts {found['rows']:,} of {found['of']:,} training labels ({share:.1%}), "
            f"{found['confident']:,} of them with confidence: {examples}.")  # fmt: skip
    if share < DISAGREE:
        return [("info", what)]
    return [("warning", f"{what} One of the two is wrong that often; look at the labels, or choose another teacher.")]


def after(summary: dict[str, Any], texts: int, pair: bool) -> Said:
    """What the comparison comes to, of a run that had so many `texts` which are not augmented. Reads "metric",
    "scores", "differences", "gap_recovered", "rows", and "disagreement" and "tests_read" where they are there."""
    metric, scores, rows = summary["metric"], summary["scores"], summary["rows"]["test"]
    value = {row: found[metric] for row, found in scores.items()}
    said = [_outcome(summary, rows)]
    if value["teacher"] - value["floor"] < GAIN:
        said.append(("warning", f"The teacher ({shown(value['teacher'], metric)}) is hardly above the floor "
                     f"({shown(value['floor'], metric)}): it had little to pass on."))  # fmt: skip
    if "control" in value and value["teacher"] - value["control"] < GAIN:
        said.append(("warning", f"The control ({shown(value['control'], metric)}) is at the teacher already "
                     f"({shown(value['teacher'], metric)}): the labels alone were enough."))  # fmt: skip
    if texts < FEW[pair]:
        said.append(("warning", f"The transfer set stands on {texts:,} {'pairs' if pair else 'texts'} that are not "
                     "augmented. More of them, also without labels, is what helps most."))  # fmt: skip
    found = summary.get("disagreement")
    if found and found["rows"] >= DISAGREE * found["of"]:
        said.append(("warning", f"The teacher contradicts {found['rows'] / found['of']:.0%} of the training labels: "
                     "the student follows the teacher, the scores follow the labels."))  # fmt: skip
    if summary["differences"]["student-teacher"]["high"] >= 0:
        said.append(("info", f"On these {rows:,} rows the student can't be told from its teacher."))
    if summary.get("tests_read", 1) >= WORN:
        said.append(("warning", f"{readings(summary['tests_read'])} Whoever picks the best of so many runs by it has "
                     "picked some luck too."))  # fmt: skip
    return said


def _outcome(summary: dict[str, Any], rows: int) -> tuple[str, str]:
    """Whether the student is above its control."""
    found = summary["differences"].get("student-control")
    if found is None:
        return "warning", "The control run was switched off, so nobody knows what distilling did."
    low, high, metric = found["low"], found["high"], NAMES[summary["metric"]]
    what = f"{abs(found['difference']) * 100:.1f} points of {metric}"
    spread = f"95 % interval {low * 100:+.1f} to {high * 100:+.1f}"
    if low > 0:
        share = summary.get("gap_recovered")
        gap = f", {share:.0%} of the gap to the teacher" if share is not None else ""
        return "info", f"Distilling paid: the student is {what} above its control ({spread}){gap}."
    if high < 0:
        return "warning", f"Distilling did harm: the student is {what} below its control ({spread})."
    least = (high - low) / (2 * 1.96) * POWER
    way = "above" if found["difference"] >= 0 else "below"
    return "warning", (
        f"Whether distilling helped can't be told: the student is {what} {way} its control, within chance ({spread}). "
        f"With these {rows:,} rows a difference has to be about {least * 100:.1f} points to show; more test rows or "
        "several seeds would tell."
    )


def detectable(rows: int, apart: float = APART) -> float:
    """The smallest difference in accuracy of two models, as a fraction, that a test of so many rows shows four times
    in five, where they differ in being right on the share `apart` of the rows."""
    return min(1.0, POWER * sqrt(apart / max(1, rows)))


def readings(count: int) -> str:
    """How often a test set has been read, as a sentence."""
    return f"This test has been read {'once' if count == 1 else f'{count:,} times'}."


def shown(value: float, metric: str) -> str:
    """A value of the metric with its name: "87.4 % accuracy", "macro-F1 0.874"."""
    return f"{value:.1%} {NAMES[metric]}" if metric == "accuracy" else f"{NAMES[metric]} {value:.3f}"
