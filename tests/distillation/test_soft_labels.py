"""Labelling: once per distinct text, in order, resumable, honest about the time left."""

import json
from pathlib import Path

import pytest
import torch

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation import soft_labels
from distill_core.errors import Stopped, TeacherError
from distill_core.teacher import loading, model


@pytest.fixture(scope="session")
def tiny_teacher(lively_teacher) -> Path:
    return lively_teacher


@pytest.fixture
def asked(tiny_teacher):
    return loading.load_teacher(str(tiny_teacher), ("bad", "good"), False, Config.of())


@pytest.fixture
def texts(toy_rows):
    return [(f"{first} {second}",) for first, _ in toy_rows[:10] for second, _ in toy_rows[10:]]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def small_chunks_exactly(monkeypatch):
    monkeypatch.setattr("distill_core.teacher.model.fast_dtype", lambda where: torch.float32)
    monkeypatch.setattr(soft_labels, "CHUNK", 16)
    monkeypatch.setitem(model.TEXTS, "cpu", 4)
    monkeypatch.setattr(soft_labels, "REPORT_SECONDS", 0.0)


def run(generator):
    """(its events, what it returns)"""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def counted(asked, monkeypatch):
    """How many texts the teacher is asked, as a list that grows."""
    seen = []
    parts = asked.iter_batches
    monkeypatch.setattr(asked, "iter_batches", lambda texts: seen.extend(texts) or parts(texts))
    return seen


def test_logits_belong_to_their_texts(asked, texts, cache):
    events, found = run(soft_labels.label_texts(asked, texts, cache))
    assert torch.allclose(found, asked.logits(texts), atol=1e-5)
    assert found.dtype == torch.float32 and found.std(0).min() > 0.05
    done = [event.done for event in events]
    assert done == sorted(done) and done[-1] == events[-1].total == 100 and events[-1].left == 0
    assert all(event.left >= 0 for event in events) and events[0].unit == "texts"


def test_a_text_that_comes_twice_is_asked_once(asked, texts, cache, monkeypatch):
    seen = counted(asked, monkeypatch)
    _, found = run(soft_labels.label_texts(asked, [*texts[:20], *reversed(texts[:20])], cache))
    assert len(seen) == 20 and torch.equal(found[:20], found[20:].flip(0))


def test_a_second_run_asks_nothing(asked, texts, cache, monkeypatch):
    _, first = run(soft_labels.label_texts(asked, texts, cache))
    seen = counted(asked, monkeypatch)
    events, second = run(soft_labels.label_texts(asked, texts, cache))
    assert not seen and torch.equal(first, second) and events[-1].done == 100


def test_a_stopped_labelling_goes_on_and_ends_the_same(asked, texts, cache, monkeypatch, tmp_path):
    _, whole = run(soft_labels.label_texts(asked, texts, Cache(tmp_path / "other")))
    calls = iter(range(1000))
    with pytest.raises(Stopped):
        run(soft_labels.label_texts(asked, texts, cache, lambda: next(calls) >= 9))
    seen = counted(asked, monkeypatch)
    _, resumed = run(soft_labels.label_texts(asked, texts, cache))
    assert len(seen) == 100 - 2 * 16 and torch.equal(resumed, whole)


def test_closing_leaves_whole_chunks_only(asked, texts, cache):
    generator = soft_labels.label_texts(asked, texts, cache)
    for _ in range(6):
        next(generator)
    generator.close()
    assert len(list((cache.root / "logits").iterdir())) == 1


def test_another_teacher_or_length_is_asked_anew(asked, texts, cache, tiny_teacher, monkeypatch):
    run(soft_labels.label_texts(asked, texts[:16], cache))
    shorter = loading.load_teacher(str(tiny_teacher), ("bad", "good"), False, Config.of(max_tokens=8))
    turned = loading.load_teacher(str(tiny_teacher), ("good", "bad"), False, Config.of())
    _, found = run(soft_labels.label_texts(turned, texts[:16], cache))
    assert torch.allclose(found, asked.logits(texts[:16])[:, [1, 0]], atol=1e-5)
    seen = counted(shorter, monkeypatch)
    run(soft_labels.label_texts(shorter, texts[:16], cache))
    assert len(seen) == 16


def test_texts_that_the_teacher_cannot_read_are_refused(asked, cache):
    with pytest.raises(TeacherError, match="doesn't know"):
        run(soft_labels.label_texts(asked, [("это по-русски",), ("и это",)], cache))


def test_no_texts(asked, cache):
    assert run(soft_labels.label_texts(asked, [], cache))[1].shape == (0, 2)


def test_a_teacher_that_reads_other_ends_is_asked_anew_and_earlier_keys_stay(cache, tiny_teacher, monkeypatch):
    def asked(cut):
        config = Config.of(max_tokens=8, cut=cut)
        return loading.load_teacher(str(tiny_teacher), ("bad", "good"), False, config)

    long = [("a film she sings the soup was cold and quiet",)]
    _, head = run(soft_labels.label_texts(asked("head"), long, cache))
    (entry,) = (cache.root / "logits").glob("*/key.json")
    assert "cut" not in json.loads(entry.read_text())
    seen = counted(other := asked("head_tail"), monkeypatch)
    _, both = run(soft_labels.label_texts(other, long, cache))
    assert len(seen) == 1 and not torch.equal(head, both)
