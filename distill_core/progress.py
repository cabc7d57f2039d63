"""Time that a piece of work still takes, judged by its own pace."""

import time


class TimeLeft:
    """Seconds that work of `total` units still takes, if it goes on at the pace it had since this was made. Units
    that were `done` before say nothing of that pace."""

    def __init__(self, total: float, done: float = 0):
        self._total, self._before, self._start = total, done, time.monotonic()

    def after(self, done: float) -> float | None:
        """Seconds left once `done` units are done; None where none was done since this was made."""
        fresh = done - self._before
        return (time.monotonic() - self._start) / fresh * (self._total - done) if fresh > 0 else None
