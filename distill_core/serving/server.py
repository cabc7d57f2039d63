"""An HTTP server that answers with students: FastAPI, run by uvicorn, which ends it gracefully.

POST /predict                   {"texts": ["a text", …]}, of a pair [["one", "other"], …]; or {"text": …}
POST /models/{name}/predict     the same of one of several students
GET  /health, /metrics, /openapi.json
"""

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field, StringConstraints
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill_core.environment import LOOPBACK, host_name
from distill_core.errors import UserError
from distill_core.messages import message
from distill_core.serving.batching import Batcher, Busy
from distill_core.serving.metrics import Metrics
from distill_core.serving.models import Model
from distill_core.student.runtime import as_rows

MOST_BYTES = 5_000_000  # of a request
MOST_TEXTS = 1_000  # of a request
MOST_CHARACTERS = 100_000  # of a text
MOST_FOR_TEACHER = 256  # texts that wait for a teacher, which answers some ten in a second where it has no GPU
SECONDS = 60.0  # within which a request is answered
Side = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]
Text = Side | Annotated[list[Side], Field(min_length=2, max_length=2)]


class Question(BaseModel, extra="forbid"):
    """One text or several; of a student of pairs each is a list of two."""

    text: Text | None = None
    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)] | None = None


class Answer(BaseModel):
    """Answer to one text. `unfamiliar`: the text is unlike what the student learned from, None where that is not known.
    `deferred`: the student was less sure than it was asked to be; then the teacher answered, if there is one."""

    label: str
    probabilities: dict[str, float]
    unfamiliar: bool | None = None
    deferred: bool | None = None
    answered_by: str = "student"


class Answers(BaseModel):
    """Answers in the order of the texts."""

    model: str
    predictions: list[Answer]


class _Served:
    """A model with its batchers and its counts."""

    def __init__(self, model: Model):
        self.model = model
        self.student = Batcher(model.answer)
        self.teacher = Batcher(model.cascade.ask_teacher, MOST_FOR_TEACHER) if model.cascade else None
        self.deferred = 0

    async def answer(self, question: Question) -> Answers:
        texts: Sequence[Text] = [question.text] if question.text is not None else question.texts or []
        if not texts or (question.text is not None and question.texts is not None):
            raise HTTPException(422, 'Give {"text": a text} or {"texts": [a text, …]}.')
        try:
            rows = as_rows(texts, self.model.sides)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        found = await self.student(rows)
        threshold = self.model.threshold
        unsure = [i for i, (one, _) in enumerate(found) if threshold is not None and one.probability < threshold]
        self.deferred += len(unsure)
        handed_on = dict.fromkeys(unsure, None)
        if self.teacher and unsure:
            handed_on = dict(zip(unsure, await self.teacher([rows[i] for i in unsure]), strict=True))
        answers = []
        for place, (own, unfamiliar) in enumerate(found):
            teachers = handed_on.get(place)
            given = teachers or own
            if not all(map(math.isfinite, given.probabilities.values())):
                raise HTTPException(500, "An answer is no number, so the weights are damaged. Export the model again.")
            answers.append(Answer(
                label=given.label, probabilities=given.probabilities, unfamiliar=unfamiliar,
                deferred=None if threshold is None else place in handed_on,
                answered_by="teacher" if teachers else "student",
            ))  # fmt: skip
        return Answers(model=self.model.name, predictions=answers)


