"""What pyproject.toml can't say: the example runs of the top level go into the package, and the page's folder `ui` is
installed under a name of its own."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

EXAMPLES = "runs.db.example"
PAGE = "stillroom_ui"  # `ui` is not a name to put on everybody's path


class WithExamples(build_py):
    """Copies the example runs to where an installed store looks for them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file(EXAMPLES, str(Path(self.build_lib) / "distill_core" / "runs" / EXAMPLES))


setup(
    packages=[
        *find_packages(include=["distill_core*"]),
        *(PAGE + name.removeprefix("ui") for name in find_packages(include=["ui", "ui.*"])),
    ],
    package_dir={PAGE: "ui"},
    cmdclass={"build_py": WithExamples},
)
