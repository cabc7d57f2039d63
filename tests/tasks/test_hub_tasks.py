"""The tasks from the Hub, through the real load_dataset, against the fake Hub: which split is scored, which selects."""

import io
import itertools
from pathlib import Path

import pytest
from fake_hub import FakeHub

from distill_core.config.schema import Config
from distill_core.errors import DataError, HubError, KnobError
from distill_core.registry import TASKS
from distill_core.tasks import load_dataset

_ids = (f"someone/rows-{number}" for number in itertools.count())
COLUMNS = {
    "sst2": ("sentence",), "cola": ("sentence",), "mrpc": ("sentence1", "sentence2"), "qqp": ("question1", "question2"),
    "mnli": ("premise", "hypothesis"),
}  # fmt: skip
SPLITS = {"mnli": ("train", "validation_matched", "validation_mismatched", "test_matched", "test_mismatched")}


def parquet(columns: dict[str, list], names: tuple[str, ...] | None = None) -> bytes:
    """A Parquet file as the Hub stores it; the labels are declared as classes where `names` are given."""
    from datasets import ClassLabel, Dataset

    rows = Dataset.from_dict(columns)
    if names:
        rows = rows.cast_column("label", ClassLabel(names=list(names)))
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    return buffer.getvalue()


def card(*splits: str, subset: str = "default") -> bytes:
    files = "".join(f"  - split: {split}\n    path: {subset}/{split}-*\n" for split in splits)
    return f"---\nconfigs:\n- config_name: {subset}\n  data_files:\n{files}---\n".encode()


