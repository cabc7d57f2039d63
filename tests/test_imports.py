"""The walls of the house: the contracts in pyproject.toml hold, and what must be light is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "datasets", "gradio", "babel")
LIGHT = (
    "errors", "environment", "events", "messages", "registry", "cache", "progress", "unicode",
    "config.schema", "config.knobs", "config.presets", "config.validation",
    "data.table", "data.readers", "data.columns", "data.dataset", "data.preparation",
    "hub.client", "hub.datasets", "hub.errors", "hub.models", "tasks",
    "evaluation.diagnostics", "evaluation.summary", "estimation.cost", "teacher.catalog",
    "runs.archive", "runs.archive_validation", "runs.connection", "runs.examples", "runs.migrations", "runs.queries",
    "runs.queue", "runs.reader", "runs.recovery", "runs.store", "runs.worker", "runs.job", "runs.process_worker",
    "runs.thread_worker",
    "api.catalog", "api.estimates", "api.inference", "api.predictions", "api.preview", "api.runs", "api.session",
    "cli", "cli.commands", "cli.config_options", "cli.parser", "cli.progress", "cli.tables", "__main__",
)  # fmt: skip


def test_the_contracts_hold() -> None:
    """Floors, walls and circles: the message names the import that breaks one."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_a_floor() -> None:
    """A new folder or file at the top of either package must be given one."""
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package in ("distill_core", "ui"):
        rooms = {
            file.stem for file in (ROOT / package).iterdir() if file.suffix == ".py" or (file / "__init__.py").is_file()
        }
        assert {room for room in rooms - {"__init__"} if f"{package}.{room}" not in contracts} == set()


def test_the_app_enters_by_the_front_doors() -> None:
    text = (ROOT / "ui" / "command.py").read_text(encoding="utf-8")
    assert "from distill_core import" in text and "distill_core." not in text


def test_the_command_that_opens_the_page_imports_nothing_heavy() -> None:
    """Each worker process of an installed app imports it again; and `--help` shall not wait."""
    code = BLOCK.format(heavy=HEAVY, names=["ui.command"]) + "sys.modules['ui.command'].main(['app', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "--allow-host" in done.stdout, done.stderr


def test_the_page_may_lie_in_a_package_of_any_name() -> None:
    """Installed, the folder is called stillroom_ui: its modules import one another by their place."""
    for file in (ROOT / "ui").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [
                node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []  # fmt: skip
            assert not [name for name in names if name.split(".")[0] == "ui"], f"{file.name}:{node.lineno}"


BLOCK = """
import importlib, sys
class Heavy:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ImportError(f"{{name}} is too heavy for this floor")
sys.meta_path.insert(0, Heavy())
for name in {names!r}:
    importlib.import_module(name)
"""


def test_light_floors_import_nothing_heavy() -> None:
    names = ["distill_core", *(f"distill_core.{name}" for name in LIGHT)]
    code = BLOCK.format(heavy=HEAVY, names=names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_loads_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import distill_core; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    unwanted = ("pydantic", "numpy", "sqlite_utils", "importlib.metadata")
    heavy = f"import sys, distill_core; print([n for n in {unwanted} if n in sys.modules])"
    assert int(done.stdout) < 150
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_the_front_door_shows_what_is_there() -> None:
    import distill_core

    assert distill_core.__all__ == sorted(set(distill_core.__all__))
    for name in distill_core.__all__:
        thing = getattr(distill_core, name)
        home = getattr(thing, "__module__", None)
        assert home is None or home.startswith(("distill_core", "builtins", "typing")), name
    assert set(dir(distill_core)) == set(distill_core.__all__)
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        _ = distill_core.nonsense


def test_every_error_and_event_has_a_name_at_the_door() -> None:
    import distill_core
    from distill_core import errors, events

    for room in (errors, events):
        for name, thing in vars(room).items():
            if isinstance(thing, type) and issubclass(thing, (errors.StillroomError, events.Event)):
                assert name in distill_core.__all__, f"{room.__name__}.{name} has no name in distill_core"


def test_no_file_of_the_core_hides_a_name_of_its_door() -> None:
    """Importing distill_core.x sets the package's x: a public function of that name would then be a module."""
    import distill_core

    place = Path(distill_core.__file__).parent
    files = {file.stem for file in (*place.glob("*.py"), *(init.parent for init in place.glob("*/__init__.py")))}
    assert not files & set(distill_core.__all__)


def test_a_name_of_an_earlier_version_still_works_and_says_what_it_is_called_now() -> None:
    import distill_core

    for old, new in distill_core._ALIASES.items():
        with pytest.warns(DeprecationWarning, match=f"{old} is called {new} now"):
            assert getattr(distill_core, old) is getattr(distill_core, new)
