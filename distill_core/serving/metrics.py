"""What a server counts, in the text format that Prometheus reads."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds, upper edges


class Metrics:
    """Requests by model and status, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))

    def count(self, model: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests[model, status] += 1
        self._seconds[model] += seconds
        self._buckets[model][bisect_left(BUCKETS, seconds)] += 1

    def render(self, counters: Mapping[str, Mapping[str, int]], waiting: Mapping[str, int]) -> str:
        """All as text; with further `counters`, by name and model, and the rows that wait."""
        rows = (({"model": model, "status": str(status)}, number) for (model, status), number in self._requests.items())
        lines = _lines("requests_total", "counter", "Answered requests.", rows)
        for name, values in counters.items():
            words = name.removesuffix("_total").replace("_", " ").capitalize()
            lines += _lines(name, "counter", f"{words}.", (({"model": model}, n) for model, n in values.items()))
        lines += _lines("waiting_texts", "gauge", "Texts that wait for their answer.",
                        (({"model": model}, number) for model, number in waiting.items()))  # fmt: skip
        name = "stillroom_request_seconds"
        lines += [f"# HELP {name} Seconds from a request to its answer.", f"# TYPE {name} histogram"]
        for model, counts in self._buckets.items():
            so_far = 0
            for edge, number in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                so_far += number
                lines.append(_line(f"{name}_bucket", {"model": model, "le": edge}, so_far))
            lines.append(_line(f"{name}_sum", {"model": model}, self._seconds[model]))
            lines.append(_line(f"{name}_count", {"model": model}, so_far))
        return "\n".join(lines) + "\n"


def _lines(name: str, kind: str, words: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> list[str]:
    name = f"stillroom_{name}"
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *(_line(name, *row) for row in rows)]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'

    return f"{name}{{{','.join(f'{label}={quoted(text)}' for label, text in labels.items())}}} {value!r}"
