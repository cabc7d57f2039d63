"""Loading of a fine-tuned teacher: built-in, saved, from a folder or from the Hub.

Knows nothing of students, caches of logits or the store of runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.config.schema import Config
from distill_core.environment import local_path
from distill_core.errors import TeacherError
from distill_core.evaluation.objective import objective_for
from distill_core.messages import Message, message
from distill_core.teacher import catalog, fingerprint, folders, label_mapping, safe_loading, tokenizers
from distill_core.teacher import weights as teacher_weights
from distill_core.teacher.model import Teacher

if TYPE_CHECKING:
    from distill_core.data.dataset import Dataset

BUILTIN = Path(__file__).parents[1] / "builtin"


def load_teacher(name: str, labels: Sequence[str], pair: bool, config: Config) -> Teacher:
    """Teacher `name`, already fine-tuned: "builtin", "kept:<key>", a folder or a Hub id; its outputs matched to the
    data's `labels`. Raises TeacherError, HubError."""
    folder = locate(name, config)
    notes: list[Message] = []
    title = catalog.teacher_title(name)
    settings = safe_loading.read_config(folder, title)
    weights = teacher_weights.find_weights(folder, title, config.allow_pickle)
    safe_loading.check_shapes(settings, weights, title)
    theirs = [settings.id2label[i] for i in range(settings.num_labels)]
    order, label_notes = label_mapping.match_labels(theirs, labels, title)
    model = safe_loading.build_model(folder, settings, weights, title, new_head=False, notes=notes)
    teacher = assemble(folder, model, weights, labels, order, config, name, notes + label_notes)
    teacher.title = title
    return teacher


def locate(name: str, config: Config) -> Path:
    """Folder of the teacher's transformer, downloaded if need be. Raises TeacherError, HubError."""
    if name == "builtin":
        return BUILTIN
    if name.startswith(catalog.PREFIX):
        return catalog.intact_folder(name)
    if (path := local_path(name)) and path.is_dir():
        return folders.transformer_folder(path, name)
    from distill_core.hub import client, models

    if not client.is_id(name):
        raise TeacherError(message(
            "There is no folder {name}, and a Hub id it can't be either. Give a folder with a model, an id such as "
            "{id}, or builtin.", name=repr(name), id=catalog.DEFAULT))  # fmt: skip
    return folders.transformer_folder(models.model_folder(name, config.allow_pickle), name)


def load_saved(entry: Path, data: "Dataset", config: Config) -> Teacher:
    """Teacher saved in the cache's folder `entry`. Raises TeacherError."""
    name = catalog.PREFIX + entry.name[: catalog.KEY_LENGTH]
    settings = safe_loading.read_config(entry, name)
    weights = teacher_weights.find_weights(entry, name, allow_pickle=False)
    notes: list[Message] = []
    model = safe_loading.build_model(entry, settings, weights, name, new_head=False, notes=notes)
    teacher = assemble(entry, model, weights, data.labels, range(len(data.labels)), config, name, notes)
    teacher.title = catalog.teacher_title(name, entry.parents[1])
    return teacher


def assemble(
    folder: Path, model: Any, weights: teacher_weights.Weights, labels: Sequence[str], order: Sequence[int],
    config: Config, name: str, notes: list[Message],
) -> Teacher:  # fmt: skip
    """Teacher of a built model and its folder's tokenizer. Appends to `notes`; raises TeacherError."""
    notes.extend(folders.unused_modules(folder, name))
    tokenizer = tokenizers.load_tokenizer(folder, model.config, name, notes)
    limit = tokenizers.max_length(model.config, tokenizer)
    if limit < config.token_limit:
        notes.append(message("The teacher reads {limit:,} tokens at most, so longer texts are cut there ({knob:knob} "
                            "said {asked:,}).", limit=limit, knob="max_tokens",
                            asked=config.token_limit))  # fmt: skip
    return Teacher(
        model, tokenizer, labels, list(order), name=name, max_tokens=min(limit, config.token_limit),
        longest=limit, cut=config.cut,
        fingerprint=fingerprint.fingerprint(folder, weights, labels), bytes=weights.bytes, notes=notes,
        objective=objective_for(config),
    )  # fmt: skip
