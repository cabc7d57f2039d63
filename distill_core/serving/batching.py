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
MOST_WAITING = 4_096  # rows that wait for a student's answer; beyond, requests are turned away


class Busy(Exception):
    """So many rows wait already that another request would wait too long."""


class Batcher(Generic[T]):
    """Awaitable face of a function from rows to one answer each, which a thread of its own computes."""

    def __init__(self, answer: Callable[[list[Row]], list[T]], most_waiting: int = MOST_WAITING):
        """A batcher of that function, with at most so many rows waiting, or one request of more; it answers as long as
        `run` runs."""
        self._answer, self._most_waiting = answer, most_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stillroom-serve")
        self._asked: asyncio.Queue[tuple[list[Row], asyncio.Future[list[T]]]] = asyncio.Queue()
        self.waiting = self.batches = self.rows = 0

    async def __call__(self, rows: list[Row]) -> list[T]:
        """One answer a row. Raises Busy, and what the function raises."""
        if self.waiting and self.waiting + len(rows) > self._most_waiting:
            raise Busy
        future: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()
        self.waiting += len(rows)  # until they are computed, whether or not who asked has gone meanwhile
        self._asked.put_nowait((rows, future))
        return await future

    async def run(self) -> None:
        """Answer what is asked, until cancelled."""
        try:
            while True:
                batch = [await self._asked.get()]
                while not self._asked.empty() and sum(len(rows) for rows, _ in batch) < MOST:
                    batch.append(self._asked.get_nowait())
                number = sum(len(rows) for rows, _ in batch)
                wanted = [(rows, future) for rows, future in batch if not future.done()]  # who asked may have gone
                if wanted:
                    await self._compute(wanted)
                self.waiting -= number
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _compute(self, batch: list[tuple[list[Row], "asyncio.Future[list[T]]"]]) -> None:
        rows = [row for rows, _ in batch for row in rows]
        self.batches, self.rows = self.batches + 1, self.rows + len(rows)
        try:
            computed = await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, rows)
        except Exception as error:
            if len(batch) > 1:  # one request's fault is not another's
                for one in batch:
                    await self._compute([one])
                return
            with suppress(asyncio.InvalidStateError):
                batch[0][1].set_exception(error)
            return
        answers = iter(computed)
        for rows, future in batch:
            result = [next(answers) for _ in rows]
            with suppress(asyncio.InvalidStateError):
                future.set_result(result)
