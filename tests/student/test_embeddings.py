"""Starting vectors: the right row for each entry, the wanted width, one scale, and clear words where it can't be."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

from distill_core.config.schema import Config
from distill_core.errors import DataError, KnobError
from distill_core.registry import EMBEDDINGS
from distill_core.student.nearest import nearest
from distill_core.student.projection import RANDOM, SCALE, reduce_width, teacher_pieces
from distill_core.student.runtime import Vocabulary
from distill_core.student.vocabulary import build_vocabulary
from distill_core.teacher.loading import load_teacher
from distill_core.tokenization import MASK

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "un", "##like", "##ly", "the", "never"]
SENTENCES = ["the good film", "the bad film", "Unlikely good"]


class Toy:
    """As much of a teacher as starting vectors need. A static vector is the sum of the table's rows, doubled."""

    mask_token = "[MASK]"

    def __init__(self, width: int = 6):
        self.table = torch.randn(len(PIECES), width, generator=torch.Generator().manual_seed(0))
        self.tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]"))
        self.tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self.tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def subword_tokenizer(self) -> Tokenizer:
        return self.tokenizer

    def input_embeddings(self) -> Tensor:
        return self.table

    def static_vectors(self, words: list[list[int]]) -> Tensor:
        return torch.stack([2 * self.table[word].sum(0) for word in words])


def vocabulary(kind: str) -> Vocabulary:
    return build_vocabulary(kind, SENTENCES, Toy().subword_tokenizer(), "[MASK]")


