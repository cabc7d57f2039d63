"""Filled masks: whole words that the model thinks likely, in the masks' places alone, and the rules of all sources."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from scipy.stats import binomtest
from test_transfer_set import Part, Rows, finish, notes
from toy import TOY

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation.mask_filling import GUESSES, MaskFiller
from distill_core.distillation.sources import mask_fill
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set, check_sources
from distill_core.errors import Stopped, TeacherError
from distill_core.events import Event
from distill_core.tokenization import MASK

LINES = [text for texts in TOY.values() for text in texts]
LIKELY = ["film", "plot", "soup", "staff", "acting"]  # what the model below guesses first, whatever the text


@pytest.fixture(scope="module")
def filler_folder(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random masked language model that likes some words, and still more a sign and the end of a word."""
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    folder = Path(shutil.copytree(tiny_teacher, tmp_path_factory.mktemp("filler") / "model"))
    for file in folder.glob("*.safetensors"):
        file.unlink()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForMaskedLM(BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, initializer_range=0.2,
        ))  # fmt: skip
    with torch.no_grad():
        for size, pieces in ((30.0, LIKELY), (60.0, [".", "##s", "[SEP]"])):
            model.cls.predictions.bias[tokenizer.convert_tokens_to_ids(pieces)] += size
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def filler(filler_folder: Path) -> MaskFiller:
    return MaskFiller(Config.of(filler=str(filler_folder)))


def built(
    filler_folder: Path | None,
    data: Rows | None = None,
    cache: Path | None = None,
    stop: object = None,
    **knobs: object,
) -> tuple[TransferSet, list[Event]]:
    data = data or Rows(Part([(line,) for line in LINES]))
    config = Config.of(**{"n_iter": 0, "neighbours": 0, "filled": 3, "filler": filler_folder and str(filler_folder)}
                       | knobs)  # fmt: skip
    return finish(build_transfer_set(data, config, None, stop, None, Cache(cache) if cache else None))


def new(result: TransferSet) -> list[tuple[tuple[str, ...], int]]:
    found = zip(result.texts, result.source, result.origin, strict=True)
    return [(text, origin) for text, source, origin in found if source == "mask_fill"]


def test_a_mask_becomes_a_likely_whole_word_and_never_what_stood_there(filler: MaskFiller) -> None:
    found = [filler.fill([f"the {MASK} is good"], [["Film"]], random.Random(seed))[0] for seed in range(300)]
    words = Counter(text.removeprefix("the ").removesuffix(" is good") for text in found)
    assert len(words) <= GUESSES and {"Plot", "Soup", "Staff", "Acting"} <= words.keys(), "in the case of the old word"
    assert not {"Film", ".", "S", "s", "##s", "[SEP]"} & words.keys()
    assert max(words.values()) < 60, "any of the guesses, the likeliest no more often"


def test_a_text_is_filled_as_it_would_be_alone(filler: MaskFiller) -> None:
    sides = [line.replace(line.split()[1], MASK, 1) for line in LINES]
    encoded = filler.tokenizer([side.replace(MASK, "[MASK]") for side in sides])["input_ids"]
    together = filler._guess(encoded)
    assert together == [filler._guess([one])[0] for one in encoded]
    assert len({tuple(one[0][:GUESSES]) for one in together}) > 1, "the guesses follow from the text"


def test_what_the_model_does_not_read_is_left(filler: MaskFiller) -> None:
    long = "the film " * 80 + MASK
    sides = [long, f"the {MASK}", f"{MASK} {MASK}"]
    assert filler.fill(sides, [["end"], ["film"], ["of two one is the row's own"]], random.Random(0))[0] is None
    assert filler.fill(sides, [["end"], ["film"], ["one"]], random.Random(0))[2] is None
    assert filler.fill(sides, [["end"], ["film"], ["one"]], random.Random(0))[1].startswith("the ")


