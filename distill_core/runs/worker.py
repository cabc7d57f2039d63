"""One run, in a process of its own or in a thread: iterates the pipeline and says what it yields.

Knows nothing of the store. A worker is made by `start`, heard with `receive`, and ended with `ask_stop` or `kill`.
"""

from distill_core.runs.job import Job, Worker
from distill_core.runs.process_worker import ProcessWorker
from distill_core.runs.thread_worker import ThreadWorker


def start(job: Job, thread: bool) -> Worker:
    """Starts the run and returns while it works."""
    return ThreadWorker(job) if thread else ProcessWorker(job)
