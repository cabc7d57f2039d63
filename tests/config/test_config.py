"""The config: each knob refuses what is out of range with a sentence that names it, and takes what text says."""

import json

import pytest

from distill_core.config.knobs import Knob, knobs, names_of, path_names
from distill_core.config.presets import STANDARD_RULES
from distill_core.config.schema import AFFECTS, DEFAULTS, GROUPS, Config
from distill_core.errors import KnobError, UnknownPart, UserError
from distill_core.registry import RULES

KNOBS = {knob.name: knob for knob in knobs()}


def test_every_knob_is_told_once_and_whole() -> None:
    assert list(KNOBS) == list(Config.model_fields)
    for knob in knobs():
        assert knob.group in GROUPS and knob.type in (str, int, float, bool, dict, list), knob
        assert knob.label and knob.label[0].isupper() and knob.help[-1] == ".", knob
        assert knob.default is not None or knob.optional, knob


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if k.type in (int, float)], ids=lambda knob: knob.name)
def test_limits_hold_and_are_told(knob: Knob) -> None:
    inside = [value for value in (knob.low, knob.high) if value is not None]
    for value in inside:
        beyond = value - 1 if value == knob.low else value + 1
        with pytest.raises(KnobError, match=rf"^{knob.name} can't be {beyond}: it must be"):
            Config.of(**{knob.name: beyond})
    with pytest.raises(KnobError, match=f"^{knob.name} can't be 'many'"):
        Config.of(**{knob.name: "many"})
    for odd in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(KnobError):
            Config.of(**{knob.name: odd})


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if k.choices], ids=lambda knob: knob.name)
def test_choices_hold(knob: Knob) -> None:
    for choice in knob.choices:
        assert getattr(Config.of(**{knob.name: choice}), knob.name) == ([choice] if knob.type is list else choice)
    with pytest.raises((KnobError, UnknownPart), match="nonsense"):
        Config.of(**{knob.name: "nonsense"})


def test_an_unknown_knob_gets_the_nearest_name() -> None:
    with pytest.raises(KnobError, match=r"There is no knob called 'epoch'. Did you mean 'epochs'\?"):
        Config.of(epoch=3)
    with pytest.raises(UnknownPart, match="Did you mean 'bilstm'"):
        Config.of(student="bilstn")


def test_rules_come_from_text_and_from_their_files() -> None:
    assert STANDARD_RULES == {name: RULES.constant(name, "RATE") for name in RULES.names} == Config().rules
    assert {name: STANDARD_RULES[name] for name in ("mask", "ngram", "pos")} == {
        "mask": 0.1,
        "ngram": 0.25,
        "pos": 0.1,
    }
    assert Config.of(rules="mask=0.3, ngram").rules == {"mask": 0.3, "ngram": RULES.constant("ngram", "RATE")}
    assert Config.of(rules="").rules == {}
    with pytest.raises(KnobError, match="rate of mask must lie between 0 and 1"):
        Config.of(rules="mask=1.5")
    with pytest.raises((KnobError, UnknownPart), match="maks"):
        Config.of(rules="maks=0.1")
    with pytest.raises((KnobError, UnknownPart), match="maks"):
        Config.of(rules="maks")
    with pytest.raises(KnobError, match="rules"):
        Config.of(rules="mask=a lot")


def test_lists_come_from_text_and_hold_each_thing_once() -> None:
    assert Config.of(students="textcnn, bag,textcnn").students == ["textcnn", "bag"]
    assert Config.of(learning_curve="0.5,0.1,1,0.5").learning_curve == [0.1, 0.5]
    assert Config.of(students="", learning_curve="").changed() == {}
    with pytest.raises(UnknownPart, match="Did you mean 'textcnn'"):
        Config.of(students="textcn")
    for wrong in ("0", "1.5", "some"):
        with pytest.raises(KnobError, match="^learning_curve can't be"):
            Config.of(learning_curve=wrong)


def test_a_config_survives_the_store() -> None:
    config = Config.of(task="file", train="a.csv", seed=3, rules="pos=0.2", control=False)
    assert Config.of(**json.loads(json.dumps(config.model_dump()))) == config
    assert config.changed() == {"task": "file", "train": "a.csv", "seed": 3, "rules": {"pos": 0.2}, "control": False}
    assert Config.of().changed() == {} and Config.of().model_dump() == DEFAULTS


def test_a_config_cannot_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        Config().seed = 4


def test_several_faults_are_all_told() -> None:
    with pytest.raises(KnobError) as error:
        Config.of(epochs=0, batch="x")
    assert "epochs can't be 0" in str(error.value) and "batch can't be 'x'" in str(error.value)


def test_a_rule_that_is_dropped_into_the_folder_changes_nobodys_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cache key holds the rules: a new file may not make them all anew, nor its rate break a default run."""
    before = Config().model_dump()
    monkeypatch.setattr(RULES, "names", (*RULES.names, "shout"))
    assert Config().model_dump() == before and "shout" in RULES.names


def test_every_knob_that_decides_something_says_what() -> None:
    for one in knobs():
        assert set(one.affects) <= set(AFFECTS)
        assert one.affects or one.name in ("teacher", "fine_tune", "teach_anyway", "allow_pickle", "epochs"), one.name
        assert not (one.path or one.column) or (one.type is str and one.optional) or one.default == []
    assert names_of(affecting=("network",)) == (
        "max_tokens", "cut", "student", "channels", "hidden", "fc", "layers", "heads", "feed_forward", "table_width",
        "dropout",
    )  # fmt: skip
    assert path_names() == ("train", "valid", "test", "unlabelled", "bank", "vectors_file")


def test_a_run_from_before_the_limit_followed_the_rows_reads_as_it_did() -> None:
    old = Config.stored({"task": "sst2"})
    assert (old.max_tokens, old.cut) == (128, "head")
    young = Config.stored(Config().model_dump())
    assert (young.max_tokens, young.cut) == ("auto", "head_tail")


def test_whatever_stands_in_a_config_is_refused_in_one_short_sentence() -> None:
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    for values in (
        {"preset": ["best"]}, {"preset": {"a": 1}}, {"size": deep}, {"seed": deep}, {"task": "x" * 1_000_000},
        {"x" * 1_000_000: 1}, {"\ud800": 1}, {"epochs": "\ud800"}, {f"knob {number}": 1 for number in range(500)},
        {"seed": list(range(9_999)), "rules": {"a": "b" * 9_999}},
    ):  # fmt: skip
        with pytest.raises(UserError) as caught:
            Config.of(**values)
        assert len(str(caught.value)) <= 500
        str(caught.value).encode()
    assert "496 other settings can't be used either" in refusal({f"knob {number}": 1 for number in range(500)})
    assert Config.of(teacher="\ud800", bank=["\udfff"]).teacher == "?"


def refusal(values: dict[str, object]) -> str:
    with pytest.raises(KnobError) as caught:
        Config.of(**values)
    return str(caught.value)
