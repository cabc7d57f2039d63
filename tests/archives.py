"""A packed run with some of its members changed, as someone might who means no good."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def changed(file: Path, target: Path, change: Callable[[dict[str, bytes]], None], honest: bool = True) -> Path:
    """The bundle with its members changed; `honest`: the manifest agrees with what is there, and the student's settings
    hold no checksums, as an older student's."""
    with zipfile.ZipFile(file) as given:
        members = {name: given.read(name) for name in given.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members)
    if honest:
        with suppress(KeyError, ValueError, AttributeError):  # settings that are no object any more
            settings = json.loads(members["student/student.json"])
            settings.pop("sha256", None)
            members["student/student.json"] = json.dumps(settings).encode()
        manifest["members"] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("manifest.json", members.pop("manifest.json", None) or json.dumps(manifest))
        for name, content in members.items():
            made.writestr(name, content)
    return target


def put(name: str, content: Any) -> Callable[[dict[str, bytes]], None]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda members: members.__setitem__(name, data)


def patched(name: str, **values: Any) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.__setitem__(name, json.dumps(json.loads(members[name]) | values).encode())


def read(file: Path) -> dict[str, bytes]:
    """The members of a packed run."""
    with zipfile.ZipFile(file) as given:
        return {name: given.read(name) for name in given.namelist()}
