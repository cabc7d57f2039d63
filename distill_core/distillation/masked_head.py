"""The head with which the base of a teacher guesses masked pieces.

Fine-tuning takes it off, so it is read from the base's own file, or from that of the model that the config names for
masks, where that reads the teacher's pieces.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from distill_core.config.losses import wants_head
from distill_core.config.schema import Config
from distill_core.distillation.mask_filling import LABELS, headless, model_name
from distill_core.errors import TeacherError, UserError
from distill_core.messages import Message, message
from distill_core.student.cutting import ACTIVATIONS, norm_eps
from distill_core.student.masked_pieces import HeadWeights
from distill_core.teacher import loading, safe_loading, tokenizers
from distill_core.teacher import weights as model_weights
from distill_core.teacher.catalog import is_local
from distill_core.teacher.model import Teacher

LEFT_OUT = "The student does not learn to guess masked words: {reason}"
EARLIER = {"weight": "gamma", "bias": "beta"}  # parts of a norm in BERT's first files, by today's names


class HeadNames(NamedTuple):
    """Names of such a head's tensors in the files of a family, the bias's by the file's age; `activation` is the
    config's name for it, or where the config has none it itself."""

    dense: str
    norm: str
    bias: tuple[str, ...]
    activation: str = "hidden_act"

    @property
    def tensors(self) -> list[tuple[str, ...]]:
        """For the layer's weight and bias, the norm's, and the pieces' bias each the names that it may have."""
        dense = [(f"{self.dense}.{part}",) for part in EARLIER]
        norm = [(f"{self.norm}.{part}", f"{self.norm}.{earlier}") for part, earlier in EARLIER.items()]
        return [*dense, *norm, self.bias]


_ROBERTA = HeadNames("lm_head.dense", "lm_head.layer_norm", ("lm_head.bias", "lm_head.decoder.bias"), "gelu")
_NEEDED = (0, 2, 4)  # of HeadNames.tensors: a layer or norm may have no bias
HEADS = {
    "bert": HeadNames(
        "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
        ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    ),
    "distilbert": HeadNames("vocab_transform", "vocab_layer_norm", ("vocab_projector.bias",), "activation"),
    "roberta": _ROBERTA, "xlm-roberta": _ROBERTA, "camembert": _ROBERTA,
    "modernbert": HeadNames("head.dense", "head.norm", ("decoder.bias",), "classifier_activation"),
}  # fmt: skip


def find_head(config: Config, teacher: Teacher) -> HeadWeights:
    """The head for the pieces of the `teacher`. Raises TeacherError where there is none, and HubError."""
    name = model_name(config)
    folder, settings, weights, names = _look(config, name)
    shape, pieces = teacher.model.config, len(teacher.input_embeddings())
    tensors = _read(weights, {name for ways in names.tensors for name in ways})
    width = shape.hidden_size
    found = [next((tensors[name] for name in ways if name in tensors), torch.zeros(width)) for ways in names.tensors]
    sizes = [(width, width), (width,), (width,), (width,), (pieces,)]
    alike = settings.model_type == shape.model_type and [tuple(one.shape) for one in found] == sizes
    if not alike or (config.filler and _vocabulary(folder, settings, name) != teacher.tokenizer.get_vocab()):
        raise TeacherError(message("{name} reads other word pieces than the teacher, or in another width.", name=name))
    if not teacher.mask_token or not all(bool(torch.isfinite(one).all()) for one in found):
        raise headless(name)
    dense, dense_bias, norm, norm_bias, bias = found
    return HeadWeights(
        (dense, dense_bias), (norm, norm_bias), bias, _activation(settings, names),
        norm_eps(settings), name,
    )  # fmt: skip


def local_head(config: Config, teacher: Teacher) -> HeadWeights | None:
    """The head for the pieces of the `teacher` where the config's loss needs it and it is on this machine."""
    with suppress(UserError):
        if wants_head(config.first_loss, config.loss) and is_local(model_name(config), config.allow_pickle):
            return find_head(config, teacher)
    return None


def missing_head(config: Config) -> Message | None:
    """Why the config's loss can't have the student guess masked pieces, as far as files on this machine say so; None
    where it can, needs not, or only a download would tell."""
    if not wants_head(config.first_loss, config.loss):
        return None
    try:
        if is_local(name := model_name(config), config.allow_pickle):
            _look(config, name)
    except UserError as error:
        return message(LEFT_OUT, reason=error.args[0])
    return None


def _look(config: Config, name: str) -> tuple[Path, Any, model_weights.Weights, HeadNames]:
    """Folder, config, weights and names of the head of the model `name`. Raises TeacherError where it has none."""
    folder = loading.locate(name, config)
    settings = safe_loading.read_config(folder, name, LABELS)
    weights = model_weights.find_weights(folder, name, config.allow_pickle)
    names = HEADS.get(settings.model_type)
    if names is None or _activation(settings, names) not in ACTIVATIONS.values() or not settings.tie_word_embeddings:
        raise headless(name)
    if not all(any(one in weights.shapes for one in names.tensors[place]) for place in _NEEDED):
        raise headless(name)
    return folder, settings, weights, names


def _activation(settings: Any, names: HeadNames) -> str:
    own = getattr(settings, names.activation, names.activation)
    return ACTIVATIONS.get(own, "") if isinstance(own, str) else ""


def _read(weights: model_weights.Weights, names: set[str]) -> dict[str, Tensor]:
    """Those of the named tensors that the files hold, float32."""
    wanted = names & set(weights.shapes)
    if weights.state is not None:
        return {name: weights.state[name].float() for name in wanted}
    tensors: dict[str, Tensor] = {}
    for file in weights.files:
        with safe_open(file, "pt") as opened:
            tensors |= {name: opened.get_tensor(name).float() for name in wanted & set(opened.keys())}
    return tensors


def _vocabulary(folder: Path, settings: Any, name: str) -> dict[str, int]:
    notes: list[Message] = []
    vocabulary: dict[str, int] = tokenizers.load_tokenizer(folder, settings, name, notes).get_vocab()
    return vocabulary