def glue(fake_hub: FakeHub, task: str, test_labels: bool, declared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small nyu-mll/glue; under an id of its own, so that no test finds another's rows in the cache."""
    classes = TASKS.constant(task, "LABELS")
    files = {}
    splits = SPLITS.get(task, ("train", "validation", "test"))
    for split in splits:
        count = 60 if split == "train" else 9
        labels = [number % len(classes) for number in range(count)]
        if split.startswith("test") and not test_labels:
            labels = [-1] * count
        texts = {
            column: [f"{split} {side} {number}" for number in range(count)] for side, column in enumerate(COLUMNS[task])
        }
        files[f"{task}/{split}-00000-of-00001.parquet"] = parquet(
            {**texts, "label": labels, "idx": list(range(count))}, classes if declared else None
        )
    id = fake_hub.add("datasets", next(_ids), {"README.md": card(*splits, subset=task), **files})
    from distill_core.data import hub_datasets

    real = hub_datasets.load
    monkeypatch.setattr(
        hub_datasets, "load", lambda dataset, *rest: (dataset == "nyu-mll/glue" and real(id, *rest)) or None
    )


@pytest.mark.parametrize("task", ["sst2", "cola", "mnli", "qqp", "mrpc"])
def test_glue_without_test_labels_scores_validation_and_selects_on_rows_of_train(task, fake_hub, monkeypatch) -> None:
    glue(fake_hub, task, test_labels=False, declared=True, monkeypatch=monkeypatch)
    found = load_dataset(Config.of(task=task))
    assert found.scored_on == "validation" and len(found.test) == 9
    assert all(text[0].startswith("validation") for text in found.test.texts)
    assert all(text[0].startswith("train") for text in [*found.valid.texts, *found.train.texts])
    assert len(found.valid) + len(found.train) == 60 and len(found.valid) > 0
    assert found.labels == TASKS.constant(task, "LABELS") and found.pair == TASKS.constant(task, "PAIR")
    assert set(found.test.labels) == set(range(len(found.labels)))
    notes = "\n".join(text for _, text in found.notes)
    assert "carries no labels" in notes and "has seen the rows that select" in notes
    if task == "mnli":
        assert all(text[0].startswith("validation_matched") for text in found.test.texts)
        assert "not used: validation_mismatched, test_mismatched" in notes


@pytest.mark.parametrize("task", ["sst2", "mrpc"])
def test_glue_with_test_labels_selects_on_validation_and_scores_test(task, fake_hub, monkeypatch) -> None:
    """A teacher trained on all of train has seen any row cut from it (mistake 6), so none is cut where none need be."""
    glue(fake_hub, task, test_labels=True, declared=False, monkeypatch=monkeypatch)
    found = load_dataset(Config.of(task=task, limit=10))
    assert found.scored_on == "test" and [len(split) for split in (found.train, found.valid, found.test)] == [10, 9, 9]
    assert all(text[0].startswith("test") for text in found.test.texts)
    assert all(text[0].startswith("validation") for text in found.valid.texts)
    assert [found.labels[label] for label in found.test.labels[:2]] == list(TASKS.constant(task, "LABELS")[:2])


def hub(fake_hub: FakeHub, **splits: bytes) -> str:
    files = {f"default/{split}-0.parquet": data for split, data in splits.items()}
    return fake_hub.add("datasets", next(_ids), {"README.md": card(*splits), **files})


def rows(count: int, word: str, labels: list) -> dict[str, list]:
    return {
        "a": [f"{word} is {n}" for n in range(count)],
        "b": [f"{word} was {n}" for n in range(count)],
        "target": labels,
    }


def test_any_data_set_with_chosen_columns(fake_hub: FakeHub) -> None:
    train = rows(40, "train", ["up", "down"] * 20)
    id = hub(fake_hub, train=parquet(train), test=parquet(rows(4, "test", ["up"] * 4)))
    found = load_dataset(Config.of(task="hub", dataset=id, text="b", text2="a", label="target"))
    assert found.pair and found.test.texts[0] == ("test was 0", "test is 0") and found.labels == ("down", "up")
    assert (len(found.train), len(found.valid), found.scored_on) == (36, 4, "test")
    assert f"Columns of {id}: text = 'b'; second text = 'a'; label = 'target'." in found.notes[0][1]
    assert not load_dataset(Config.of(task="hub", dataset=f"https://huggingface.co/datasets/{id}", text="a")).pair


def test_a_label_of_minus_one_is_none_unless_it_is_a_class_of_its_own(fake_hub: FakeHub) -> None:
    train = rows(44, "train", [0, 1, 2, 0] * 10 + [-1] * 4)
    id = hub(fake_hub, train=parquet(train), test=parquet(rows(4, "test", [0, 1, 2, -1])))
    found = load_dataset(Config.of(task="hub", dataset=id, text="a", label="target"))
    assert found.labels == ("0", "1", "2") and len(found.test) == 3 and len(found.unlabelled) == 4
    mood = hub(fake_hub, train=parquet(rows(60, "train", [-1, 0, 1] * 20)))
    assert load_dataset(Config.of(task="hub", dataset=mood, text="a", label="target")).labels == ("-1", "0", "1")


def test_a_csv_means_what_the_same_file_means_at_home(fake_hub: FakeHub, tmp_path: Path) -> None:
    """pandas, by which `datasets` reads a CSV, takes the classes None, NA and null for empty cells."""
    kinds = ["None", "NA", "null", "favour", ""]
    lines = [f"what is said of thing {n},{kinds[n % 5]},{n if n % 7 else ''}" for n in range(100)]
    content = "\n".join(["text,label,seen", *lines, ""])
    (tmp_path / "train.csv").write_text(content)
    id = fake_hub.add("datasets", next(_ids), {"README.md": b"# A data set", "train.csv": content.encode()})
    there = load_dataset(Config.of(task="hub", dataset=id))
    here = load_dataset(Config.of(task="file", train=str(tmp_path / "train.csv")))
    assert there.labels == here.labels == ("NA", "None", "favour", "null")
    for one, other in ((there.train, here.train), (there.valid, here.valid), (there.test, here.test)):
        assert (one.texts, one.labels) == (other.texts, other.labels)
    assert len(there.unlabelled) == len(here.unlabelled) == 20


def test_lists_of_labels_on_the_hub_are_one_label_or_several(fake_hub: FakeHub) -> None:
    texts = [f"what is said of thing {n}" for n in range(40)]
    id = hub(fake_hub, train=parquet({"text": texts, "labels": [[n % 2] for n in range(40)], "n": list(range(40))}))
    assert load_dataset(Config.of(task="hub", dataset=id)).labels == ("0", "1")
    id = hub(fake_hub, train=parquet({"text": texts, "labels": [["a", "b"], ["a"]] * 20, "lang": ["de", "en"] * 20}))
    with pytest.raises(DataError, match="'labels' of .* holds several labels a row"):
        load_dataset(Config.of(task="hub", dataset=id))


def test_a_validation_split_without_a_test_split_is_scored(fake_hub: FakeHub) -> None:
    id = hub(fake_hub, train=parquet(rows(40, "train", [0, 1] * 20)), validation=parquet(rows(6, "dev", [0, 1] * 3)))
    found = load_dataset(Config.of(task="hub", dataset=id, text="a", label="target"))
    assert found.scored_on == "validation" and found.test.texts[0] == ("dev is 0",) and len(found.valid) == 4


def test_what_nobody_can_mend_is_left_out_and_counted(fake_hub: FakeHub) -> None:
    train = rows(40, "train", [0, 1] * 20)
    train["a"][3], train["a"][4] = None, " "
    id = hub(fake_hub, train=parquet(train))
    found = load_dataset(Config.of(task="hub", dataset=id, text="a", label="target"))
    assert ("warning", f"2 rows of {id} train left out: no text (rows 4, 5).") in found.notes


def test_bad_asking_is_one_sentence(fake_hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(KnobError, match="needs a data set. Name one with dataset"):
        load_dataset(Config.of(task="hub"))
    with pytest.raises(HubError, match="is not an id on the Hub"):
        load_dataset(Config.of(task="hub", dataset=str(tmp_path)))
    id = hub(fake_hub, train=parquet(rows(40, "train", [0, 1] * 20)))
    with pytest.raises(
        DataError, match=rf"{id} train has no column 'targt' \(asked for by label\). Did you mean 'target'"
    ):
        load_dataset(Config.of(task="hub", dataset=id, label="targt"))
    id = hub(fake_hub, test=parquet(rows(40, "test", [0, 1] * 20)))
    with pytest.raises(DataError, match="has no split called train, only test"):
        load_dataset(Config.of(task="hub", dataset=id))
