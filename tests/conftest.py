"""What every test stands on: no network, no files of the user's, one torch thread, a toy task and a toy teacher."""

import atexit
import csv
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

SANDBOX = Path(tempfile.mkdtemp(prefix="stillroom-tests-"))
atexit.register(shutil.rmtree, SANDBOX, ignore_errors=True)

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    HUB_PORT = probe.getsockname()[1]  # nobody answers here until a test starts tests/fake_hub.py on it

# Read when huggingface_hub, datasets and torch are imported, so they are set before anything of ours is.
os.environ.update(
    STILLROOM_HOME=str(SANDBOX / "home"),
    HF_HOME=str(SANDBOX / "huggingface"),
    HF_ENDPOINT=f"http://127.0.0.1:{HUB_PORT}",
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="passive",
    TOKENIZERS_PARALLELISM="false",
)
for name in (
    "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_TOKEN",
    "SPACE_ID",
    "STILLROOM_AUDIENCE",
    "STILLROOM_MAX_ROWS",
    "STILLROOM_MAX_RUNS",
    "STILLROOM_MAX_RUNS_PER_ADDRESS",
    "STILLROOM_MAX_UPLOAD_MB",
    "STILLROOM_MODELS",
    "STILLROOM_WORKER",
):
    os.environ.pop(name, None)

import pytest  # noqa: E402
from toy import TOY  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with time limits of their own are the long ones, and come first: the last of them would else run alone
    while the other process has nothing left to do."""
    patience: dict[Path, float] = {}
    for item in items:
        for marker in item.iter_markers("timeout"):
            patience[item.path] = max(marker.args[0], patience.get(item.path, 0))
    items.sort(key=lambda item: -patience.get(item.path, 0))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """STILLROOM_HOME: an empty folder for each test."""
    folder = tmp_path / "stillroom-home"
    folder.mkdir()
    monkeypatch.setenv("STILLROOM_HOME", str(folder))
    return folder


@pytest.fixture
def toy_rows() -> list[tuple[str, str]]:
    """Twenty (text, label) rows, labels "good" and "bad", ten each, mixed."""
    rows = [(text, label) for label, texts in TOY.items() for text in texts]
    random.Random(0).shuffle(rows)
    return rows


@pytest.fixture
def toy_csv(tmp_path: Path, toy_rows: list[tuple[str, str]]) -> Path:
    """`toy_rows` as a file with the columns text and label."""
    path = tmp_path / "toy.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *toy_rows])
    return path


@pytest.fixture
def toy_config(toy_csv: Path):
    """A config that runs the toy file in a blink; the teacher is for the test to name."""
    from distill_core.config.schema import Config

    return Config.of(task="file", train=str(toy_csv), text="text", label="label", n_iter=1, neighbours=0, width=8,
                     hidden=8, fc=8, batch=8, epochs=2, evaluations=2, max_tokens=16)  # fmt: skip


@pytest.fixture(scope="session")
def tiny_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer BERT for "bad" and "good" and a word-piece tokenizer of the toy words."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny-teacher")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
    words = sorted({word for texts in TOY.values() for text in texts for word in text.split() if len(word) > 1})
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{letter}" for letter in letters[:36]),
        *words,
    ]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, model_max_length=64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForSequenceClassification(
            BertConfig(
                vocab_size=len(pieces),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
                id2label={0: "bad", 1: "good"},
                label2id={"bad": 0, "good": 1},
            )  # fmt: skip
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of `app`. Who leaves something there takes it away again."""
    return tmp_path_factory.mktemp("app") / "home"


@pytest.fixture(scope="session")
def app(app_home: Path) -> Iterator[str]:
    """The address of an app in a process of its own, with a home of its own: the same for all modules that have none
    of theirs. It serves its actions as tools too, where that can be."""
    from scripts.served import served

    place = app_home.parent
    with served(place, *["--mcp"] * (find_spec("mcp") is not None)) as running:
        yield running.address
    print((place / "log.txt").read_text(errors="replace"))  # pytest shows it where a test failed


@pytest.fixture(scope="session")
def _served_hub():
    """The one server: the Hub's libraries keep their connections, so it outlives every test."""
    from fake_hub import FakeHub

    hub = FakeHub(HUB_PORT)
    hub.start()
    return hub


@pytest.fixture
def fake_hub(_served_hub):
    """An empty Hub (tests/fake_hub.py) where HF_ENDPOINT points."""
    _served_hub.reset()
    yield _served_hub
    _served_hub.reset()


@pytest.fixture(scope="session")
def lively_teacher(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny teacher with stronger weights: as it is drawn it says nearly the same to every text."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny_teacher, tmp_path_factory.mktemp("lively") / "teacher"))
    state = load_file(folder / "model.safetensors")
    save_file(
        {key: value * (10 if value.ndim > 1 else 1) for key, value in state.items()}, folder / "model.safetensors"
    )
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    """Two threads on a busy machine spin against each other."""
    import sys

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