class _BodyLimit:
    """Middleware that refuses a body of more than MOST_BYTES, whatever its header says."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        brought = 0

        async def counted() -> Message:
            nonlocal brought
            part = await receive()
            brought += len(part.get("body", b""))
            if brought > MOST_BYTES:
                raise HTTPException(413, f"A request has at most {MOST_BYTES:,} bytes. Send fewer texts at once.")
            return part

        await self.app(scope, counted, send)


class _HostCheck:
    """Middleware that answers requests for these hosts alone, or for any where one is "*". (Starlette's own cuts an
    IPv6 address at its first colon.)"""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]):
        self.app, self.hosts = app, {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        host = host_name(asked)
        if scope["type"] != "http" or "*" in self.hosts or host in self.hosts:
            return await self.app(scope, receive, send)
        words = f"This server does not answer to the name {host[:100]!r}. Allow it: --allow-host {host[:100]}"
        await JSONResponse({"error": words}, 400)(scope, receive, send)


def make_app(models: Sequence[Model], hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """App that answers with these models, to requests for these `hosts`: on one's own machine its own names alone, so
    that no page of a browser can ask under a name that it points here (DNS rebinding); "*" for any."""
    served, metrics = {model.name: _Served(model) for model in models}, Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batchers = [batcher for one in served.values() for batcher in (one.student, one.teacher) if batcher]
        running = [asyncio.create_task(batcher.run()) for batcher in batchers]
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    app = FastAPI(
        title="Stillroom", description="Students that Stillroom distilled.", docs_url=None, redoc_url=None,
        lifespan=lifespan,
    )  # fmt: skip
    app.add_middleware(_BodyLimit)
    app.add_middleware(_HostCheck, hosts=hosts)

    @app.exception_handler(StarletteError)
    async def refuse(request: Request, error: StarletteError) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def explain(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        names = [str(part) for part in first["loc"][1:] if not str(part).startswith(("list[", "constrained"))]
        place = "body" if first["type"] == "json_invalid" else ".".join(names) or "body"
        metrics.count(request.path_params.get("name", ""), 422, 0.0)
        return JSONResponse({"error": f"{place[:100]}: {first['msg'][:300]}."}, 422)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": f"The model failed on this text ({type(error).__name__})."}, 500)

    async def answer(name: str, question: Question) -> Answers | JSONResponse:
        if name not in served:
            metrics.count("", 404, 0.0)
            raise HTTPException(404, f"There is no model {name[:100]!r}. There are: {', '.join(served)}.")
        begin, status = time.perf_counter(), 500
        try:
            answers = await asyncio.wait_for(served[name].answer(question), SECONDS)
            status = 200
            return answers
        except HTTPException as error:
            status = error.status_code
            raise
        except (Busy, TimeoutError) as error:
            status = 503
            raise HTTPException(503, "Too many texts wait for an answer. Ask again in a moment.", {"Retry-After": "1"}
                                ) from error  # fmt: skip
        finally:
            metrics.count(name, status, time.perf_counter() - begin)

    @app.post("/predict", response_model=Answers)
    async def predict(question: Question) -> Any:
        if len(served) > 1:
            raise HTTPException(404, f"There are several models: ask /models/NAME/predict of {', '.join(served)}.")
        return await answer(next(iter(served)), question)

    @app.post("/models/{name}/predict", response_model=Answers)
    async def predict_by(name: str, question: Question) -> Any:
        return await answer(name, question)

    @app.get("/health")
    async def health() -> dict[str, object]:
        return {
            "status": "ok",
            "models": {
                name: {"labels": one.model.student.labels, "pair": one.model.sides == 2, "network": one.model.network,
                       "defer": one.model.threshold}
                for name, one in served.items()
            },
        }  # fmt: skip

    @app.get("/metrics", response_class=PlainTextResponse)
    async def counts() -> str:
        each = served.items()
        return metrics.render(
            {
                "texts_total": {name: one.student.rows for name, one in each},
                "batches_total": {name: one.student.batches for name, one in each},
                "deferred_texts_total": {name: one.deferred for name, one in each},
            },
            {name: one.student.waiting + (one.teacher.waiting if one.teacher else 0) for name, one in each},
        )

    return app


def serve(models: Sequence[Model], host: str, port: int, names: Sequence[str] = ()) -> None:
    """Serve until SIGTERM or Ctrl-C, which let what is asked be answered. Where the `host` is not this machine's own,
    requests for any name are answered, or for `names` alone where there are some. Raises UserError where the port is
    not free."""
    import uvicorn

    loopback = host in LOOPBACK or host.startswith("127.")
    hosts = [*LOOPBACK, host, *names] if loopback or names else ["*"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP's, asyncio sends at once what is written; else an answer waits 40 ms for the last one's receipt
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
        except (OSError, OverflowError) as error:
            raise UserError(message("{host} can't be listened on at port {port} ({why}). Choose another: --port 8001.",
                                   host=host, port=str(port), why=str(error))) from error  # fmt: skip
        shown = f"[{host}]" if ":" in host else host
        for model in models:
            address = f"http://{shown}:{place.getsockname()[1]}/models/{model.name}/predict"
            print(f"{address}  {', '.join(model.student.labels)} ({model.network})", flush=True)
        config = uvicorn.Config(make_app(models, hosts), log_level="warning", timeout_graceful_shutdown=30)
        uvicorn.Server(config).run(sockets=[place])
