"""An exported model as a package: pip installs it, no library has its name, its own test tells a changed answer."""

import ast
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from distill_core.evaluation.export import draw_texts, package_name, write_package
from distill_core.student import export, persistence


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("support", "support_student"), ("My tickets (2026)", "my_tickets_2026_student"),
        ("2026-reviews", "my_2026_reviews_student"), ("Größe", "gr_e_student"), ("json", "json_student"),
        ("数据", "my_student"), ("", "my_student"), ("x" * 300, "x" * 40 + "_student"), ("../../etc", "etc_student"),
    ],
)  # fmt: skip
def test_a_package_is_named_after_its_run(title: str, name: str) -> None:
    assert package_name(title, "student") == name and name.isidentifier()


def test_drawn_texts_are_words_and_the_same_each_time() -> None:
    assert draw_texts(["good", "bad", "##ing", "1"], 1) == draw_texts(["1", "bad", "good", "##ing"], 1)
    assert {word for text in draw_texts(["good", "bad", "[CLS]"], 1) for word in text.split()} == {"good", "bad"}  # type: ignore[union-attr]
    assert all(len(pair) == 2 for pair in draw_texts(["good"], 2))


def test_a_hostile_title_is_no_code(tmp_path: Path) -> None:
    write_package(tmp_path, "x_student", '"""\nraise SystemExit("pwned")  # \\ \ud800 "]', ["numpy>=2"], {}, [])
    module = ast.parse((tmp_path / "__init__.py").read_text())
    assert [type(node) for node in module.body] == [ast.Expr, ast.If, ast.Assign]
    import tomllib

    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["dependencies"] == ["numpy>=2"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A student, and the folder that it was exported to."""
    from student.test_predictor import REPORT, predictor

    place, student = tmp_path_factory.mktemp("package"), predictor()
    persistence.save(student, place / "student")
    report = {**REPORT, "title": "my tickets"}
    return student, export.export(place / "student", place / "my-student", report), place


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options)


def test_pip_installs_an_exported_student(exported: Any) -> None:
    from student.test_predictor import REPORT

    student, folder, place = exported
    target = place / "site"
    done = run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(target), str(folder))
    assert done.returncode == 0, done.stderr
    assert (target / "my_tickets_student" / "py.typed").is_file()
    code = (
        "import json, sys; sys.modules['torch'] = sys.modules['distill_core'] = None\n"
        "from my_tickets_student import load, predict, predict_proba\n"
        "print(json.dumps([predict(['good film', 'plain']).tolist(), predict_proba(['good film', 'plain']).tolist(),"
        " load(threads=2).classes_.tolist()]))"
    )
    done = run("-c", code, cwd=place, env={"PYTHONPATH": str(target), "PATH": ""})
    assert done.returncode == 0, done.stderr
    labels, shares, classes = json.loads(done.stdout)
    assert labels == student.predict(["good film", "plain"]).tolist() and classes == student.labels
    assert shares[0] == pytest.approx(student.predict_proba(["good film"])[0].tolist(), abs=1e-5)
    earlier = folder / "build" / "lib" / "my_tickets_student" / "vocabulary.py"
    assert earlier.parent.is_dir()  # pip left it
    earlier.write_text("")
    again = export.export(place / "student", folder, {**REPORT, "title": "my tickets"})
    assert (again / "pyproject.toml").is_file() and not earlier.exists()


def test_its_server_answers_without_stillroom_and_refuses_what_it_cannot_read(exported: Any) -> None:
    student, folder, place = exported
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import runpy, sys; sys.modules['torch'] = sys.modules['distill_core'] = None; sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    server = subprocess.Popen([sys.executable, "-c", code, str(folder / "server.py"), "--port", str(port)], cwd=place,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as asked:
            assert asked.get("/health").json() == {"status": "ok", "labels": student.labels, "pair": False}
            found = asked.post("/predict", json={"texts": ["good film", "plain"]}).json()["predictions"]
            assert [one["label"] for one in found] == student.predict(["good film", "plain"]).tolist()
            shares = student(["plain"])[0].probabilities
            assert found[1]["probabilities"] == pytest.approx(shares, abs=1e-5)
            assert asked.post("/predict", json={"text": "plain"}).json()["predictions"] == found[1:]
            for content, words in (
                ({}, "Give"), ({"text": "a", "texts": ["b"]}, "Give"), ({"texts": []}, "at least 1"),
                ({"texts": [["a", "b"]]}, "should be one text"), ({"text": "a" * 100_001}, "at most 100000"),
            ):  # fmt: skip
                refused = asked.post("/predict", json=content)
                assert refused.status_code == 422 and words in refused.text
            assert asked.post("/predict", content=b" " * 5_000_001).status_code == 413
            assert asked.get("/health", headers={"host": "elsewhere.example"}).status_code == 400
    finally:
        server.terminate()
        assert server.wait(20) in (0, -signal.SIGTERM)


def test_its_image_has_what_the_server_needs_and_no_more(exported: Any) -> None:
    lines = (exported[1] / "Dockerfile").read_text().splitlines()
    (install,) = [line for line in lines if line.startswith("RUN")]
    first, alone = install.removeprefix("RUN ").split(" && ")
    assert first.endswith("'numpy>=2' 'onnxruntime>=1.20' fastapi uvicorn") and "--no-deps 'tokenizers" in alone
    assert lines[0].count("my-tickets-student") == 2 and 'CMD ["python", "server.py", "--host", "0.0.0.0"]' in lines


def test_its_own_test_passes_and_tells_a_changed_answer(exported: Any) -> None:
    _, folder, place = exported
    assert run("test_answers.py", cwd=folder).returncode == 0
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", cwd=folder)
    assert tested.returncode == 0 and "1 passed" in tested.stdout, tested.stdout
    expected = json.loads((folder / "answers.json").read_text())
    expected[0]["probabilities"] = dict.fromkeys(expected[0]["probabilities"], 0.0)
    (folder / "answers.json").write_text(json.dumps(expected))
    assert "AssertionError" in run("test_answers.py", cwd=folder).stderr
