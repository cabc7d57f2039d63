"""Language models that write more texts like some given ones.

The given texts stand one a line in front of the model, and it writes the next line. They are read once: the keys and
values of that reading are repeated for each line of a batch, and only the lines themselves are computed one by one.
The model is loaded as a teacher is: no code of its folder runs, and weights are safetensors, or a GGUF file where the
packages for it are installed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core.cache import checksum
from distill_core.environment import local_path
from distill_core.errors import TeacherError
from distill_core.hub import client, models
from distill_core.messages import Message, message, os_error_reason
from distill_core.teacher import fingerprint, safe_loading, tokenizers
from distill_core.teacher import weights as model_weights
from distill_core.training.device import device, fast_dtype

GGUF = ".gguf"
GGUF_PACKAGES = ("gguf", "accelerate")
GGUF_MAGIC = b"GGUF"
TEMPERATURE = 1.0
LIKELIEST = 100  # tokens among which the next one is drawn,
NUCLEUS = 0.95  # and of these the likeliest that make up so much of their probability
MOST_WRITTEN = 256  # tokens of a text
MOST_READ = 1024  # tokens of the examples


@dataclass(frozen=True)
class ModelFiles:
    """Files of a language model: a `folder`, and the name of a GGUF file in it where it is one; `allow_pickle` as for a
    teacher."""

    name: str
    folder: Path
    gguf: str | None = None
    allow_pickle: bool = False

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides what the model writes."""
        if self.gguf:
            return checksum(self.folder / self.gguf)
        weights = model_weights.find_weights(self.folder, self.name, self.allow_pickle)
        return fingerprint.fingerprint(self.folder, weights, ())


def check_name(name: str) -> None:
    """Raise TeacherError where no language model can be called so, without asking the Hub."""
    if path := local_path(name):
        if path.is_file():
            _check_gguf(path)
    elif not client.is_id(name):
        raise TeacherError(message(
            "There is no language model {name}. Give a folder with a model, a GGUF file, or an id on the Hub such as "
            "{id}.", name=repr(name[:100]), id="HuggingFaceTB/SmolLM2-135M"))  # fmt: skip


def is_local(name: str, allow_pickle: bool = False) -> bool:
    """Whether the model can be loaded without a download."""
    return local_path(name) is not None or models.on_this_machine(name, allow_pickle)


def locate(name: str, allow_pickle: bool = False) -> ModelFiles:
    """Files of the model, downloaded if need be. Raises TeacherError, HubError."""
    check_name(name)
    path = local_path(name)
    if path is None:
        return ModelFiles(name, models.model_folder(name, allow_pickle), allow_pickle=allow_pickle)
    folder, gguf = (path, None) if path.is_dir() else (path.parent, path.name)
    return ModelFiles(path.name, folder, gguf, allow_pickle)


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as opened:
            is_gguf = opened.read(len(GGUF_MAGIC)) == GGUF_MAGIC
    except OSError as error:
        raise TeacherError(message("{file} can't be read: {why}. Check the name and its permissions.",
                                   file=repr(path.name[:100]), why=os_error_reason(error))) from error  # fmt: skip
    if not is_gguf:
        raise TeacherError(message("{name} is no GGUF file. Give the folder of a model, or a GGUF file.",
                                   name=path.name))  # fmt: skip
    if lacking := [package for package in GGUF_PACKAGES if find_spec(package) is None]:
        raise TeacherError(message(
            "{name} is a GGUF file, which needs {packages}: {command}. Or give the folder of a model, or an id on the "
            "Hub.", name=path.name, packages=", ".join(lacking),
            command=f"pip install {' '.join(lacking)}"))  # fmt: skip


