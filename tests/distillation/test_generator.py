"""Texts of a language model: it sees rows and no labels, a stopped run goes on, and the rules of all sources hold."""

from pathlib import Path

import pytest
from test_transfer_set import Part, Rows, finish, notes
from tiny_writer import LINES, trained_writer

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation.language_model import LanguageModel
from distill_core.distillation.sources import generator
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set, check_sources
from distill_core.errors import Stopped, TeacherError
from distill_core.events import Event, Progress


class Watched:
    """Counts the batches that a language model writes, and what it is shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: list[str] | None = None) -> None:
        self.shown: list[list[str]] = []
        write = LanguageModel.write

        def watched(model: LanguageModel, examples: list[str], lines: int, *rest: object) -> list[str]:
            self.shown.append(list(examples))
            return list(says) if says is not None else write(model, examples, lines, *rest)

        monkeypatch.setattr(LanguageModel, "write", watched)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writer")
    trained_writer(folder)
    return folder


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def rows(**parts: Part) -> Rows:
    return Rows(Part([(line,) for line in LINES], [number % 2 for number in range(len(LINES))]), **parts)


def built(
    data: Rows, writer: Path, cache: Path | None = None, stop: object = None, **knobs: object
) -> tuple[TransferSet, list[Event]]:
    config = Config.of(**{"n_iter": 0, "neighbours": 0, "generator": str(writer), "generated_texts": 10} | knobs)
    return finish(build_transfer_set(data, config, None, stop, None, Cache(cache) if cache else None))


def taken(result: TransferSet) -> list[str]:
    return [text[0] for text, source in zip(result.texts, result.source, strict=True) if source == "generator"]


def test_so_many_new_texts_are_written_after_rows_without_labels(writer: Path, watched: Watched) -> None:
    result, events = built(rows(), writer)
    new = taken(result)
    assert len(new) == len(set(new)) == 10 and not set(new) & set(LINES)
    assert all(len(shown) == generator.EXAMPLES and set(shown) <= set(LINES) for shown in watched.shown)
    assert len({tuple(shown) for shown in watched.shown}) == len(watched.shown), "each batch after other rows"
    assert "10 texts of the language model bring" in notes(events)
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[0].done == 0 and progress[-1].done == progress[-1].total == 10
    assert taken(built(rows(), writer)[0]) == new != taken(built(rows(), writer, seed=1)[0])


def test_a_stopped_run_goes_on_where_it_was(writer: Path, watched: Watched, tmp_path: Path) -> None:
    many = {"generated_texts": 150}
    whole, _ = built(rows(), writer, **many)
    batches = len(watched.shown)
    assert batches > 2 * generator.CHUNK

    def stop() -> bool:
        return len(watched.shown) > batches + generator.CHUNK + 1

    with pytest.raises(Stopped):
        built(rows(), writer, tmp_path, stop, **many)
    watched.shown.clear()
    resumed, _ = built(rows(), writer, tmp_path, **many)
    assert resumed.texts == whole.texts and len(watched.shown) == batches - generator.CHUNK
    watched.shown.clear()
    assert built(rows(), writer, tmp_path, **many)[0].texts == whole.texts and not watched.shown


def test_more_texts_are_the_rest_alone_and_other_rows_are_another_matter(
    writer: Path, watched: Watched, tmp_path: Path
) -> None:
    few, _ = built(rows(), writer, tmp_path)
    watched.shown.clear()
    more, _ = built(rows(), writer, tmp_path, generated_texts=11)
    assert taken(more)[:10] == taken(few) and not watched.shown
    fewer_rows = Rows(Part([(line,) for line in LINES[:-1]], [0] * (len(LINES) - 1)))
    built(fewer_rows, writer, tmp_path)
    assert watched.shown


def test_what_is_held_out_or_known_or_of_another_length_stays_out(
    writer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "the film was good and the plot one two three four"
    says = [
        LINES[0], LINES[0].upper(), "the soup was new and hot", "The soup was  new and hot", "ok", "!!! ... !!! ...",
        "a held out text of ours", "so a held out text of ours", f"{long} but", "x" * 300,
    ]  # fmt: skip
    Watched(monkeypatch, says)
    data = rows(test=Part([("a held out text of ours",), (f"and {long} !",)]))
    data.train.texts.append((("word " * 12).strip(),))
    result, events = built(data, writer)
    assert taken(result) == ["the soup was new and hot"] or taken(result) == [says[2], says[3]]
    assert "wrote 1 of 10 texts" in notes(events) or "wrote 2 of 10 texts" in notes(events)
    assert result.dropped["held_out"] >= 2 and result.dropped["shared"] >= 1


def test_pairs_are_refused_and_the_limit_ends_it(writer: Path) -> None:
    pairs = Rows(Part([("a film", "a book")], [0]), pair=True)
    result, events = built(pairs, writer)
    assert result.source == ["labelled"] and "your rows are pairs" in notes(events)
    size = len(LINES)
    result, _ = built(rows(), writer, transfer_limit=size + 3)
    assert result.source == ["labelled"] * size + ["generator"] * 3
    result, events = built(rows(), writer, transfer_limit=size)
    assert result.source == ["labelled"] * size and "is reached" in notes(events)


def test_what_can_not_be_is_refused_before_a_run_begins(tmp_path: Path) -> None:
    check_sources(Config())
    check_sources(Config.of(generator="owner/name", bank="owner/name"))
    with pytest.raises(TeacherError, match="There is no language model"):
        check_sources(Config.of(generator=str(tmp_path / "gone")))


def test_a_few_texts_are_timed(writer: Path) -> None:
    from distill_core.distillation.transfer_builder import SourceInputs

    texts, seconds, size = generator.first_texts(SourceInputs(rows(), Config()), str(writer), 16)
    assert texts and not set(texts) & set(LINES) and 0 < seconds < 30 and size > 50_000
