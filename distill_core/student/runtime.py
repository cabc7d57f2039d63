"""Predict with a student from raw text.

    python predict.py "a text" "another text"        one JSON line a text
    python predict.py --pair "one" "other"           for a student of sentence pairs
    python predict.py < texts.txt                    one text a line (pairs: tab-separated)
    python predict.py --defer 0.95 "a text"          also "deferred": whether to ask the teacher, or a person, instead

"unfamiliar" is true of a text that is unlike what the student learned from, so that its answer says little.

From Python: `load()(["a text"])`.

An exported student has a copy of this file, as predict.py, and of its component's, as encoder.py. So this file needs
torch, tokenizers and safetensors alone.

A component offers an `Encoder`, around which `Student` and `Vocabulary` stand, or a whole network: a `Student` and a
`Vocabulary` of its own. These meet the others in `Sides` and in the methods that CONTRIBUTING.md lists.
"""

import argparse
import base64
import hashlib
import importlib.util
import inspect
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

Sides = list[tuple[Tensor, Tensor]]
SETTINGS, WEIGHTS = "student.json", "model.safetensors"
CHECKSUMS = "sha256"  # the setting that holds those of all files; older students lack it


class DamagedFile(ValueError):
    """A file of a student is not as it was written."""

    def __init__(self, file: str):
        super().__init__(f"{file} is damaged: it is not as it was written. Export the student again.")
        self.file = file


def settings_checksum(settings: object) -> str:
    """The sha256 of a student's settings, however they are laid out in their file."""
    return hashlib.sha256(json.dumps(json.loads(json.dumps(settings)), sort_keys=True).encode()).hexdigest()


def read_settings(folder: Path) -> dict[str, Any]:
    """Settings of the student in `folder`, none of whose files is damaged. Raises DamagedFile."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    expected = settings.pop(CHECKSUMS, {})
    for name, checksum in expected.items():
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


def pad(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Rows of ids as one matrix (rows, longest) int32, padded with 0, and their lengths (rows,)."""
    lengths = torch.tensor([len(row) for row in rows])
    matrix = nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.int32) for row in rows], batch_first=True)
    return matrix, lengths


def take_rows(sides: Sides, rows: Tensor, device: str = "cpu") -> Sides:
    """The chosen rows of each side, no wider than the longest of them."""
    chosen = [(ids[rows], lengths[rows]) for ids, lengths in sides]
    return [(ids[:, : int(lengths.max())].to(device), lengths) for ids, lengths in chosen]


def total_lengths(sides: Sides) -> Tensor:
    """Lengths (rows,) of all sides of a row together."""
    return torch.stack([lengths for _, lengths in sides]).sum(0)


@torch.inference_mode()
def predict_logits(model: nn.Module, sides: Sides, batch: int = 256, device: str = "cpu") -> Tensor:
    """Logits (rows, labels) float32 on the CPU, in the order of the rows; rows of like length go together."""
    model.eval()
    order = torch.argsort(total_lengths(sides), stable=True)
    logits = torch.cat([model(take_rows(sides, rows, device)).float().cpu() for rows in torch.split(order, batch)])
    return torch.empty_like(logits).index_copy_(0, order, logits)


class Student(nn.Module):
    """Tang et al. 2019, section 3.1, around any encoder.

    `vectors` (entries, width) is the starting table, row 0 the padding. `channels` is "trained", "frozen" or "both":
    one frozen and one trained copy side by side, the paper's multichannel. For a pair the one encoder reads both
    sentences and the head sees [h1, h2, h1*h2, |h1-h2|]; an encoder that names a network `Pair` has that read the two
    together instead. `sizes` is what its settings hold of the table.
    """

    def __init__(
        self,
        vectors: Tensor,
        encoder: type[nn.Module],
        labels: int,
        pair: bool,
        hidden: int,
        fc: int,
        dropout: float = 0.0,
        channels: str = "trained",
        sparse: bool = False,
    ):
        super().__init__()
        self.sizes = {"entries": vectors.shape[0], "width": vectors.shape[1]}
        kinds = ("frozen", "trained") if channels == "both" else (channels,)
        self.tables = nn.ModuleDict({kind: _table(vectors, kind == "frozen", sparse) for kind in kinds})
        together = getattr(encoder, "Pair", None) if pair else None
        network: Any = (together or encoder)(vectors.shape[1] * len(kinds), hidden, dropout)
        self.encoder: nn.Module = network
        self.together = together is not None
        self.dropout = nn.Dropout(dropout)
        self.pair = pair
        inputs = network.outputs * (4 if pair else 1)
        self.head = nn.Sequential(nn.Linear(inputs, fc), nn.ReLU(), nn.Dropout(dropout), nn.Linear(fc, labels))

    def forward(self, sides: Sides) -> Tensor:
        """Logits (batch, labels) of one or two sides, each ids (batch, length) and lengths (batch,) on the CPU."""
        return self.classify(self.encode_sides(sides))

    def encode_sides(self, sides: Sides) -> list[Tensor]:
        """One vector (batch, outputs) a sentence; where the encoder reads a pair together, each knows of the other."""
        if not self.together:
            return [self.encode(ids, lengths) for ids, lengths in sides]
        (first, ends), (second, others) = sides
        return list(self.encoder(self._vectors(first), ends, self._vectors(second), others))

    def classify(self, vectors: list[Tensor]) -> Tensor:
        """Logits (batch, labels) of one vector (batch, outputs) a sentence."""
        if self.pair:
            first, second = vectors
            vectors = [first, second, first * second, (first - second).abs()]
        logits: Tensor = self.head(torch.cat(vectors, dim=1))
        return logits

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """One vector (batch, outputs) a sentence, read alone."""
        vector: Tensor = self.encoder(self._vectors(ids), lengths)
        return vector

    @torch.no_grad()
    def shift(self, offsets: Tensor) -> None:
        """Add an offset (labels,) to the logits, for good."""
        output: Any = self.head[-1]
        output.bias += offsets.to(output.bias)

    def _vectors(self, ids: Tensor) -> Tensor:
        vectors: Tensor = self.dropout(torch.cat([table(ids) for table in self.tables.values()], dim=2))
        return vectors


