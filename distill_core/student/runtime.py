"""Predict with a student from raw text.

    python predict.py "a text" "another text"        one JSON line a text
    python predict.py --pair "one" "other"           for a student of sentence pairs
    python predict.py < texts.txt                    one text a line (pairs: tab-separated)
    python predict.py --defer 0.95 "a text"          also "deferred": whether to ask the teacher, or a person, instead

"unfamiliar" is true of a text that is unlike what the student learned from, so that its answer says little.

The network runs in onnxruntime. `--int8` takes the one with weights of 8 bits, where there is one, and `--torch` runs
the network in torch, from model.safetensors, network.py and encoder.py.

From Python: `load()(["a text"])`, or as scikit-learn's classifiers are asked: `predict`, `predict_proba`, `classes_`;
`load(network="torch")` takes torch.

An exported student has a copy of this file, as predict.py. So this file needs numpy, tokenizers and onnxruntime alone.
"""

import argparse
import base64
import hashlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Sides = list[list[list[int]]]  # one list of rows of ids, or one for each sentence of a pair
Logits = NDArray[np.float32]  # (rows, labels)
SETTINGS, WEIGHTS = "student.json", "model.safetensors"
NETWORKS = {"onnx": "model.onnx", "int8": "model-int8.onnx", "torch": WEIGHTS}  # a network's file, by where it runs
CHECKSUMS = "sha256"  # the setting that holds those of all files; older students lack it
LEFT_OUT = "left_out"  # the setting that says of networks that were not exported why, by where they would run


class DamagedFile(ValueError):
    """A file of a student is not as it was written."""

    def __init__(self, file: str):
        super().__init__(f"{file} is damaged: it is not as it was written. Export the student again.")
        self.file = file


def settings_checksum(settings: object) -> str:
    """The sha256 of a student's settings, however they are laid out in their file."""
    return hashlib.sha256(json.dumps(json.loads(json.dumps(settings)), sort_keys=True).encode()).hexdigest()


