"""Does the model answer here as it did where it was exported? `python test_answers.py` tells.

The texts in answers.json are words of its vocabulary in any order. An exported model has a copy of this file.
"""

import importlib.util
import json
from pathlib import Path

FOLDER = Path(__file__).parent
CLOSE = 1e-3  # other processors add in another order


def test_answers() -> None:
    """Compare the answers with those of the export."""
    spec = importlib.util.spec_from_file_location("predict_here", FOLDER / "predict.py")
    assert spec and spec.loader
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    expected = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
    found = predict.load()([one["text"] for one in expected])
    for one, answer in zip(expected, found, strict=True):
        for label, probability in one["probabilities"].items():
            assert abs(answer.probabilities[label] - probability) < CLOSE, (one["text"], label)


if __name__ == "__main__":
    test_answers()
    print("It answers as it did where it was exported.")
