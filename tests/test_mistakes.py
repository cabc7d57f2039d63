"""The ten mistakes that others shipped, each with a test that fails when it is made here."""

import csv
import dataclasses
import random
from types import SimpleNamespace

import pytest
import torch
from toy import TOY

from distill_core import tasks
from distill_core.augmentation.rules import ngram, pos
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data import overlap
from distill_core.data.dataset import RawDataset, RawSplit
from distill_core.data.preparation import prepare_dataset
from distill_core.distillation.losses import logit_mse
from distill_core.evaluation import latency
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import Compared
from distill_core.outputs import ModelOutput
from distill_core.pipeline.distill import distill
from distill_core.pipeline.stages import compare
from distill_core.student import network, persistence
from distill_core.student.encoders import bilstm
from distill_core.teacher import loading
from distill_core.tokenization import MASK


@pytest.fixture(scope="module")
def config(tmp_path_factory, lively_teacher):
    file = tmp_path_factory.mktemp("toy") / "toy.csv"
    rows = [(text, label) for label, texts in TOY.items() for text in texts]
    random.Random(0).shuffle(rows)
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "label"), *rows])
    return Config.of(task="file", train=str(file), text="text", label="label", teacher=str(lively_teacher), n_iter=2,
                     neighbours=0, width=8, hidden=8, fc=8, batch=4, epochs=3, evaluations=6,
                     max_tokens=16)  # fmt: skip


def ran(config, folder, label):
    """A whole run on the toy task, every test row labelled `label`; with what the student's loss was given:
    ("read", ids of a batch) and ("asked", the teacher's logits beside them)."""
    seen, given, load = [], [], tasks.load_dataset

    def loaded(config):
        found = load(config)
        return dataclasses.replace(found, test=dataclasses.replace(found.test, labels=[label] * len(found.test)))

    def taken(sides, rows, *device, take=network.take_rows):
        found = take(sides, rows, *device)
        seen.append(("read", [ids[:length].tolist() for ids, length in zip(*found[0], strict=True)]))
        return found

    def pulled(student, teacher, *rest, loss=logit_mse.loss):
        seen.append(("asked", teacher.logits))
        return loss(student, teacher, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "SECONDS", 0.01)
        patch.setattr(tasks, "load_dataset", loaded)
        patch.setattr(network, "take_rows", taken)
        patch.setattr(logit_mse, "loss", pulled)
        patch.setattr(
            compare, "run", lambda context, inputs, run=compare.run: given.append(inputs) or run(context, inputs)
        )
        said = list(distill(config, folder, Cache(folder / "cache")))
    return SimpleNamespace(inputs=given[0], seen=seen, summary=next(e.summary for e in said if isinstance(e, Compared)),
                           weights=persistence.load(folder / "student").model.state_dict())  # fmt: skip


@pytest.fixture(scope="module")
def one(config, tmp_path_factory):
    return ran(config, tmp_path_factory.mktemp("one"), 0)


def test_1_the_ngram_is_kept_and_the_rest_dropped():
    rng, words = random.Random(0), tuple("abcdefghijkl")
    kept = [list(ngram.keep(words, rng)) for _ in range(300)]
    assert {len(places) for places in kept} == {1, 2, 3, 4, 5}  # of twelve words seven at least are gone
    assert all(places == list(range(places[0], places[0] + len(places))) for places in kept)


def test_2_the_teacher_sees_its_own_mask(lively_teacher, config):
    asked = loading.load_teacher(str(lively_teacher), ("bad", "good"), False, config)
    [encoded] = asked.encode([(f"a {MASK} film",)])
    assert encoded["input_ids"].count(asked.tokenizer.mask_token_id) == 1
    assert len(encoded["input_ids"]) == len(asked.encode([("a warm film",)])[0]["input_ids"])


def test_3_swaps_are_drawn_as_often_as_the_words_occur():
    corpus = [("the", "film")] * 90 + [("the", "plot")] * 10
    corpus = [(*words, str(i)) for i, words in enumerate(corpus)]  # each sentence is another
    swap, rng = pos.prepare(corpus, "en")[0], random.Random(0)
    films = sum(swap(("the", "film", "0"), 1, rng) == "film" for _ in range(1000))
    assert 860 <= films <= 940


def test_4_logits_are_matched_and_the_teacher_is_asked_with_its_special_tokens(lively_teacher, config):
    far, near = torch.tensor([[9.0, 0.0]]), torch.tensor([[5.0, 0.0]])  # the same to three digits as probabilities
    assert logit_mse.loss(
        ModelOutput(far), ModelOutput(near), torch.tensor([0]), config, SINGLE_LABEL
    ) == pytest.approx(8.0)
    asked = loading.load_teacher(str(lively_teacher), ("bad", "good"), False, config)
    ids = asked.encode([("a warm film",)])[0]["input_ids"]
    assert (ids[0], ids[-1]) == (asked.tokenizer.cls_token_id, asked.tokenizer.sep_token_id)