class LanguageModel:
    """A language model in memory."""

    def __init__(self, files: ModelFiles):
        """Load it. Raises TeacherError."""
        self.name = files.name
        self.model, self.tokenizer = _load_gguf(files) if files.gguf else _load(files)
        self.model.to(device()).eval()
        self.longest = tokenizers.max_length(self.model.config, self.tokenizer)
        self._ends = self._end_tokens()

    def write(
        self, examples: Sequence[str], lines: int, seed: int, most_tokens: int,
        stop: Callable[[], None] = lambda: None,
    ) -> list[str]:  # fmt: skip
        """Texts that go on after the `examples`, at most `lines` of them, for lines that don't end within `most_tokens`
        are none. The same seed gives the same texts. `stop` is asked before each token, and may raise."""
        ids = self._prompt(examples, min(most_tokens, MOST_WRITTEN))
        draw = torch.Generator().manual_seed(seed)
        with torch.inference_mode():
            read = self.model(ids, use_cache=True, logits_to_keep=1)  # those of all tokens are hundreds of MB
            past, logits = read.past_key_values, read.logits[:, -1:].float().cpu()
            past.batch_repeat_interleave(lines)
            logits = logits.repeat_interleave(lines, 0)
            written: list[list[int]] = [[] for _ in range(lines)]
            rows, ended = list(range(lines)), set[int]()  # lines that are still computed, and those that ended
            for step in range(min(most_tokens, MOST_WRITTEN)):
                stop()
                if not torch.isfinite(logits).all():
                    raise TeacherError(message("{name} writes no text: its outputs are no finite numbers. Choose "
                                               "another language model.", name=self.name))  # fmt: skip
                tokens = _draw(logits[:, -1], draw, None if step else self._ends)
                for row, token in zip(rows, tokens.tolist(), strict=True):
                    if row not in ended:
                        written[row].append(token)
                        if self._ends[token]:
                            ended.add(row)
                if len(ended) == lines:
                    break
                going = [place for place, row in enumerate(rows) if row not in ended]
                if 2 * len(going) <= len(rows):  # no time for what has ended
                    chosen = torch.tensor(going, device=device())
                    past.batch_select_indices(chosen)
                    rows, tokens = [rows[place] for place in going], tokens[going]
                read = self.model(tokens[:, None].to(device()), past_key_values=past, use_cache=True)
                logits = read.logits.float().cpu()
        if not ended:
            return []
        texts = self.tokenizer.batch_decode([written[row] for row in sorted(ended)], skip_special_tokens=True)
        return [text.split("\n")[0].strip() for text in texts]

    @property
    def bytes(self) -> int:
        """Size of its weights in memory."""
        return sum(value.numel() * value.element_size() for value in self.model.parameters())

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    def _prompt(self, examples: Sequence[str], room: int) -> Tensor:
        """Ids of as many examples, a line each, as leave room for a text; of the first one where even that is long."""
        most = max(1, min(MOST_READ, self.longest - room))
        for number in range(len(examples), 0, -1):
            text = "".join(f"{' '.join(one.split())}\n" for one in examples[:number])
            ids: list[int] = self.tokenizer(text)["input_ids"]
            if len(ids) <= most:
                break
        return torch.tensor([ids[-most:]], device=device())

    def _end_tokens(self) -> Tensor:
        """Whether a token ends a line: it has a line's end in it, or ends the text."""
        size = self.model.config.vocab_size
        known = [number for number in self.tokenizer.get_vocab().values() if number < size]
        ends = torch.zeros(size, dtype=torch.bool)
        for number, text in zip(known, self.tokenizer.batch_decode([[number] for number in known]), strict=True):
            ends[number] = "\n" in text
        ends[[number for number in self.tokenizer.all_special_ids if number < size]] = True
        return ends


def _draw(logits: Tensor, draw: torch.Generator, without: Tensor | None) -> Tensor:
    """One token for each row of logits."""
    if without is not None:
        logits = logits.masked_fill(without, float("-inf"))
    best = (logits / TEMPERATURE).topk(min(LIKELIEST, logits.shape[1]), dim=1)
    shares = best.values.softmax(1)
    shares = torch.where(shares.cumsum(1) - shares < NUCLEUS, shares, 0.0)
    places = torch.multinomial(shares, 1, generator=draw)
    return best.indices.gather(1, places).squeeze(1)


def _options() -> dict[str, object]:
    return {"dtype": fast_dtype(device()), "trust_remote_code": False, "local_files_only": True}


def _load(files: ModelFiles) -> tuple[Any, Any]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    safe_loading.silence_transformers()
    config = safe_loading.read_language_model_config(files.folder, files.name)
    weights = model_weights.find_weights(files.folder, files.name, files.allow_pickle)
    safe_loading.check_shapes(config, weights, files.name)
    notes: list[Message] = []
    tokenizer = tokenizers.load_tokenizer(files.folder, config, files.name, notes)
    with safe_loading.weights_read(files.name):
        architecture: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
        source: dict[str, object] = (
            {"use_safetensors": True} if weights.state is None else {"state_dict": weights.state}
        )
        model, info = architecture.from_pretrained(
            str(files.folder) if weights.state is None else None, config=config, output_loading_info=True, **source,
            **_options(),
        )  # fmt: skip
    safe_loading.check_missing(sorted(info["missing_keys"]), files.name)
    safe_loading.check_finite(model, files.name)
    return model, tokenizer


def _load_gguf(files: ModelFiles) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe_loading.silence_transformers()
    with safe_loading.weights_read(files.name):
        options: dict[str, object] = {"gguf_file": files.gguf, **_options()}
        model = AutoModelForCausalLM.from_pretrained(str(files.folder), **options)
        del options["dtype"]
        return model, AutoTokenizer.from_pretrained(str(files.folder), **options)
