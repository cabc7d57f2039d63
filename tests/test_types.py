"""Types: a dict of anything stands where JSON comes in or goes out, and the page reads a comparison by its type."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNTYPED = re.compile(r"\b(?:dict|Dict|Mapping|MutableMapping)\[str, Any\]|\bJsonObject\b")
# Files of the core at whose edges JSON comes in or goes out, each with the most that it may say so.
JSON_EDGES = {
    "json_types.py": 2,  # the alias itself
    "messages.py": 1,  # a message as it is stored
    "evaluation/baseline_export.py": 2,  # the report, for the card
    "evaluation/baseline_html.py": 3,  # the report, for the page
    "evaluation/html_page.py": 1,  # the same
    "evaluation/baseline_runtime.py": 1,  # travels with an exported baseline, and imports nothing of ours
    "evaluation/export.py": 3,  # the report, for every card
    "events.py": 3,  # the body of an event in pipe and store
    "config/presets.py": 1,  # values of knobs: pydantic checks them
    "data/readers.py": 3,  # rows of JSON, and how a CSV is to be read
    "distillation/student_trainer.py": 1,  # a cache key
    "runs/archive.py": 2,  # members of an exported run
    "runs/queries.py": 1,  # what a column holds, if it was not damaged
    "runs/archive_validation.py": 2,  # the same, unchecked
    "student/activations.py": 1,  # what the page draws
    "student/cutting.py": 1,  # student.json
    "student/encoders/cut.py": 3,  # the same; travels with an exported student
    "student/export.py": 1,  # the report, for the card
    "student/html_export.py": 8,  # the report, for the page; what the page reads
    "student/html_tokenizer.py": 2,  # tokenizer.json
    "student/model_card.py": 7,
    "student/network.py": 3,  # travels with an exported student, and imports nothing of ours
    "student/persistence.py": 2,  # student.json
    "student/predictor.py": 1,  # the same
    "student/runtime.py": 4,  # travels with an exported student, and imports nothing of ours
    "teacher/fingerprint.py": 2,  # config.json of unknown origin
    "teacher/safe_loading.py": 6,  # config.json of unknown origin
    "tokenization.py": 1,  # tokenizer.json of unknown origin
}


def code_of(file: Path) -> str:
    """The file without its import lines, which name an alias once more."""
    return re.sub(r"(?m)^\s*from .* import .*$", "", file.read_text(encoding="utf-8"))


def test_a_dict_of_anything_is_an_edge_of_json() -> None:
    core = ROOT / "distill_core"
    counts = {
        str(file.relative_to(core).as_posix()): len(UNTYPED.findall(code_of(file))) for file in core.rglob("*.py")
    }
    more = {file: count for file, count in counts.items() if count > JSON_EDGES.get(file, 0)}
    assert not more, f"give these a TypedDict or a dataclass, or name an edge of JSON here: {more}"
    assert not {file for file in JSON_EDGES if not counts.get(file)}, "no edge any more: take it out of the list"


def test_the_page_takes_a_summary_by_its_type() -> None:
    """A piece of the page that takes a summary, a score or a row of the store says which."""
    own = {"summary": {"Summary", "Summary | None"}, "score": {"Score", "MetricScores"}}
    seen = 0
    for file in (ROOT / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg) and node.arg in own:
                seen += 1
                written = ast.unparse(node.annotation) if node.annotation else "nothing"
                assert written in own[node.arg], f"{file.name}:{node.lineno}: {node.arg} is {written}"
    assert seen > 10


def test_type_checkers_see_the_front_door() -> None:
    """`__getattr__` gives Any to a type checker: every name of the door is imported for it as well."""
    import distill_core

    tree = ast.parse((ROOT / "distill_core" / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        (node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == {(module, name) for module, names in distill_core._DOOR.items() for name in names}