def test_5_the_reported_rows_are_not_trained_on_and_pick_nothing(one, config, tmp_path):
    rows, texts = one.inputs.data.dataset, one.inputs.transfer.transfer_set.texts
    assert rows.test.texts and not {*rows.test.texts} & {*texts, *rows.train.texts, *rows.valid.texts}
    other = ran(config, tmp_path, 1)
    assert all(torch.equal(one.weights[name], value) for name, value in other.weights.items())
    assert one.summary["best_step"] == other.summary["best_step"]
    temperatures = [summary["scores"]["student"]["temperature"] for summary in (one.summary, other.summary)]
    assert temperatures[0] == temperatures[1]


def test_6_no_held_out_phrase_stands_inside_a_training_phrase():
    rng, texts = random.Random(0), []
    for _ in range(60):
        words = [f"w{rng.randrange(200)}" for _ in range(12)]
        texts += [" ".join(words), " ".join(words[:6]), " ".join(words[3:9]), " ".join(words[1:11])]
    given = RawSplit([(text,) for text in texts], [str(i % 2) for i in range(len(texts))])
    cut = prepare_dataset(RawDataset(given), Config.of(task="file"))
    brought = prepare_dataset(
        RawDataset(RawSplit(given.texts[8:], given.labels[8:]), test=RawSplit(given.texts[:8], given.labels[:8])),
        Config.of(task="file"),
    )
    leaky = prepare_dataset(
        RawDataset(RawSplit(given.texts[6:], given.labels[6:]), test=RawSplit(given.texts[:6], given.labels[:6])),
        Config.of(task="file"),
    )
    for found in (cut, brought, leaky):
        training = [f" {' '.join(overlap.split_words(text))} " for (text,) in found.train.texts]
        for text in (*found.valid.texts, *found.test.texts):
            assert not any(f" {' '.join(overlap.split_words(text[0]))} " in one for one in training)


def test_7_each_text_keeps_its_own_logits_through_shuffling(one):
    texts, soft_labels = one.inputs.transfer.transfer_set.texts, one.inputs.label.soft_labels
    vocabulary = one.inputs.transfer.vocabulary
    assert torch.allclose(soft_labels, one.inputs.teacher.teacher.logits(texts), atol=0.05)
    alike: dict[tuple[int, ...], list[int]] = {}  # the rows that the student reads the same
    for row, (text,) in enumerate(texts):
        alike.setdefault(tuple(vocabulary.ids([text], 16)[0]), []).append(row)
    order = []
    for (what, ids), (then, logits) in zip(one.seen, one.seen[1:], strict=False):
        if (what, then) == ("read", "asked") and len(ids) == len(logits):
            for one_text, asked in zip(ids, logits, strict=True):
                rows = alike.get(tuple(one_text), [])
                order += rows[:1]
                assert not rows or any(torch.equal(asked, soft_labels[row]) for row in rows)
    assert len(order) >= 3 * len(texts) and order[: len(texts)] != sorted(order[: len(texts)])


def test_8_sizes_count_the_embeddings(one):
    table = one.inputs.transfer.vectors.numel()
    for row in ("control", "student"):
        assert one.summary["scores"][row]["parameters"] == sum(v.numel() for v in one.weights.values()) > table > 0
        assert one.summary["scores"][row]["bytes"] > 4 * table
    model = one.inputs.teacher.teacher.model
    assert one.summary["scores"]["teacher"]["parameters"] == sum(v.numel() for v in model.parameters())


def test_9_the_backward_direction_reads_backwards():
    torch.manual_seed(0)
    encoder = bilstm.Encoder(4, 5).eval()
    encoder.back.load_state_dict(encoder.ahead.state_dict())  # the same weights: only the direction differs
    vectors, lengths = torch.randn(1, 6, 4), torch.tensor([6])
    ahead, back = encoder(vectors, lengths).split(5, dim=1)
    turned_ahead, turned_back = encoder(vectors.flip(1), lengths).split(5, dim=1)
    assert torch.allclose(ahead, turned_back, atol=1e-6) and torch.allclose(back, turned_ahead, atol=1e-6)
    assert not torch.allclose(ahead, back, atol=1e-3)
    padded = torch.cat([vectors, torch.randn(1, 3, 4)], dim=1)
    assert torch.allclose(encoder(padded, lengths), encoder(vectors, lengths), atol=1e-6)


def test_10_a_test_split_without_labels_is_never_scored(monkeypatch):
    from datasets import Dataset

    from distill_core.data import hub_datasets
    from distill_core.hub import datasets

    def split(name, rows, labels):
        return Dataset.from_dict({"sentence": [f"{name} {i}" for i in range(rows)], "label": labels(rows)})

    given = {
        "train": split("train", 60, lambda n: [i % 2 for i in range(n)]),
        "validation": split("dev", 9, lambda n: [i % 2 for i in range(n)]),
        "test": split("test", 9, lambda n: [-1] * n),
    }
    monkeypatch.setattr(datasets, "dataset_rows", lambda *_: given)
    raw = hub_datasets.load("a/b", None, ("sentence", None, "label"), ("bad", "good"))
    found = prepare_dataset(raw, Config.of(task="file"))
    assert found.scored_on == "validation" and found.labels == ("bad", "good")
    assert {text[0].split()[0] for text in found.test.texts} == {"dev"}
    assert not any(text[0].startswith("test") for part in (found.train, found.valid) for text in part.texts)
