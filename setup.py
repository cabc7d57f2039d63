"""The one thing that pyproject.toml can't say: the example runs, kept at the top level, go into the package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLES = "runs.db.example"


class WithExamples(build_py):
    """Copies the example runs to where an installed store looks for them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file(EXAMPLES, str(Path(self.build_lib) / "distill_core" / "runs" / EXAMPLES))


setup(cmdclass={"build_py": WithExamples})
