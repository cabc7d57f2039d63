"""What `pip install` takes along: every file that the installed app reads, and the command that opens its page."""

import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from scripts.served import call, served

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
OPEN = "import sys; from stillroom_ui.command import main; sys.exit(main())"  # what the console command does


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the packages of a wheel that was built from the source distribution."""
    place = tmp_path_factory.mktemp("package")
    source = place / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "tests"))
    with tarfile.open(source / _build(source, "build_sdist")) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (unpacked,) = (place / "unpacked").iterdir()
    with zipfile.ZipFile(unpacked / _build(unpacked, "build_wheel")) as wheel:
        wheel.extractall(place / "lib")
    return place / "lib"


def test_an_installed_copy_has_all_that_it_reads_and_no_name_of_others(installed: Path) -> None:
    built = {str(file.relative_to(installed)) for file in installed.rglob("*") if file.is_file()}
    ours = {"distill_core": "distill_core", "ui": "stillroom_ui"}  # folders, and the packages they are
    for folder, package in ours.items():
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"{package}/{file.relative_to(ROOT / folder)}" in built
    (facts,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {*ours.values(), facts.name}
    assert "stillroom = stillroom_ui.command:main" in (facts / "entry_points.txt").read_text(encoding="utf-8")


def test_the_page_of_an_installed_copy_opens_and_learns(installed: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-c", OPEN, "app")
    environment = os.environ | {"PYTHONPATH": str(installed)}
    with served(tmp_path, environment=environment, command=command, folder=tmp_path) as app:
        examples = subprocess.run([*command[:3], "runs", "--examples"], cwd=tmp_path, env=environment,
                                  capture_output=True, text=True, check=True)  # fmt: skip
        assert len(examples.stdout.splitlines()) > 1
        run = call(app.address, "start_run", {"task": "reviews", "n_iter": 0, "epochs": 1, "limit": 200})
        until = time.monotonic() + 200
        while (state := call(app.address, "run", run)["status"]) in ("queued", "running"):
            assert time.monotonic() < until
            time.sleep(0.5)
        assert state == "finished"
    code = "import distill_core, stillroom_ui; print(distill_core.__file__, stillroom_ui.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.stdout.count(str(installed)) == 2, done.stderr


def _build(folder: Path, what: str) -> str:
    """Name of the file that setuptools builds in `folder` of what lies there."""
    done = subprocess.run([sys.executable, "-c", BUILD, what, "."], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
