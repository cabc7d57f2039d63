"""Answers to rows that come together, computed together: while one batch is computed, the next one gathers.

So a request that comes alone waits for nobody, and many at once share the cost of a pass through the network.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

Row = tuple[str, ...]
T = TypeVar("T")
MOST = 256  # rows of a batch, as a student is asked elsewhere; one request may have more
MOST_WAITING = 4_096  # rows that wait for an answer; beyond, requests are turned away


class Busy(Exception):
    """So many rows wait already that another request would wait too long."""


class Batcher(Generic[T]):
    """Awaitable face of a function from rows to one answer each, which a thread of its own computes."""

    def __init__(self, answer: Callable[[list[Row]], list[T]]):
        """A batcher of that function; it answers as long as `run` runs."""
        self._answer = answer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stillroom-serve")
        self._asked: asyncio.Queue[tuple[list[Row], asyncio.Future[list[T]]]] = asyncio.Queue()
        self.waiting = self.batches = self.rows = 0

    async def __call__(self, rows: list[Row]) -> list[T]:
        """One answer a row. Raises Busy, and what the function raises."""
        if self.waiting and self.waiting + len(rows) > MOST_WAITING:
            raise Busy
        future: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()
        self.waiting += len(rows)
        self._asked.put_nowait((rows, future))
        try:
            return await future
        finally:
            self.waiting -= len(rows)

    async def run(self) -> None:
        """Answer what is asked, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                batch = [await self._asked.get()]
                while not self._asked.empty() and sum(len(rows) for rows, _ in batch) < MOST:
                    batch.append(self._asked.get_nowait())
                rows = [row for rows, _ in batch for row in rows]
                self.batches, self.rows = self.batches + 1, self.rows + len(rows)
                try:
                    answers = iter(await loop.run_in_executor(self._thread, self._answer, rows))
                    results = [[next(answers) for _ in rows] for rows, _ in batch]
                except Exception as error:
                    for _, future in batch:
                        with suppress(asyncio.InvalidStateError):  # who asked has gone
                            future.set_exception(error)
                else:
                    for (_, future), result in zip(batch, results, strict=True):
                        with suppress(asyncio.InvalidStateError):
                            future.set_result(result)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