def test_one_word_of_four_is_exchanged_and_all_else_stays(filler_folder: Path) -> None:
    line = " ".join(["the"] * 20)
    result, events = built(filler_folder, Rows(Part([(line,)])), filled=80)
    texts = [text[0].split() for text, _ in new(result)]
    assert len(texts) > 60 and all(len(words) == 20 for words in texts)
    changed = sum(word != "the" for words in texts for word in words)
    assert binomtest(changed, 20 * len(texts), mask_fill.RATE).pvalue > 1e-3
    assert not any(MASK in text[0] or "[MASK]" in text[0] for text, _ in new(result))
    assert "texts with filled masks bring" in notes(events)


def test_pairs_rotate_and_the_seed_decides(filler_folder: Path) -> None:
    pair = (" ".join(["film"] * 20), " ".join(["soup"] * 20))
    data = Rows(Part([pair]))
    result, _ = built(filler_folder, data, filled=6)
    for place, ((first, second), _) in enumerate(new(result)):
        assert (first != pair[0], second != pair[1]) == [(True, False), (False, True), (True, True)][place % 3]
    assert result.texts == built(filler_folder, data, filled=6)[0].texts != built(filler_folder, data, seed=1)[0].texts


def test_no_held_out_text_enters_and_the_limit_ends_it(filler_folder: Path) -> None:
    free, _ = built(filler_folder)
    held = new(free)[0][0]
    result, _ = built(filler_folder, Rows(Part([(line,) for line in LINES]), test=Part([held])))
    assert held not in result.texts and result.dropped["held_out"] >= 1
    size = len(LINES)
    assert built(filler_folder, transfer_limit=size + 2)[0].source == ["labelled"] * size + ["mask_fill"] * 2
    result, events = built(filler_folder, transfer_limit=size)
    assert not new(result) and "is reached" in notes(events)


def test_a_second_run_asks_the_model_nothing(
    filler_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    fill = MaskFiller.fill

    def watched(filler: MaskFiller, sides: list[str], *rest: object) -> object:
        asked.append(len(sides))
        return fill(filler, sides, *rest)

    monkeypatch.setattr(MaskFiller, "fill", watched)
    monkeypatch.setattr(mask_fill, "CHUNK", 8)
    with pytest.raises(Stopped):
        built(filler_folder, None, tmp_path, stop=lambda: len(asked) == 3)
    first, _ = built(filler_folder, None, tmp_path)
    chunks = -(-3 * len(LINES) // 8)
    assert len(asked) == chunks, "what was filled before the stop is filled"
    assert built(filler_folder, None, tmp_path)[0].texts == first.texts == built(filler_folder)[0].texts
    assert len(asked) == 2 * chunks, "the last one has no cache"
    shorter, _ = built(filler_folder, None, tmp_path, max_tokens=8)
    assert len(asked) > 2 * chunks and len(new(shorter)) < len(new(first)), "of fewer tokens some masks go unread"


def test_a_model_that_guesses_no_words_is_named(tiny_teacher: Path) -> None:
    result, events = built(None, teacher=str(tiny_teacher))
    assert not new(result) and "has no head that guesses masked words" in notes(events)
    with pytest.raises(TeacherError, match="no head that guesses"):
        built(tiny_teacher)


def test_a_model_that_can_be_none_is_refused_before_a_run() -> None:
    with pytest.raises(TeacherError, match="There is no masked language model 'bert base'"):
        check_sources(Config.of(filled=3, filler="bert base"))
    check_sources(Config.of(filled=3, filler="owner/name"))
    check_sources(Config.of(filled=0, filler="bert base"))


def test_of_a_saved_teacher_its_base_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from distill_core.distillation import mask_filling

    monkeypatch.setattr(mask_filling, "find_saved", lambda name: SimpleNamespace(base="owner/base"))
    assert mask_filling.model_name(Config.of(teacher="kept:abcdef")) == "owner/base"
    assert mask_filling.model_name(Config.of(teacher="kept:abcdef", filler="owner/other")) == "owner/other"