def shape_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The values in `settings` that `Student` takes, by name. What an older student's settings lack has its default."""
    return {name: settings[name] for name in inspect.signature(Student).parameters if name in settings}


def _table(vectors: Tensor, frozen: bool, sparse: bool) -> nn.Embedding:
    entries, width = vectors.shape
    return nn.Embedding(
        entries, width, padding_idx=0, sparse=sparse and not frozen, _weight=vectors.clone(), _freeze=frozen
    )


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


def encode_rows(vocabulary: Vocabulary, rows: Sequence[Sequence[str]], max_tokens: int, cut: str) -> Sides:
    """Rows of one or two sentences as the network reads them, `cut` as its settings say where they are longer."""
    return [pad(side) for side in vocabulary.sides(rows, max_tokens, cut)]


def rarity(surprisals: Sequence[int], mean: float, deviation: float) -> float:
    """Rarity of a text by the surprisals of its pieces: their mean, in standard errors above the usual one."""
    return (sum(surprisals) - len(surprisals) * mean) / (deviation * math.sqrt(len(surprisals)))


class Reading(NamedTuple):
    """How logits (rows, outputs) become probabilities, and the probability of each label an answer."""

    probabilities: Callable[[Tensor], Tensor]
    answer: Callable[[dict[str, float]], str]


READINGS = {  # by the setting "objective", which older students lack
    "single_label": Reading(
        lambda logits: torch.softmax(logits, 1), lambda shares: max(shares, key=shares.__getitem__)
    ),
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


class Predictor:
    """A student that takes raw texts: strings, or pairs of strings where it was trained on pairs."""

    def __init__(self, model: nn.Module, vocabulary: Vocabulary, settings: dict[str, Any]):
        self.model, self.vocabulary, self.settings = model.eval(), vocabulary, settings
        self.labels: list[str] = settings["labels"]
        self.reading = READINGS[settings.get("objective", "single_label")]

    def __call__(self, texts: Sequence[str | Sequence[str]]) -> list[Prediction]:
        """One prediction a text. Raises ValueError where a text is not of the kind the student was trained on."""
        if not texts:
            return []
        rows = [(row,) if isinstance(row, str) else tuple(row) for row in texts]
        width = 2 if self.settings["pair"] else 1
        for i, row in enumerate(rows):
            if len(row) != width or not all(isinstance(side, str) for side in row):
                kind = "two sentences" if width == 2 else "one text"
                raise ValueError(f"Text {i + 1} should be {kind}, but it is {texts[i]!r}.")
        answers = [dict(zip(self.labels, p, strict=True)) for p in self.probabilities(self.logits(rows)).tolist()]
        return [Prediction(self.reading.answer(shares), shares) for shares in answers]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities (rows, labels) of logits. The temperature, fitted on validation rows, calibrates them; the
        answers stay the same."""
        return self.reading.probabilities(logits / self.settings.get("temperature", 1.0))

    def logits(self, rows: Sequence[Sequence[str]]) -> torch.Tensor:
        """Logits (rows, labels) of rows of one or two sentences."""
        return predict_logits(self.model, encode_rows(self.vocabulary, rows, *self.limit))

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

    @classmethod
    def load(cls, folder: Path, component: ModuleType) -> "Predictor":
        """The student in `folder`, of this component."""
        settings = read_settings(folder)
        weights = load_file(folder / WEIGHTS)
        if own := getattr(component, "Student", None):
            return cls(own.load(weights, settings), component.Vocabulary.load(folder), settings)
        empty = torch.zeros(settings["entries"], settings["width"])
        model = Student(empty, component.Encoder, **{**shape_of(settings), "labels": len(settings["labels"])})
        model.load_state_dict(weights)
        return cls(model, Vocabulary.load(folder), settings)


def load(folder: "str | Path" = Path(__file__).parent) -> Predictor:
    """The student that was exported to `folder`."""
    spec = importlib.util.spec_from_file_location("encoder", Path(folder) / "encoder.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Predictor.load(Path(folder), module)


def main(arguments: list[str]) -> None:
    """Print one JSON line for each text of the command line or of standard input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("texts", nargs="*", help="without any, standard input is read, one text a line")
    parser.add_argument("--pair", action="store_true", help="the two texts are one pair")
    parser.add_argument("--defer", type=float, metavar="SHARE", help="say whether each is better asked of the teacher")
    given = parser.parse_args(arguments)
    try:
        student = load()
        threshold = None if given.defer is None else student.threshold(given.defer)
    except ValueError as error:
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