def glove(path: Path, rows: dict[str, list[float]], header: bool = False) -> str:
    lines = [f"{len(rows)} {len(next(iter(rows.values())))}"] if header else []
    lines += [f"{word} {' '.join(map(str, numbers))}" for word, numbers in rows.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def vectors(name: str, words: Vocabulary, width: int = 4, said: list | None = None, **knobs: object) -> Tensor:
    say = (said if said is not None else []).append
    generator = torch.Generator().manual_seed(0)
    return EMBEDDINGS.get(name).make(words, Toy(), width, Config.of(**knobs), generator, say)


def distances(rows: Tensor) -> Tensor:
    found = torch.cdist(rows.double(), rows.double())
    return found / found.max()


@pytest.fixture
def file(tmp_path: Path) -> str:
    numbers = torch.randn(6, 5, generator=torch.Generator().manual_seed(1)).tolist()
    return glove(
        tmp_path / "glove.txt", dict(zip(["the", "good", "bad", "film", "unlikely", "zebra"], numbers, strict=True))
    )


@pytest.mark.parametrize("kind", ["pieces", "words"])
@pytest.mark.parametrize("name", EMBEDDINGS.names)
def test_contract_of_the_shelf(name: str, kind: str, file: str) -> None:
    """A new source is one file; this runs on it."""
    words = vocabulary(kind)
    table = vectors(name, words, vectors_file=file)
    assert table.shape == (words.size, 4) and table.dtype == torch.float32 and table.isfinite().all()
    assert not table[0].any()
    assert table[3:].any(1).sum() >= words.size - 4
    assert torch.equal(table, vectors(name, words, vectors_file=file))
    assert EMBEDDINGS.help(name)
    assert RANDOM / 2 < float(table[1:].square().mean().sqrt()) < 2 * SCALE


def test_the_teachers_table_row_by_row() -> None:
    """At full width PCA only turns and scales: distances between entries are those of the teacher's own rows."""
    words, teacher = vocabulary("pieces"), Toy()
    rows = teacher.table[[PIECES.index(entry) for entry in ("[UNK]", "[MASK]", *words.entries[3:])]]
    assert torch.allclose(distances(vectors("teacher_table", words, 6)[1:]), distances(rows), atol=1e-5)


def test_a_word_is_the_mean_of_its_pieces_or_read_whole() -> None:
    words, teacher = vocabulary("words"), Toy()
    ids = teacher_pieces(words, teacher)
    assert ids[words.entries.index("unlikely")] == [PIECES.index(piece) for piece in ("un", "##like", "##ly")]
    assert ids[:3] == [[], [PIECES.index("[UNK]")], [PIECES.index("[MASK]")]]
    mean = torch.stack([teacher.table[row].mean(0) for row in ids[1:]])
    assert torch.allclose(distances(vectors("teacher_table", words, 6)[1:]), distances(mean), atol=1e-5)
    whole = teacher.static_vectors(ids[1:])
    assert torch.allclose(distances(vectors("teacher_static", words, 6)[1:]), distances(whole), atol=1e-5)


def test_a_byte_level_word_is_looked_up_with_its_space() -> None:
    teacher = Toy()
    teacher.tokenizer = Tokenizer(models.BPE({"f": 0, "Ġ": 1, "Ġf": 2, "a": 3, "Ġa": 4}, [("Ġ", "f"), ("Ġ", "a")]))
    teacher.tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert teacher_pieces(build_vocabulary("words", ["f"]), teacher)[3] == [2]


def test_the_real_teacher_answers(tiny_teacher: Path) -> None:
    from distill_core.teacher.loading import load_teacher

    teacher = load_teacher(str(tiny_teacher), ("bad", "good"), False, Config.of())
    words = build_vocabulary(
        "pieces", ["a warm and funny film", f"rude {MASK} waiters"], teacher.subword_tokenizer(), teacher.mask_token
    )
    for name in ("teacher_table", "teacher_static"):
        table = EMBEDDINGS.get(name).make(words, teacher, 8, Config.of(), torch.Generator())
        assert table.shape == (words.size, 8) and table[3:].any(1).all()


def test_pca_keeps_the_widest_directions() -> None:
    rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 20.0, 5.0])
    rows = torch.cat([torch.zeros(1, 3), rows + 7])
    known = torch.tensor([False] + [True] * 50)
    table = reduce_width(rows, known, 2)
    centred = rows[1:] - rows[1:].mean(0)
    for column, axis in ((0, 1), (1, 2)):
        assert abs(torch.corrcoef(torch.stack([table[1:, column], centred[:, axis]]))[0, 1]) > 0.9
    assert torch.allclose(table[1:].square().mean().sqrt(), torch.tensor(SCALE), atol=1e-5)
    assert not table[0].any()


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS.names if name != "random"])
def test_narrow_vectors_keep_all_they_hold_with_random_numbers_beside(name: str, file: str) -> None:
    """The paper's 300 with a teacher of 128."""
    said: list[str] = []
    words = vocabulary("pieces" if name != "file" else "words")
    table = vectors(name, words, 9, said, vectors_file=file)
    own = 5 if name == "file" else 6
    assert f"have {own} numbers each; the other {9 - own} of 9 start at random." in " ".join(said)
    whole = vectors(name, words, own, vectors_file=file)
    rows = whole[3:].any(1) & table[3:].any(1)
    if name != "file":
        assert torch.allclose(table[:, :own], whole, atol=1e-6)
    assert table[3:][rows][:, own:].all() and not table[0].any()


