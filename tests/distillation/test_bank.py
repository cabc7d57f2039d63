"""Texts of a bank: the nearest to each label, each label alike, and none that the data have or hold out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from test_neighbours import Table
from test_transfer_set import Part, Rows, finish, notes
from torch import Tensor

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.config.transfer_size import BANK_CANDIDATES
from distill_core.data.examples import Text
from distill_core.distillation import nearest_texts
from distill_core.distillation.text_filter import TextFilter
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.errors import DataError, Stopped, TeacherError
from distill_core.events import Event, Progress

FILMS, BOOKS = ["film", "movie"], ["book", "bad"]  # words that the table below keeps apart


class Reader(Table):
    """A teacher that reads a text as its share of films and of books, however often it is asked."""

    fingerprint, max_tokens = "a reader", 64

    def __init__(self) -> None:
        super().__init__()
        self.table[:] = 0.01
        vocabulary = self.pieces.get_vocab()
        for axis, words in enumerate((FILMS, BOOKS)):
            self.table[[vocabulary[word] for word in words], axis] = 1.0
        self.read: list[Text] = []

    def text_vectors(self, texts: list[Text]) -> Tensor:
        self.read += texts
        return torch.tensor([[0.1 + sum(map(text[0].split().count, words)) for words in (FILMS, BOOKS)]
                             for text in texts])  # fmt: skip


def rows(**parts: Part) -> Rows:
    texts = [(f"the {word} good great {word} x",) for word in (*FILMS, *BOOKS)]
    return Rows(Part(texts, [0, 0, 1, 1]), **parts)


def bank(folder: Path, lines: list[str]) -> str:
    file = folder / "bank.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def built(
    data: Rows, file: str | list[str], teacher: Table | None = None, cache: Cache | None = None,
    stop: object = None, **knobs: object,
) -> tuple[TransferSet, list[Event]]:  # fmt: skip
    config = Config.of(**{"n_iter": 0, "neighbours": 0, "bank": file, "bank_texts": 4} | knobs)
    return finish(build_transfer_set(data, config, None, stop, teacher or Reader(), cache))


def taken(result: TransferSet) -> list[str]:
    return [text[0] for text, source in zip(result.texts, result.source, strict=True) if source == "bank"]


LINES = [
    *(f"good great film {sign} the" for sign in ".!x"),  # near to the first label
    *(f"good great book {sign} the" for sign in ".!x"),  # near to the second
    *(f"good great good {sign} {end}" for sign in ".!x" for end in ("the", "a", "great")),  # near to neither
]


def test_each_label_gets_its_nearest(tmp_path: Path) -> None:
    result, events = built(rows(), bank(tmp_path, LINES))
    found = taken(result)
    assert ["film" in text for text in found] == [True, False, True, False], "in turn, so that a limit cuts both alike"
    assert not any("good great good" in text for text in found)
    assert [LINES[origin] for origin in result.origin[4:]] == found
    assert "4 texts of the text bank bring" in notes(events)


def test_the_teacher_has_the_last_word(tmp_path: Path) -> None:
    """The sieve sees pieces alone: to it a text of many films is as near as one of many good films."""
    teacher = Reader()
    many, few = "film x film x film x film x", "good x film x good x film x"
    for liked in (many, few):
        film = ("the film", "the movie", liked)
        teacher.text_vectors = lambda texts, film=film: torch.tensor(
            [[1.0, 0.1] if text[0].startswith(film) else [0.1, 1.0] for text in texts])  # fmt: skip
        assert taken(built(rows(), bank(tmp_path, [many, few]), teacher, bank_texts=1)[0]) == [liked]


def test_the_teacher_reads_some_candidates_and_not_the_bank(tmp_path: Path) -> None:
    teacher = Reader()
    lines = [f"good {'film ' * (number % 7)}the {'a ' * (number % 5)}{'x' * (number % 3)} !" for number in range(3000)]
    built(rows(), bank(tmp_path, lines), teacher, bank_texts=4)
    assert len(teacher.read) <= 4 + BANK_CANDIDATES * 4


def test_memory_holds_the_candidates_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    prune = nearest_texts._Pool.prune

    def watched(pool: nearest_texts._Pool) -> None:
        sizes.append(len(pool.texts))
        prune(pool)
        sizes.append(len(pool.texts))

    monkeypatch.setattr(nearest_texts, "BLOCK", 50)
    monkeypatch.setattr(nearest_texts._Pool, "prune", watched)
    lines = [f"good film number {number} here" for number in range(2000)]
    result, _ = built(rows(), bank(tmp_path, lines), bank_texts=4)
    assert len(taken(result)) == 4 and max(sizes) <= 2 * 12 + 2 * 50 and min(sizes) <= 2 * 12


def test_texts_that_the_data_have_or_hold_out_stay_out(tmp_path: Path) -> None:
    words = "good film one two three four five six seven eight"
    held = Part([("good great film ! the",), (words,), ("good great movie",)])
    data = rows(test=held)
    lines = [
        *LINES, "The  film good great film x", "GOOD great film !  the", f"{words} x", "a good great movie !",
    ]  # fmt: skip
    result, events = built(data, bank(tmp_path, lines), bank_texts=len(lines), leaks="remove")
    found = taken(result)
    assert not {"GOOD great film !  the", f"{words} x", "a good great movie !", "good great film ! the"} & set(found)
    assert "The  film good great film x" not in found and len(found) == len(set(found))
    assert "left out of the transfer set" in notes(events)
    assert {"good great film x the", "good great book x the"} <= set(found)


def test_texts_are_as_long_as_the_rows(tmp_path: Path) -> None:
    data = rows()
    accepted = TextFilter(data)
    own = len(data.train.texts[0][0])
    assert accepted.accepts("film " + "x" * (own - 5)) and not accepted.accepts("film " + "x" * (own // 2 - 5))
    assert not accepted.accepts("film " + "x" * (2 * own - 5)) and not accepted.accepts("!" * own)
    result, events = built(data, bank(tmp_path, ["a film", "film " * 90]))
    assert not taken(result) and "no text as long as your rows" in notes(events)


def test_only_so_many_are_looked_at(tmp_path: Path) -> None:
    result, _ = built(rows(), bank(tmp_path, LINES[::-1]), bank_lines=9)
    assert all("good great good" in text for text in taken(result))


def test_several_banks_are_one(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("id,text\n1,good great movie ! the\n2,good great good ! a\n")
    result, _ = built(rows(), [bank(tmp_path, LINES[3:]), str(other)])
    assert {"film", "movie"} & set(" ".join(taken(result)).split()) == {"movie"}


def test_a_second_run_reads_no_bank(tmp_path: Path) -> None:
    teacher, cache, file = Reader(), Cache(tmp_path / "cache"), bank(tmp_path, LINES)
    first, _ = built(rows(), file, teacher, cache)
    read = len(teacher.read)
    again, _ = built(rows(), file, teacher, cache)
    assert again.texts == first.texts and len(teacher.read) == read > 0
    more, _ = built(rows(), file, teacher, cache, bank_texts=6)
    assert len(taken(more)) == 6 and len(teacher.read) > read
    bank(tmp_path, [*LINES, "film film good great x"])
    assert "film film good great x" in taken(built(rows(), file, teacher, cache)[0])


def test_a_resumed_run_has_the_texts_that_it_began_with(tmp_path: Path) -> None:
    teacher, file, folder = Reader(), bank(tmp_path, LINES), tmp_path / "run"
    folder.mkdir()
    config = Config.of(bank=file, bank_texts=4, n_iter=0, neighbours=0)

    def taken_by(folder: Path | None) -> list[str]:
        found, _ = finish(build_transfer_set(rows(), config, teacher=teacher, folder=folder))
        return taken(found)

    first = taken_by(folder)
    bank(tmp_path, ["film film good great x", *LINES])
    assert taken_by(folder) == first != taken_by(None)
    Path(file).unlink()
    assert taken_by(folder) == first, "nor need the bank be in reach"


def test_pairs_are_refused_and_the_limit_ends_it(tmp_path: Path) -> None:
    file = bank(tmp_path, LINES)
    data = Rows(Part([("good film", "a book")], [0]), pair=True)
    result, events = built(data, file)
    assert result.source == ["labelled"] and "your rows are pairs" in notes(events)
    result, _ = built(rows(), file, transfer_limit=6)
    assert result.source == ["labelled"] * 4 + ["bank"] * 2
    result, events = built(rows(), file, transfer_limit=3)
    assert result.source == ["labelled"] * 4 and "limit of 3 texts" in notes(events)


def test_stop_is_honoured_and_progress_reaches_its_total(tmp_path: Path) -> None:
    file = bank(tmp_path, LINES)
    with pytest.raises(Stopped):
        built(rows(), file, stop=lambda: True)
    _, events = built(rows(), file)
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress and progress[-1].done == progress[-1].total


def test_no_bank_asks_nothing_and_a_missing_one_is_named(tmp_path: Path) -> None:
    teacher = Reader()
    assert taken(built(rows(), [], teacher)[0]) == [] and not teacher.asked
    with pytest.raises(DataError, match="There is no file"):
        built(rows(), str(tmp_path / "gone.txt"))

    class Closed(Reader):
        def subword_tokenizer(self) -> object:
            raise TeacherError("its tokenizer is closed")

    result, events = built(rows(), bank(tmp_path, LINES), Closed())
    assert not taken(result) and "its tokenizer is closed" in notes(events)


def test_a_label_without_rows_takes_nothing_from_the_others(tmp_path: Path) -> None:
    data = rows()
    data.labels = ("none", "film", "none either", "book", "nor this")
    data.train.labels[:] = [1, 1, 3, 3]
    found = taken(built(data, bank(tmp_path, LINES[::-1]))[0])
    assert ["film" in text for text in found] == [True, False, True, False]
    assert not any("good great good" in text for text in found)


def test_a_piece_of_a_held_out_text_stays_out(tmp_path: Path) -> None:
    held = "the film is a warm and funny tale of good love x"
    piece, other = "a warm and funny tale of good", "a film that is great and funny x"
    bank = tmp_path / "bank.txt"
    bank.write_text(f"{piece}\n{other}\n", encoding="utf-8")
    config = Config.of(bank=str(bank), bank_texts=2, n_iter=0, neighbours=0)
    found, events = finish(build_transfer_set(rows(test=Part([(held,)], [0])), config, teacher=Reader()))
    assert (piece,) not in found.texts and (other,) in found.texts and found.dropped["held_out"] == 1
    assert "1 text left out of the transfer set: it equals, contains or stands in a validation" in notes(events)
    kept, _ = finish(build_transfer_set(
        rows(test=Part([(held,)], [0])), config.model_copy(update={"leaks": "keep"}), teacher=Reader()
    ))  # fmt: skip
    assert (piece,) in kept.texts


def test_labels_alike_leave_room_for_as_many_as_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of labels whose nearest are the same texts, those of one label fill what is wanted."""
    monkeypatch.setattr(nearest_texts, "BLOCK", 4)
    pool = nearest_texts._Pool(3, 6)
    for number in range(40):
        near = torch.full((1, 3), 40.0 - number)
        pool.add([nearest_texts.BankText(f"text {number}", number)], near)
    pool.prune()
    assert [one.number for one in pool.texts] == [0, 1, 2, 3, 4, 5]


def test_each_place_comes_once() -> None:
    nearness = torch.tensor([[0.9, 0.0], [0.8, 0.0], [0.1, 0.0]])
    assert list(nearest_texts.in_turn(nearness, 2)) == [0, 1]
    assert sorted(nearest_texts.in_turn(nearness, 9)) == [0, 1, 2]


def test_a_broken_off_bank_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[str]:
        yield LINES[0]
        raise DataError("broke off")

    monkeypatch.setattr("distill_core.data.text_bank._lines", broken)
    with pytest.raises(DataError, match="broke off"):
        built(rows(), bank(tmp_path, LINES))
