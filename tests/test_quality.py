"""The benchmark behind the README's figures: when a run counts as finished, and that what is printed is what was
measured. Trains nothing."""

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import draw  # noqa: E402
import quality  # noqa: E402

from distill_core.api.session import session  # noqa: E402
from distill_core.cli.config_options import config_from_options  # noqa: E402
from distill_core.cli.parser import parse  # noqa: E402

STORED = json.loads((ROOT / "benchmarks" / "quality.json").read_text(encoding="utf-8"))
KEY = {"config": "c", "code": "d"}


def finished() -> list[tuple[Any, dict[str, Any]]]:
    return [(entry, STORED[entry.name]) for entry in quality.ENTRIES if STORED.get(entry.name, {}).get("summary")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two files, whose results are the stored ones of two runs."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "README.md").write_text(f"# Mine\n\n{draw.START}\nold\n{draw.END}\n\nThe end.\n")
    (tmp_path / "benchmarks" / "RESULTS.md").write_text("# Results\n\nAll of it.\n")
    monkeypatch.setattr(draw, "ROOT", tmp_path)
    monkeypatch.setattr(draw, "save", lambda figure, file: False)
    monkeypatch.setattr(quality, "STATE", tmp_path / "benchmarks" / "quality.json")
    return tmp_path


# ---- what is finished stays, what was cut off goes on


def test_a_result_counts_for_its_config_and_its_code_alone() -> None:
    assert quality.fits(KEY, dict(KEY), any_code=False)
    assert not quality.fits(KEY, KEY | {"code": "e"}, any_code=False)
    assert quality.fits(KEY, KEY | {"code": "e"}, any_code=True)
    assert not quality.fits(KEY, KEY | {"config": "e"}, any_code=True)


def test_what_only_starts_stores_or_tells_a_run_is_no_part_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    core = ROOT / "distill_core"
    there = {file.relative_to(core).with_suffix("").as_posix() for file in core.rglob("*")}
    assert quality.NO_RESULT - there == set()  # a name that is gone would hide nothing any more
    before, read = quality.code(), Path.read_text
    assert quality.code() == before

    def with_change(name: str) -> str:
        monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: read(self, *a, **k) + "#" * (self.name == name))
        return quality.code()

    assert with_change("store.py") == with_change("diagnostics.py") == before
    assert with_change("loop.py") != before


def test_a_stored_run_is_found_again_and_one_that_is_gone_starts_anew(place: Path, home: Path) -> None:
    run = session.store().create({"task": "reviews"})
    known = {"key": KEY, "run": run}
    assert quality.earlier(known, dict(KEY), any_code=False).id == run
    assert quality.earlier(known, KEY | {"code": "other"}, any_code=False) is None
    assert quality.earlier(known | {"run": "gone"}, dict(KEY), any_code=False) is None
    assert quality.earlier({}, dict(KEY), any_code=True) is None


def test_what_is_finished_is_not_run_again_and_what_was_cut_off_is_resumed(
    place: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "pipeline", "fake_pipeline:distill")
    entry = quality.Entry("mine", "Mine", "--task reviews")
    command = entry.command(None, [], Path("phrases"))
    assert quality.settle(entry, command, "", any_code=False)
    first = quality.state()["mine"]
    assert first["status"] == "finished" and first["summary"]["scores"] and first["key"]["code"] == quality.code()
    assert quality.settle(entry, command, "", any_code=False) and "finished already" in capsys.readouterr().out
    quality.remember("mine", first | {"status": "interrupted"})
    assert quality.settle(entry, command, "", any_code=False)
    assert quality.state()["mine"]["run"] == first["run"]  # the same run, looked at again
    assert quality.settle(entry, [*command, "--seed", "1"], "--seed 1", any_code=True)
    assert quality.state()["mine"]["run"] != first["run"] and quality.state()["mine"]["more"] == "--seed 1"
    assert not quality.settle(entry, [*command, "--epochs", "0"], "", any_code=False)  # refused in a sentence
    session.close()


def test_every_entry_is_a_command_that_the_command_line_takes(tmp_path: Path) -> None:
    for entry in quality.ENTRIES:
        config = config_from_options(parse(entry.command(None, ["--limit", "2000"], tmp_path / "phrases.txt")))
        assert config.seeds == entry.seeds and config.limit == 2000
    assert config_from_options(parse(quality.ENTRIES[0].command(2, [], tmp_path))).seeds == 2
    given, more = quality.parsed(["--only", "tiny", "--", "--limit", "9"])
    assert given.only == "tiny" and more == ["--limit", "9"]


# ---- what is printed is what was measured


def test_tables_stand_between_their_marks_and_writing_them_again_changes_nothing(place: Path) -> None:
    readme, results = place / "README.md", place / "benchmarks" / "RESULTS.md"
    known = {name: STORED[name] for name in ("tiny", "mrpc")}
    said = list(draw.everything(quality.ENTRIES, known))
    assert "README.md: written." in said
    first = readme.read_text(), results.read_text()
    assert first[0].startswith(f"# Mine\n\n{draw.START}\n| task |") and first[0].endswith(f"{draw.END}\n\nThe end.\n")
    assert "old" not in first[0] and first[0].count("\n| ") == 3  # the head and two runs
    assert first[1].startswith("# Results\n\nAll of it.\n") and known["mrpc"]["command"] in first[1]
    list(draw.everything(quality.ENTRIES, known))
    assert (readme.read_text(), results.read_text()) == first
    failed = {"quick": {name: value for name, value in STORED["quick"].items() if name != "summary"}}
    list(draw.everything(quality.ENTRIES, known | failed))
    assert "**Did not finish**" in results.read_text() and readme.read_text() == first[0]
    readme.write_text("# No marks\n")
    with pytest.raises(SystemExit, match="README.md has no line"):
        list(draw.everything(quality.ENTRIES, known))
    assert list(draw.everything(quality.ENTRIES, {})) == ["Nothing is finished yet: no table and no picture."]


def written(file: str) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    return text.partition(draw.START)[2].partition(draw.END)[0].strip()


def test_every_figure_of_the_readmes_table_is_one_that_is_stored() -> None:
    assert written("README.md") == (draw.table(finished()) + draw.picture_link()).strip(), (
        "README and benchmarks/quality.json disagree: python benchmarks/quality.py --draw writes the table anew."
    )
    started = [(entry, STORED[entry.name]) for entry in quality.ENTRIES if entry.name in STORED]
    assert written("benchmarks/RESULTS.md") == draw.section(started).strip()


def test_another_figure_in_the_store_is_another_table() -> None:
    changed = copy.deepcopy(finished())
    changed[0][1]["summary"]["scores"]["teacher"]["accuracy"] += 0.01
    assert draw.table(changed) != draw.table(finished())
    assert len(re.findall(r"\d %", draw.table(finished()))) >= 6 * len(
        [1 for e, _ in finished() if e.name in draw.SHOWN]
    )


def test_the_picture_has_the_members_means_and_the_teachers_line() -> None:
    figure = draw.drawn({entry.name: found["summary"] for entry, found in finished()})
    seeds = STORED["small"]["summary"]["seeds"]["rows"]["student"]["mean"]
    student = next(trace for trace in figure["data"] if trace["name"] == "student")
    assert any(abs(y - 100 * seeds) < 1e-6 for y in student["y"])
    assert figure["layout"]["shapes"][0]["y0"] == 100 * STORED["small"]["summary"]["scores"]["teacher"]["accuracy"]
    assert draw.drawn({}) is None
