"""Answers over HTTP with the model of this folder: `python server.py`, or the image that its Dockerfile makes.

POST /predict                {"texts": ["a text", …]}, of a pair [["one", "other"], …]; or {"text": …}
GET  /health, /openapi.json

An exported model has a copy of this file, which needs fastapi and uvicorn beside what predict.py does.
"""

import argparse
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints

FOLDER = Path(__file__).parent
MOST_BYTES = 5_000_000  # of a request
Side = Annotated[str, StringConstraints(max_length=100_000)]
Text = Side | Annotated[list[Side], Field(min_length=2, max_length=2)]


class Question(BaseModel, extra="forbid"):
    """One text or several; of a model of pairs each is a list of two."""

    text: Text | None = None
    texts: Annotated[list[Text], Field(min_length=1, max_length=1_000)] | None = None


class Answer(BaseModel):
    """Answer to one text. `unfamiliar`: the text is unlike what the model learned from, None where that is unknown."""

    label: str
    probabilities: dict[str, float]
    unfamiliar: bool | None = None


class Answers(BaseModel):
    """Answers in the order of the texts."""

    predictions: list[Answer]


def make_app(model: Any, hosts: list[str]) -> FastAPI:
    """App that answers with `model`, the Predictor of predict.py, to requests for these `hosts`; "*" is any."""
    app = FastAPI(title="A model that Stillroom distilled", docs_url=None, redoc_url=None)
    # so that no page of a browser can ask under a name that it points here (DNS rebinding)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    known = "familiarity" in model.settings

    @app.middleware("http")
    async def weigh(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not (length.isdigit() and int(length) <= MOST_BYTES):
            return JSONResponse({"detail": f"A request states its length, of at most {MOST_BYTES:,} bytes."}, 413)
        return await answer(request)

    @app.post("/predict")
    def predict(question: Question) -> Answers:
        texts = [question.text] if question.text is not None else question.texts
        if not texts or (question.text is not None and question.texts is not None):
            raise HTTPException(422, 'Give {"text": a text} or {"texts": [a text, …]}.')
        try:
            found = model(texts)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return Answers(predictions=[
            Answer(label=one.label, probabilities=one.probabilities,
                   unfamiliar=model.unfamiliar(text) if known else None)
            for one, text in zip(found, texts, strict=True)
        ])  # fmt: skip

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "labels": model.labels, "pair": model.settings["pair"]}

    return app


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    given = parser.parse_args()
    spec = importlib.util.spec_from_file_location("predict_here", FOLDER / "predict.py")
    assert spec and spec.loader
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    names = ["127.0.0.1", "localhost"]
    app = make_app(predict.load(), names if given.host in names else ["*"])
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