def read_settings(folder: Path, unread: Collection[str] = ()) -> dict[str, Any]:
    """Settings of the student in `folder`, none of whose files is damaged but perhaps those that stay `unread`. Raises
    DamagedFile."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    expected = settings.pop(CHECKSUMS, {})
    for name, checksum in expected.items():
        if name in unread:
            continue
        if name == SETTINGS:
            actual = settings_checksum(settings)
        else:
            actual = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if actual != checksum:
            raise DamagedFile(name)
    return dict(settings)


def cut_sequence(values: "Sequence[Any]", most: int, cut: str) -> list[Any]:
    """At most so many of the values: the first ones ("head"), or a quarter from the beginning and the rest from the end
    ("head_tail"). [Sun et al. 2019, section 5.2: 128 and 382 of 510 word pieces]"""
    head = math.ceil(most / 4) if cut == "head_tail" else most
    return list(values) if len(values) <= most else [*values[:head], *values[len(values) - most + head :]]


class Vocabulary:
    """The student's vocabulary: sentences in, ids out. Row 0 pads, 1 is the unknown word, 2 the mask."""

    pad, unk, mask = 0, 1, 2

    def __init__(
        self,
        kind: str,
        tokenizer: Tokenizer,
        entries: list[str],
        token_ids: list[int],
        teacher_ids: list[int],
        mask_token: str,
        aliases: "Sequence[tuple[int, int]]" = (),
    ):
        """A vocabulary of `entries`. `token_ids` and `teacher_ids` (-1 for none) are each entry's id in `tokenizer` and
        in the teacher's table; `mask_token` is a masked word's name in `tokenizer`; `aliases` are (token id, row) of
        tokens without a row of their own, which are read as another."""
        self.kind, self.tokenizer, self.entries = kind, tokenizer, entries
        self.token_ids, self.teacher_ids, self.mask_token = token_ids, teacher_ids, mask_token
        self.aliases = [(token, row) for token, row in aliases]
        own = {token: row for row, token in enumerate(token_ids) if row > 0 and token >= 0}
        self._rows = {**dict(self.aliases), **own}

    def aliased(self, aliases: "Sequence[tuple[int, int]]") -> "Vocabulary":
        """A copy of the vocabulary with these aliases, which cost the student no weights."""
        parts = (self.kind, self.tokenizer, self.entries, self.token_ids, self.teacher_ids, self.mask_token)
        return Vocabulary(*parts, aliases)

    @property
    def size(self) -> int:
        """Rows of the embedding table, the three special ones included."""
        return len(self.entries)

    def ids(self, sentences: "Sequence[str]", max_tokens: int, cut: str = "head") -> list[list[int]]:
        """The ids of each sentence, `max_tokens` at most and never none: an empty sentence is one unknown word."""
        valid = [self._valid(sentence) for sentence in sentences]
        encoded = self.tokenizer.encode_batch_fast(valid, add_special_tokens=False)
        row = self._rows.get
        return [[row(token, 1) for token in cut_sequence(one.ids, max_tokens, cut)] or [1] for one in encoded]

    def unknown_words(self, sentence: str) -> list[str]:
        """Words of the sentence, in their order, that hold a piece without a row of its own: it is read as the unknown
        word or as another piece."""
        valid, known = self._valid(sentence), {token for token in self.token_ids[2:] if token >= 0}
        encoded = self.tokenizer.encode(valid, add_special_tokens=False)
        pieces = zip(encoded.ids, encoded.word_ids, strict=True)
        places = dict.fromkeys(word for token, word in pieces if token not in known and word is not None)
        words = [valid[slice(*(encoded.word_to_chars(word) or (0, 0)))].strip() for word in places]
        return list(dict.fromkeys(word for word in words if any(map(str.isalnum, word))))

    def _valid(self, sentence: str) -> str:
        return sentence.encode("utf-8", "replace").decode("utf-8").replace("[MASK]", self.mask_token)

    def sides(self, rows: "Sequence[Sequence[str]]", max_tokens: int, cut: str = "head") -> list[list[list[int]]]:
        """The ids of the rows of one or two sentences, side by side: each sentence by itself."""
        return [self.ids(sentences, max_tokens, cut) for sentences in zip(*rows, strict=True)]

    def save(self, folder: "str | Path") -> None:
        """Write tokenizer.json and vocabulary.json into `folder`, which exists."""
        self.tokenizer.save(str(Path(folder) / "tokenizer.json"))
        names = ("kind", "entries", "token_ids", "teacher_ids", "mask_token", "aliases")
        state = {name: getattr(self, name) for name in names}
        (Path(folder) / "vocabulary.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: "str | Path") -> "Vocabulary":
        """The vocabulary that `save` wrote into `folder`."""
        state = json.loads((Path(folder) / "vocabulary.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        tokenizer.no_padding()  # a file from elsewhere could ask for any amount of it
        return cls(tokenizer=tokenizer, **state)


def rarity(surprisals: Sequence[int], mean: float, deviation: float) -> float:
    """Rarity of a text by the surprisals of its pieces: their mean, in standard errors above the usual one."""
    return (sum(surprisals) - len(surprisals) * mean) / (deviation * math.sqrt(len(surprisals)))


class Reading(NamedTuple):
    """How logits (rows, outputs) become probabilities, and the probability of each label an answer."""

    probabilities: Callable[[Logits], NDArray[np.float64]]
    answer: Callable[[dict[str, float]], str]


def softmax(logits: Logits) -> NDArray[np.float64]:
    """Probabilities (rows, labels) of logits."""
    shares = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


READINGS = {  # by the setting "objective", which older students lack
    "single_label": Reading(softmax, lambda shares: max(shares, key=shares.__getitem__)),
}


@dataclass(frozen=True)
class Prediction:
    """The likeliest label, and the probability of each label."""

    label: str
    probabilities: dict[str, float]

    @property
    def probability(self) -> float:
        """Probability of the label."""
        return self.probabilities[self.label]


def pad(rows: list[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows of ids as one matrix (rows, longest), padded with 0, and their lengths (rows,)."""
    lengths = np.array([len(row) for row in rows], np.int32)
    matrix = np.zeros((len(rows), int(lengths.max())), np.int32)
    matrix[np.arange(matrix.shape[1]) < lengths[:, None]] = np.fromiter(chain.from_iterable(rows), np.int32)
    return matrix, lengths


class OnnxNetwork:
    """A network of an ONNX file: rows of ids in, logits (rows, labels) out.

    Its inputs are int32, "ids" (batch, length), padded with 0, and "lengths" (batch,); for a pair "ids_2" and
    "lengths_2" as well. Its output "logits" is (batch, labels) float32. Batch and length are free.
    """

    def __init__(self, model: "str | bytes", threads: int = 1):
        """The network of a file, by its path or its content. A small network is fastest on one thread."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors alone
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]

    def __call__(self, sides: Sides, batch: int = 256) -> Logits:
        """Logits in the order of the rows; rows of like length go together."""
        order = np.argsort([sum(map(len, row)) for row in zip(*sides, strict=True)], kind="stable")
        parts = [
            self.run([[side[row] for row in order[start : start + batch]] for side in sides])
            for start in range(0, len(order), batch)
        ]
        logits = np.concatenate(parts)
        logits[order] = logits.copy()
        return logits

    def run(self, sides: Sides) -> Logits:
        """Logits of one batch."""
        values = [array for side in sides for array in pad(side)]
        logits: Logits = self._session.run(["logits"], dict(zip(self._inputs, values, strict=True)))[0]
        return logits


def as_rows(texts: "Iterable[str | Sequence[str]]", sides: int) -> list[tuple[str, ...]]:
    """The texts as rows of so many sides each. Raises ValueError."""
    if isinstance(texts, str):
        raise ValueError(f"Give a list of texts, [{texts!r}], instead of one text by itself.")
    rows: list[tuple[str, ...]] = []
    for text in texts:
        row: tuple[Any, ...] = (text,) if isinstance(text, str) or not hasattr(text, "__iter__") else tuple(text)
        if len(row) != sides or not all(isinstance(side, str) for side in row):
            kind = "two sentences" if sides == 2 else "one text"
            raise ValueError(f"Text {len(rows) + 1} should be {kind}, but it is {text!r}.")
        rows.append(row)
    return rows


class Predictor:
    """A student that takes raw texts: strings, or pairs of strings where it was trained on pairs."""

    def __init__(self, network: Callable[[Sides], Logits], vocabulary: Vocabulary, settings: dict[str, Any]):
        self.network, self.vocabulary, self.settings = network, vocabulary, settings
        self.labels: list[str] = settings["labels"]
        self.reading = READINGS[settings.get("objective", "single_label")]

    def __call__(self, texts: "Iterable[str | Sequence[str]]") -> list[Prediction]:
        """One prediction a text. Raises ValueError where a text is not of the kind the student was trained on."""
        answers = [dict(zip(self.labels, shares, strict=True)) for shares in self.predict_proba(texts).tolist()]
        return [Prediction(self.reading.answer(shares), shares) for shares in answers]

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Labels (labels,) in the order of the columns of `predict_proba`."""
        return np.array(self.labels, np.str_)

    def predict(self, texts: "Iterable[str | Sequence[str]]") -> NDArray[np.str_]:
        """Labels (rows,) of texts, or of pairs. Raises ValueError as a call does."""
        return np.array([answer.label for answer in self(texts)], np.str_)

    def predict_proba(self, texts: "Iterable[str | Sequence[str]]") -> NDArray[np.float64]:
        """Probabilities (rows, labels) of texts, or of pairs. Raises ValueError as a call does."""
        rows = as_rows(texts, 2 if self.settings["pair"] else 1)
        if not rows:
            return np.zeros((0, len(self.labels)))
        return self.probabilities(self.logits(rows))

    def probabilities(self, logits: Logits) -> NDArray[np.float64]:
        """Probabilities (rows, labels) of logits. The temperature, fitted on validation rows, calibrates them; the
        answers stay the same."""
        return self.reading.probabilities(logits / self.settings.get("temperature", 1.0))

    def logits(self, rows: Sequence[Sequence[str]]) -> Logits:
        """Logits (rows, labels) of rows of one or two sentences."""
        return self.network(self.vocabulary.sides(rows, *self.limit))

    def unknown_words(self, row: "Sequence[str]") -> list[str]:
        """Words of one or two sentences that the student does not know; none for a student that keeps the teacher's
        tokenizer whole."""
        known = getattr(self.vocabulary, "unknown_words", None)
        return list(dict.fromkeys(word for side in row for word in known(side))) if known else []

    def pieces(self, rows: "Sequence[Sequence[str]]") -> list[list[int]]:
        """The pieces of each row, those of both sentences where there are two, by their numbers in the vocabulary."""
        return [sum(sides, []) for sides in zip(*self.vocabulary.sides(rows, *self.limit), strict=True)]

    @cached_property
    def _surprisals(self) -> bytes:
        return base64.b64decode(self.settings["familiarity"]["surprisals"])

    def unfamiliar(self, text: "str | Sequence[str]") -> bool:
        """Whether a text, or a pair, is unlike what the student learned from: its pieces are rarer there than those of
        99 of 100 of its rows. False for a student of which that is not known."""
        known = self.settings.get("familiarity")
        if not known:
            return False
        table, (ids,) = self._surprisals, self.pieces([(text,) if isinstance(text, str) else text])
        values = [table[min(piece, len(table) - 1)] for piece in ids]
        return bool(rarity(values, known["mean"], known["deviation"]) > known["threshold"])

    def threshold(self, agreement: float) -> float:
        """Least probability of an answer from which on so large a share of the answers are the teacher's. Raises
        ValueError where the validation rows promised no such share."""
        if self.settings.get("row") == "control":
            raise ValueError("This is a control: it had no teacher whose answers it could be held against.")
        known: dict[str, float] = self.settings.get("defer", {})
        if f"{agreement:g}" not in known:
            shares = ", ".join(known) or "none: its validation rows were too few"
            raise ValueError(f"This student has no threshold for {agreement:g}. It has one for: {shares}.")
        return known[f"{agreement:g}"]

    @property
    def limit(self) -> tuple[int, str]:
        """Most tokens of a sentence, and how a longer one is cut: older students lack that and read its beginning."""
        return self.settings["max_tokens"], self.settings.get("cut", "head")


def load(folder: "str | Path" = Path(__file__).parent, network: str | None = None, threads: int = 1) -> Predictor:
    """The student that was exported to `folder`. Its `network` runs in onnxruntime, "onnx" or "int8", on so many
    `threads`, or in "torch"; None is "onnx", or "torch" where there is no such file. Raises ValueError where there is
    none or a file is damaged, ImportError where the library is missing."""
    folder = Path(folder)
    there = [name for name, file in NETWORKS.items() if (folder / file).is_file()]
    chosen = network or next(iter(there), "torch")
    settings = read_settings(folder, [file for name, file in NETWORKS.items() if name != chosen or name not in there])
    if chosen not in there:
        why = settings.get(LEFT_OUT, {}).get(chosen, "It was taken out of the folder.")
        raise ValueError(f"There is no {NETWORKS[chosen]}. {why}")
    own = (folder / "vocabulary.py").is_file()
    vocabulary = (_module(folder, "vocabulary").Vocabulary if own else Vocabulary).load(folder)
    try:
        return Predictor(
            _torch(folder, settings) if chosen == "torch" else OnnxNetwork(str(folder / NETWORKS[chosen]), threads),
            vocabulary,
            settings,
        )
    except ModuleNotFoundError as error:
        other = "" if chosen == "torch" else " Or let it run in torch: --torch."
        raise ImportError(f"{error.name} is not installed. Install it: pip install {error.name}.{other}") from error


def _torch(folder: Path, settings: dict[str, Any]) -> Callable[[Sides], Logits]:
    code = _module(folder, "network")
    return partial(code.compute_logits, code.load(folder / WEIGHTS, settings, _module(folder, "encoder")))


def _module(folder: Path, name: str) -> ModuleType:
    """Code of the folder, whatever else is called so."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _own() -> Predictor:
    """The student of the folder that this file was exported to."""
    return load()


def predict(texts: "Iterable[str | Sequence[str]]") -> NDArray[np.str_]:
    """Labels (rows,) of texts, or of pairs, by the student of this folder. Raises ValueError where a text is not of its
    kind."""
    return _own().predict(texts)


def predict_proba(texts: "Iterable[str | Sequence[str]]") -> NDArray[np.float64]:
    """Probabilities (rows, labels) of texts, or of pairs, by the student of this folder; `load().classes_` are the
    labels. Raises ValueError where a text is not of its kind."""
    return _own().predict_proba(texts)


def main(arguments: list[str]) -> None:
    """Print one JSON line for each text of the command line or of standard input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("texts", nargs="*", help="without any, standard input is read, one text a line")
    parser.add_argument("--pair", action="store_true", help="the two texts are one pair")
    networks = parser.add_mutually_exclusive_group()
    for name, words in (("int8", "take the weights of 8 bits"), ("torch", "let the network run in torch")):
        networks.add_argument(f"--{name}", dest="network", action="store_const", const=name, help=words)
    parser.add_argument("--defer", type=float, metavar="SHARE", help="say whether each is better asked of the teacher")
    given = parser.parse_args(arguments)
    try:
        student = load(network=given.network)
        threshold = None if given.defer is None else student.threshold(given.defer)
    except (ValueError, ImportError) as error:
        parser.error(str(error))
    rows: list[Any] = given.texts or [line.rstrip("\n") for line in sys.stdin]
    if given.pair:
        rows = [tuple(rows)]
    elif student.settings["pair"]:
        rows = [tuple(row.split("\t")) for row in rows]
    for row, prediction in zip(rows, student(rows), strict=True):
        answer = {"text": row, "label": prediction.label, "probabilities": prediction.probabilities}
        deferred = {} if threshold is None else {"deferred": prediction.probability < threshold}
        unlike = {"unfamiliar": student.unfamiliar(row)} if "familiarity" in student.settings else {}
        print(json.dumps(answer | deferred | unlike))


if __name__ == "__main__":
    main(sys.argv[1:])
