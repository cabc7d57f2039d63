"""Make tests/fixtures: what people have on their disks, as the code of one commit wrote it.

    python -m scripts.make_fixtures [--out tests/fixtures/COMMIT]

A home folder with three runs (finished, with several students; stopped in the middle of its student; one with a
second label metric), the fine-tuned teacher that they saved, their cache and their store; one run as a file; one
exported student; and expected.json, what all of them said at that commit. tests/test_fixtures.py opens them with the
code of today. A folder that was committed is never made anew: add one for a newer commit beside it.

Paths of the home stand as HOME in the store and the files, for a test to put its own in their place.
"""

import argparse
import csv
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

HOME = "/stillroom-fixture-home"
SMALL = {
    "text": "text", "label": "label", "n_iter": 1, "width": 8, "hidden": 8, "fc": 8, "batch": 8, "evaluations": 4,
    "max_tokens": 16, "teacher_epochs": 2, "teacher_batch": 8, "teacher_lr": 1e-3,
}  # fmt: skip
QUESTIONS = ["a warm and funny film", "the soup was cold", "nobody had heard of that", "unheard-of wörds"]


def main() -> int:
    """Makes the folder and prints its size."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--out", type=Path, required=True)
    out: Path = given.parse_args().out.absolute()
    if out.exists():
        raise SystemExit(f"{out} is there already, and what is there stays as it is.")
    with tempfile.TemporaryDirectory(prefix="stillroom-fixtures-") as place:
        home = Path(place) / "home"
        home.mkdir()
        os.environ.update(STILLROOM_HOME=str(home), STILLROOM_DEVICE="cpu", OMP_NUM_THREADS="1", SPACE_ID="")
        expected = make(home, Path(place))
        out.mkdir(parents=True)
        shutil.copytree(home, out / "home")
        for name in ("packed.zip", "exported"):
            found = Path(place) / name
            (shutil.copytree if found.is_dir() else shutil.copy)(found, out / name)
        for name in ("locks", "survey"):
            shutil.rmtree(out / "home" / name, ignore_errors=True)
            shutil.rmtree(out / "home" / "cache" / name, ignore_errors=True)
        for log in out.rglob("log.txt"):
            log.unlink()
        unhoused(out, str(home))
        (out / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{out}: {sum(file.stat().st_size for file in out.rglob('*') if file.is_file()):,} bytes")
    return 0


def make(home: Path, place: Path) -> dict[str, Any]:
    """Fills the home; what its runs, students and teacher say."""
    from toy import TOY

    import distill_core as core

    rows = [(text, label) for texts in zip(*TOY.values(), strict=True) for text, label in zip(texts, TOY, strict=True)]
    table = home / "rows.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    base = tiny_base(home / "base", [text for text, _ in rows])
    common = SMALL | {"task": "file", "train": str(table)}

    finished = core.start(name="Three students, <b>finished</b>", **common | {
        "teacher": str(base), "fine_tune": True, "students": ["bag"], "seeds": 2, "learning_curve": [0.5], "epochs": 2,
        "vectors": "random"})  # fmt: skip
    assert finished.wait() == "finished", finished.row.message
    finished.annotate("The first one of all.")
    saved = next(one.name for one in core.teachers() if one.kind == "kept")
    single = core.start(**common | {"teacher": saved, "metric": "f1", "epochs": 2, "loss": "soft_kl", "alpha": 0.3})
    assert single.wait() == "finished", single.row.message
    stopped = core.start(name="Stopped", **common | {"teacher": saved, "epochs": 400, "evaluations": 40,
                                                  "seed": 1})  # fmt: skip
    for event in stopped.follow():
        if isinstance(event, core.Point) and event.series == "student/loss" and event.step >= 200:
            stopped.stop()
            break
    assert stopped.wait() == "stopped" and list(stopped.folder.glob("*.ckpt")), stopped.row.message

    core.export_run(finished.id, place / "packed.zip")
    core.export(single.id, place / "exported")
    expected = {
        "asked": QUESTIONS,
        "teacher": {"name": saved, "answers": [core.ask(single.id, text)["teacher"] for text in QUESTIONS]},
        "runs": {
            name: {
                "id": run.id, "report": shown(run.report()), "student": [core.ask(run.id, text)["student"]
                                                                         for text in QUESTIONS],
                "points": len(run.points()[0]), "kinds": [event.kind for _, event in run.events()],
                "texts": len(list(run.texts())), "message": run.row.message,
            } for name, run in (("finished", finished), ("single", single), ("stopped", stopped))
        },
    }  # fmt: skip
    core.close()
    resumed = place / "resumed"
    shutil.copytree(home, resumed)
    os.environ["STILLROOM_HOME"] = str(resumed)
    run = core.run(stopped.id).resume()
    assert run.wait() == "finished", run.row.message
    expected["resumed"] = {
        "report": shown(run.report()), "student": [core.ask(run.id, text)["student"] for text in QUESTIONS],
        "points": len(run.points()[0]),
    }  # fmt: skip
    core.close()
    return expected


def shown(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what a clock measured."""
    return {key: value for key, value in report.items() if key != "stages"}


def tiny_base(folder: Path, texts: list[str]) -> Path:
    """An encoder of random weights with a word-piece tokenizer of these texts' words: what fine-tuning begins from."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    words = sorted({word for text in texts for word in text.split() if len(word) > 1})
    letters = "abcdefghijklmnopqrstuvwxyz,-"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters[:26]), *words]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, model_max_length=32)
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}))  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def unhoused(out: Path, home: str) -> None:
    """Puts HOME in place of the folder in which all of it was made."""
    for file in (*out.rglob("*.json"), *out.rglob("*.jsonl")):
        text = file.read_text(encoding="utf-8")
        if home in text:
            file.write_text(text.replace(home, HOME), encoding="utf-8")
    store = sqlite3.connect(out / "home" / "runs.db")
    store.execute("UPDATE runs SET owner = '', config = replace(config, ?, ?)", (home, HOME))
    store.execute("UPDATE events SET body = replace(body, ?, ?)", (home, HOME))
    store.commit()
    store.execute("PRAGMA journal_mode = DELETE")
    store.execute("VACUUM")
    store.close()


if __name__ == "__main__":
    sys.exit(main())
