"""The README tells the truth: its Python runs, its commands parse, its words are the code's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
