"""The README tells the truth: its Python runs, its commands parse, its words are the code's."""

import importlib.metadata
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from distill_core.cli.config_options import config_from_options
from distill_core.cli.parser import parse
from distill_core.registry import EMBEDDINGS, LOSSES, RULES, STUDENTS, TASKS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


CLIENTS = [block for block in blocks("python") if "gradio_client" in block]
ENGINE = [block for block in blocks("python") if block not in CLIENTS]


@pytest.mark.parametrize("number", range(len(CLIENTS)))
def test_its_client_runs(number, app, tmp_path):
    """Against a real app, where the example says that it is."""
    script = CLIENTS[number].replace("http://127.0.0.1:7860", app)
    assert app in script
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^accuracy: 0\.\d+", done.stdout, re.MULTILINE) and "'positive'" in done.stdout
    assert re.search(r"^student: .*\.zip$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("number", range(len(ENGINE)))
def test_its_python_runs(number, home, tmp_path):
    """As a script of its own, with a real worker process."""
    script = tmp_path / "readme.py"
    body = "".join(f"    {line}\n" for line in ENGINE[number].splitlines())
    script.write_text(f'if __name__ == "__main__":\n{body}')
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, cwd=tmp_path,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "student:" in done.stdout and re.search(r"^0\.\d+", done.stdout, re.MULTILINE)
    assert set(re.findall(r"^(negative|positive) \{", done.stdout, re.MULTILINE))


def commands():
    return [
        line for block in blocks("bash") for line in block.splitlines() if line.startswith("python -m distill_core")
    ]


@pytest.mark.parametrize("command", commands())
def test_its_commands_parse(command):
    given = parse(shlex.split(command)[3:])
    if hasattr(given, "seed") or hasattr(given, "task"):
        config_from_options(given)


@pytest.mark.parametrize("shelf", [TASKS, RULES, EMBEDDINGS, STUDENTS, LOSSES], ids=lambda shelf: shelf.name)
def test_it_names_every_part(shelf):
    assert [name for name in shelf.names if f"`{name}`" not in README] == []


def test_it_names_what_is_there():
    assert len(commands()) > 5
    linked = re.findall(r"\]\(([\w./-]+\.(?:md|png|svg))\)", README)
    for name in [*linked, "requirements.txt", "requirements-dev.txt", "app.py"]:
        assert (ROOT / name).is_file(), name
    assert not re.search(r"RESULTS_TABLE|SYSTEMS_312|TODO", README)


def test_its_front_matter_makes_a_space():
    """Of a Hugging Face Space: the Gradio of requirements.txt, a Python that the package allows, words short enough."""
    card = yaml.safe_load(README.split("---")[1])
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert card["sdk"] == "gradio" and card["sdk_version"] == pins["gradio"] and (ROOT / card["app_file"]).is_file()
    allowed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert SpecifierSet(allowed).contains(card["python_version"]) and isinstance(card["python_version"], str)
    assert len(card["short_description"]) <= 60


def test_the_pins_are_what_a_space_may_install_beside_gradio():
    """A Space installs gradio[mcp] with them, whose own bounds are narrower: here of all that one's extra asks for."""
    pins = re.findall(r"^([\w-]+)==([^\s#]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    versions = {canonicalize_name(name): version for name, version in pins}
    for needed in map(Requirement, importlib.metadata.requires("gradio")):
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", "mcp", "oauth")):
            version = versions.get(canonicalize_name(needed.name))
            assert version is None or needed.specifier.contains(version), f"{needed} excludes {version}"
