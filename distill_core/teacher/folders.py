"""Folder of the transformer itself in what a person names: a sentence-transformers folder holds it beside other
modules, and an adapter is only a part of a model. Knows nothing of configs and weights.
"""

import json
import re
from pathlib import Path

from distill_core.errors import TeacherError
from distill_core.messages import Message, message, unreadable_reason

ADAPTER = "adapter_config.json"
MODULES = "modules.json"
LIMIT = 100_000  # bytes of a list of modules


def transformer_folder(folder: Path, name: str) -> Path:
    """Folder with the config, the weights and the tokenizer of the model in `folder`. Raises TeacherError where it
    holds an adapter, or a sentence-transformers model that is no transformer."""
    if (folder / ADAPTER).is_file():
        raise TeacherError(message(
            "{name} holds an adapter ({file}), and its answers need the model beneath it too. Merge both first: load "
            "it with peft, call merge_and_unload() and then save_pretrained(), and give that folder.", name=name,
            file=ADAPTER))  # fmt: skip
    if not (folder / MODULES).is_file():
        return folder
    (kind, path), *_ = _modules(folder, name)
    found = folder / path
    if kind != "Transformer" or not (found / "config.json").is_file():
        raise TeacherError(message(
            "{name} is a sentence-transformers folder whose first module ({kind} in {path}, by {file}) is not a "
            "transformer that can be read. Choose another model.", name=name, kind=kind, path=repr(path or "."),
            file=MODULES))  # fmt: skip
    return transformer_folder(found, name) if path else found


def unused_modules(folder: Path, name: str) -> list[Message]:
    """Note on the modules that stand beside the transformer in `folder` and that a classifier does not use, if any.
    Raises TeacherError."""
    for root in (folder, folder.parent):
        if (root / MODULES).is_file():
            first, *others = _modules(root, name)
            if root / first[1] == folder and others:
                return [message(
                    "{name} is a sentence-transformers folder. Its transformer alone is read; {modules} made one "
                    "vector of a text, and a classifier has its own head in their place.", name=name,
                    modules=", ".join(kind for kind, _ in others))]  # fmt: skip
    return []


def _modules(folder: Path, name: str) -> list[tuple[str, str]]:
    """Kind and path of each module; the path is "" or the name of a folder."""
    file = folder / MODULES
    try:
        if file.stat().st_size > LIMIT:
            raise ValueError(message("it is too large"))
        modules = [
            (str(one["type"]).rpartition(".")[2][:64], str(one["path"])) for one in json.loads(file.read_bytes())
        ]
        if not modules or not all(re.fullmatch(r"[\w-][\w.-]*|", path) for _, path in modules):
            raise ValueError(message("it holds something that can't be read"))
    except (ValueError, OSError, KeyError, TypeError, RecursionError) as error:
        raise TeacherError(message("{file} of {name} can't be read: {why}.", file=file.name, name=name,
                                  why=unreadable_reason(error))) from error  # fmt: skip
    return modules
