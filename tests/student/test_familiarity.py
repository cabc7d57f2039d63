"""Familiarity: texts of other words are told from the student's own, and few own ones are taken for others."""

import base64
import json
import runpy
import sys

import numpy as np
import pytest

from distill_core.config.schema import Config
from distill_core.registry import STUDENTS
from distill_core.student import export, persistence, vocabulary
from distill_core.student.familiarity import measure_familiarity
from distill_core.student.network import Student
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import rarity


def texts(rows: int, words: str, seed: int) -> list[tuple[str, ...]]:
    """Rows of three to twelve of the words, each half as common as the one before it."""
    generator, of = np.random.default_rng(seed), words.split()
    shares = np.array([0.5**place for place in range(len(of))])
    lengths = generator.integers(3, 13, rows)
    return [(" ".join(generator.choice(of, length, p=shares / shares.sum())),) for length in lengths]


OWN = "the a film is good bad dull warm funny slow script actor"
OTHER = "script actor slow dose patient liver"  # rare words of its own, and words that it has never met


@pytest.fixture
def predictor() -> Predictor:
    import torch

    torch.manual_seed(0)
    words = vocabulary.build_vocabulary("words", [OWN])
    config = Config.of(student="bilstm", hidden=4, fc=4, max_tokens=40)
    model = Student(torch.randn(words.size, 4), STUDENTS.get("bilstm").Encoder, 2, False, 4, 4)
    return Predictor(model, words, persistence.settings(config, ["bad", "good"], False, model))


def test_texts_of_other_words_are_unfamiliar_and_one_in_a_hundred_of_its_own(predictor: Predictor) -> None:
    assert not predictor.unfamiliar(("patient liver dose",)), "of a student that does not know"
    learnt, held_out = texts(400, OWN, 0), texts(60, OWN, 1)
    familiarity = measure_familiarity(predictor, learnt, 300, held_out)
    predictor.settings["familiarity"] = familiarity
    assert sum(predictor.unfamiliar(row) for row in texts(1000, OWN, 2)) <= 30
    others = texts(200, OTHER, 3)
    assert sum(predictor.unfamiliar(row) for row in others) >= 150


def test_a_labelled_row_is_counted_without_itself(predictor: Predictor) -> None:
    """Else each row's own words would be known to it, and every new text would seem far."""
    learnt = [(word,) for word in OWN.split()] * 9 + [("film script",), ("slow actor",)]
    assert measure_familiarity(predictor, learnt[:99], 99, []) is None, "too few for one in a hundred"
    familiarity = measure_familiarity(predictor, learnt, len(learnt), [])
    assert familiarity
    table, of = base64.b64decode(familiarity["surprisals"]), predictor.vocabulary
    counts = np.bincount(np.concatenate([np.array(ids) for ids in predictor.pieces(learnt)]))
    [film], [rare] = of.ids(["film"], 9)[0], of.ids(["liver"], 9)[0]
    assert table[film] == round(-16 * np.log(10 / counts.sum())) and len(table) == len(counts) + 1
    assert table[rare] == table[-1] == round(-16 * np.log(0.5 / counts.sum())), "never met"
    own = -16 * np.log(np.maximum(counts[counts > 0] - 1, 0.5) / (counts.sum() - 1))
    assert familiarity["mean"] == pytest.approx(own.mean(), abs=1.5)


def test_a_rarity_is_in_standard_errors_so_that_long_texts_need_less() -> None:
    assert rarity([30], 20, 10) == 1 and rarity([30] * 25, 20, 10) == 5 and rarity([20, 20], 20, 10) == 0


def test_a_pair_is_judged_by_both_sentences_and_the_exported_student_judges_alike(
    predictor: Predictor, tmp_path, monkeypatch, capsys
) -> None:
    predictor.settings["pair"] = True
    row = ("the film", "dull actor")
    assert [len(ids) for ids in predictor.pieces([row, ("a", "b c")])] == [4, 3]
    predictor.settings["pair"] = False
    persistence.save(predictor, tmp_path / "student")
    persistence.calibrate(tmp_path / "student", 1.0, {}, measure_familiarity(predictor, texts(300, OWN, 0), 300, []))
    out = export.export(tmp_path / "student", tmp_path / "out", {"rows": {}})
    monkeypatch.setattr(sys, "argv", ["predict.py", "the film is good", "patient liver dose patient liver"])
    runpy.run_path(str(out / "predict.py"), run_name="__main__")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["unfamiliar"] for line in lines] == [False, True]
    persistence.calibrate(tmp_path / "student", 2.0)
    assert persistence.load(tmp_path / "student").unfamiliar(("patient liver dose patient liver",)), "stays"
