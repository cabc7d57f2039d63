"""The walls of the house: imports run downward only, and what must be light is light. A failure names the line."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "distill_core"
HEAVY = ("torch", "transformers", "datasets", "gradio")
# DESIGN's floors, by module or shelf. A file with no floor here fails the test: decide where it stands.
FLOORS = {
    "errors": 0, "parts": 0, "host": 0, "sentences": 0, "generators": 0,
    "config": 1, "presets": 1, "events": 1,
    "reader": 2, "store": 2,
    "data": 3, "rows": 3, "leaks": 3, "table": 3, "table_columns": 3, "hub": 3, "hub_errors": 3,
    "groups": 3, "text": 3, "device": 3,
    "tasks": 3, "augment": 3, "students": 3, "losses": 3, "vectors": 3,
    "cache": 3, "kept": 4, "teacher": 4, "teacher_guard": 4, "teacher_labels": 4, "teacher_model": 4,
    "teacher_weights": 4,
    "label": 4, "transfer": 4, "train": 4, "evaluate": 4, "measures": 4, "calibration": 4, "verdict": 4, "artifact": 4,
    "members": 3, "answers": 4, "cost": 4, "learn": 4, "pace": 5, "foreign": 4, "summary": 4, "bundle": 5,
    "pipeline": 5, "card": 4, "states": 5,
    "jobs": 6, "worker": 6, "preload": 6,
    "api": 7, "command": 7, "__main__": 7,
}  # fmt: skip
LIGHT = (
    "errors", "host", "parts", "sentences", "config", "presets", "events", "reader", "store", "hub", "hub_errors",
    "table", "table_columns", "kept", "verdict", "cost", "jobs", "worker", "api", "command", "command.actions",
    "command.options", "command.progress", "command.tables", "__main__", "summary", "foreign", "bundle", "answers",
)  # fmt: skip


def imports(file: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, full name, whether it runs when the file is imported) of each import that ever runs in `file`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))

    def walk(node: ast.AST, at_once: bool) -> Iterator[tuple[int, str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((child.lineno, alias.name, at_once) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = child.module or ""
                assert not child.level, f"{file.relative_to(ROOT)}:{child.lineno} imports relatively"
                # `from package import module` names a module, `from module import name` doesn't.
                for alias in child.names:
                    inner = f"{module}.{alias.name}"
                    path = ROOT / inner.replace(".", "/")
                    known = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
                    yield child.lineno, inner if known else module, at_once
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, at_once and not later)

    yield from walk(tree, True)


def floor(module: str) -> int | None:
    """The floor of "distill_core.x.y", None for the front door and for what is not of the core."""
    parts = module.split(".")
    return FLOORS[parts[1]] if parts[0] == "distill_core" and len(parts) > 1 else None


def files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_room_has_a_floor() -> None:
    rooms = {file.relative_to(CORE).parts[0].removesuffix(".py") for file in files()} - {"__init__"}
    assert rooms <= set(FLOORS), f"no floor for {rooms - set(FLOORS)}"


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(CORE)))
def test_imports_run_downward(file: Path) -> None:
    own = floor(module(file))
    wrong = [
        f"{file.relative_to(ROOT)}:{line} (floor {own}) imports {name} (floor {theirs})"
        for line, name, _ in imports(file)
        if own is not None and (theirs := floor(name)) is not None and theirs > own
    ]
    assert not wrong, "\n".join(wrong)


def test_no_room_needs_itself() -> None:
    """No circle among the imports that run at once."""
    needs = {module(file): {name for _, name, at_once in imports(file) if at_once and floor(name) is not None}
             for file in files()}  # fmt: skip

    def circle(start: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
        for name in needs.get(path[-1], ()):
            if name == start and len(path) > 0:
                return (*path, name)
            if name not in path and (found := circle(start, (*path, name))):
                return found
        return None

    for name in needs:
        assert not (found := circle(name, (name,))), " -> ".join(found)


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(CORE)))
def test_the_core_knows_no_page(file: Path) -> None:
    wrong = [(line, name) for line, name, _ in imports(file) if name.split(".")[0] in ("gradio", "ui", "app")]
    assert not wrong, f"{file.relative_to(ROOT)}: {wrong}"


def test_the_page_enters_by_the_front_door() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in [*sorted((ROOT / "ui").rglob("*.py")), ROOT / "app.py"]
        if file.is_file()
        for line, name, _ in imports(file)
        if name.startswith("distill_core.")
    ]
    assert not wrong, "\n".join(wrong)


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
    heavy = "import sys, distill_core; print([n for n in ('pydantic', 'numpy', 'sqlite_utils') if n in sys.modules])"
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
            if isinstance(thing, type) and thing.__module__ == room.__name__:
                assert name in distill_core.__all__, f"{room.__name__}.{name} has no name in distill_core"


def test_no_file_of_the_core_hides_a_name_of_its_door() -> None:
    """Importing distill_core.x sets the package's x: a public function of that name would then be a module."""
    import distill_core

    place = Path(distill_core.__file__).parent
    files = {file.stem for file in (*place.glob("*.py"), *(init.parent for init in place.glob("*/__init__.py")))}
    assert not files & set(distill_core.__all__)