def test_random_follows_its_generator() -> None:
    make, words = EMBEDDINGS.get("random").make, vocabulary("words")
    one, two = (make(words, None, 4, Config.of(), torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert not torch.equal(one, two)


def test_a_file_gives_its_own_vectors(file: str) -> None:
    words, said = vocabulary("words"), []
    table = vectors("file", words, 5, said, vectors_file=file)
    lines = dict(line.split(" ", 1) for line in Path(file).read_text().splitlines())
    known = [row for row in range(3, words.size) if words.entries[row] in lines]
    expected = torch.tensor([[float(x) for x in lines[words.entries[row]].split()] for row in known])
    assert len(known) == 5 and torch.allclose(distances(table[known]), distances(expected), atol=1e-4)
    assert torch.allclose(
        table[known] / expected, (table[known] / expected)[0, 0].expand(5, 5), atol=1e-4
    )  # not turned
    assert said == ["glove.txt holds vectors for 5 of the vocabulary's 5 entries (100 %); the others start at random."]


@pytest.mark.parametrize("header", [True, False])
def test_word2vec_and_glove_layouts(header: bool, tmp_path: Path) -> None:
    path = glove(tmp_path / "v.txt", {"the": [1.0, 0.0], "good": [0.0, 2.0], ". . .": [1.0, 1.0]}, header)
    table, words = vectors("file", vocabulary("words"), 2, vectors_file=path), vocabulary("words")
    the, good = table[words.entries.index("the")], table[words.entries.index("good")]
    assert the[1] == 0 and good[0] == 0 and good[1] == 2 * the[0] > 0


def test_a_word_as_written_comes_before_its_lower_case(tmp_path: Path) -> None:
    words = Vocabulary(
        "pieces", Toy().subword_tokenizer(), ["[PAD]", "[UNK]", MASK, "ĠBad", "bad", "##bad"], [-1] * 6, [-1] * 6, MASK
    )
    path = glove(tmp_path / "v.txt", {"bad": [1.0, 0.0], "Bad": [0.0, 1.0]})
    table = vectors("file", words, 2, vectors_file=path)
    assert table[3, 0] == 0 < table[3, 1] and table[4, 1] == 0 < table[4, 0]
    assert table[5].all()  # a piece from inside a word is no word: random


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("the 1 2\ngood 1 2 3\n", "Row 2 of v.txt has 3 numbers after its word where 2 were"),
        ("the 1 2\ngood 1\n", "Row 2 of v.txt has 1 numbers after its word where 2 were"),
        ("3 4\nthe 1 2\n", "Row 2 of v.txt has 2 numbers after its word where 4 were"),
        ("the 1 2\nbad 3 4\ngood 1 x\n", r"Row 3 of v.txt \('good'\) holds something that is not a finite number"),
        ("the 1 2\ngood nan 1\n", r"Row 2 of v.txt \('good'\) holds something"),
        ("word,a,b\nthe,1,2\n", "Row 1 of v.txt has 0 numbers"),
        ("a review of films\nand more of it\n", "Row 1 of v.txt"),
        ("zebra 1 2\n", "None of the vocabulary's 8 entries is in v.txt"),
        ("", "None of the vocabulary's 8 entries"),
        ("2 2\nthe \0\0\ufffd\n", "v.txt isn't text"),
    ],
)
def test_a_broken_file_names_the_row(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        vectors("file", vocabulary("words"), 2, vectors_file=str(tmp_path / "v.txt"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KnobError, match="need vectors_file"):
        vectors("file", vocabulary("words"))
    with pytest.raises(DataError, match="nowhere.txt can't be opened"):
        vectors("file", vocabulary("words"), vectors_file=str(tmp_path / "nowhere.txt"))


@pytest.fixture
def toy_teacher(tiny_teacher):
    return load_teacher(str(tiny_teacher), ("bad", "good"), False, Config())


def test_an_unseen_piece_is_read_as_its_nearest_kept_one(toy_teacher):
    pieces = toy_teacher.subword_tokenizer()
    plain = build_vocabulary("pieces", ["a warm film", "the plot"], pieces, toy_teacher.mask_token)
    unseen, kept = pieces.token_to_id("soup"), pieces.token_to_id("warm")
    with torch.no_grad():  # the toy teacher's table is random: make the two neighbours
        table = toy_teacher.model.get_input_embeddings().weight
        table[unseen] = table[kept] * 3
    words = plain.aliased(nearest(plain, toy_teacher))
    assert plain.ids(["soup"], 8) == [[plain.unk]]
    assert words.ids(["soup"], 8) == words.ids(["warm"], 8) != [[words.unk]]
    assert words.ids(["a warm film [MASK]"], 8) == plain.ids(["a warm film [MASK]"], 8)
    assert words.size == plain.size


def test_aliases_survive_saving(toy_teacher, tmp_path):
    plain = build_vocabulary("pieces", ["a warm film"], toy_teacher.subword_tokenizer(), toy_teacher.mask_token)
    words = plain.aliased(nearest(plain, toy_teacher))
    words.save(tmp_path)
    assert Vocabulary.load(tmp_path).ids(["a tasty soup"], 8) == words.ids(["a tasty soup"], 8)
