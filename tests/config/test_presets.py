"""Presets and sizes: explicit knobs at once, the paper's own figures, and sizes that hold for every student."""

import pytest
import torch

from distill_core import settings
from distill_core.cli.config_options import config_from_options
from distill_core.cli.parser import parse
from distill_core.config.schema import DEFAULTS, Config
from distill_core.errors import KnobError
from distill_core.registry import STUDENTS
from distill_core.student.network import Student
from distill_core.student.persistence import has_own_network

LIMITS = {"tiny": 300_000, "small": 1_000_000, "medium": 4_000_000}


def weights(config: Config, pair: bool, labels: int, rows: int) -> dict[str, int]:
    """How many weights the config's student has, by whether they stand in its tables."""
    with torch.device("meta"):
        model = Student(
            torch.zeros(rows, config.width), STUDENTS.get(config.student).Encoder, labels, pair,
            config.hidden, config.fc, config.dropout, config.channels,
        )  # fmt: skip
    found = {"tables": 0, "network": 0}
    for name, value in model.named_parameters():
        found["tables" if name.startswith("tables") else "network"] += value.numel()
    return found


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("student", [name for name in STUDENTS.names if not has_own_network(name)])
@pytest.mark.parametrize("size", LIMITS)
def test_a_size_holds_for_every_student_with_its_vocabulary_full(size: str, student: str, pair: bool) -> None:
    config = Config.of(size=size, student=student)
    assert sum(weights(config, pair, 20, config.vocabulary_limit).values()) < LIMITS[size]


def test_the_default_is_the_small_best() -> None:
    assert Config.of(preset="best", size="small") == Config.of()


@pytest.mark.parametrize(("hidden", "fc", "expected"), [(150, 200, 963_002), (300, 400, 2_406_002)])
def test_the_papers_student_has_the_papers_weights(hidden: int, fc: int, expected: int) -> None:
    """Tang et al. 2019, table 2: 0.96 M without the embeddings."""
    config = Config.of(preset="paper", hidden=hidden, fc=fc)
    assert config.width * 2 == 600 and config.channels == "both"
    assert weights(config, False, 2, 10)["network"] == expected


def test_the_paper_preset_is_the_papers() -> None:
    config = Config.of(preset="paper", task="sst2")
    assert config.rules == {"mask": 0.1, "pos": 0.1, "ngram": 0.25} and config.n_iter == 20 and config.batch == 50
    assert (config.optimiser, config.lr, config.loss, config.alpha) == ("adadelta", 1.0, "logit_mse", 0.0)
    assert (config.vocabulary, config.unseen, config.student) == ("words", "unknown", "bilstm")
    for pairs in ({"task": "mrpc"}, {"task": "file", "train": "a.csv", "text2": "b"}):
        config = Config.of(preset="paper", **pairs)
        assert (config.n_iter, config.batch) == (10, 256), "its pairs"
    assert Config.of(preset="paper", task="file", train="a.csv").batch == 50
    assert Config.of(preset="paper").vectors == "teacher_static"
    assert Config.of(preset="paper", vectors_file="word2vec.txt").vectors == "file"


def test_size_overrules_preset_and_what_is_typed_overrules_both() -> None:
    config = Config.of(preset="paper", size="tiny", hidden=9, n_iter=2)
    assert (config.width, config.hidden, config.n_iter, config.optimiser) == (32, 9, 2, "adadelta")
    typed = config_from_options(parse(["run", "--preset", "paper", "--size", "tiny", "--hidden", "9", "--n-iter", "2"]))
    assert typed == config and Config.of(**config.model_dump()) == config, "stored, it is explicit"


@pytest.mark.parametrize("kind", ["preset", "size"])
def test_an_unknown_name_gets_the_nearest(kind: str) -> None:
    wrong = {"preset": "papr", "size": "smal"}[kind]
    right = {"preset": "paper", "size": "small"}[kind]
    with pytest.raises(KnobError, match=rf"no {kind} called '{wrong}'\. Did you mean '{right}'\?"):
        Config.of(**{kind: wrong})


@pytest.mark.parametrize("pair", [False, True])
def test_the_page_gets_a_value_for_every_control_that_a_choice_may_change(pair: bool) -> None:
    """Choosing one after the other must leave nothing of the first."""
    for choices in (settings("preset", pair), settings("size")):
        assert len({frozenset(one.knobs) - {"student"} for one in choices}) == 1
        for one in choices:
            assert one.help.endswith(".") and set(one.knobs) <= set(DEFAULTS)
    for one in settings("preset", pair):
        assert Config.of(**one.knobs, task="mrpc" if pair else "sst2") == Config.of(
            preset=one.name, task="mrpc" if pair else "sst2"
        )
    assert all("student" in one.knobs for one in settings("preset", pair)), "the student of a size that names none"
    assert [one.name for one in settings("size") if "student" in one.knobs] == ["cut"]
    assert Config.of(size="cut").vocabulary_limit > 30_522, "all of BERT's pieces, which cost no time"
    best = next(one for one in settings("preset") if one.name == "best")
    assert best.knobs == {name: DEFAULTS[name] for name in best.knobs}
