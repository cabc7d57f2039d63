"""What `pip install .` takes along: every file that the installed app reads, the example runs among them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_an_installed_copy_has_all_that_it_reads(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    build = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib"]
    subprocess.run([*build, str(tmp_path / "lib")], cwd=ROOT, check=True, capture_output=True)
    built = {file.relative_to(tmp_path / "lib") for file in (tmp_path / "lib").rglob("*") if file.is_file()}
    ours = [file.relative_to(ROOT) for folder in ("distill_core", "ui") for file in (ROOT / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts]  # fmt: skip
    assert {str(file) for file in ours if file not in built} == set()
    code = "import distill_core; print(len(distill_core.list_runs(examples=True)), distill_core.__file__)"
    alone = {"PYTHONPATH": str(tmp_path / "lib"), "STILLROOM_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=alone)
    count, file = done.stdout.split()
    assert int(count) >= 1 and file.startswith(str(tmp_path)), done.stderr
