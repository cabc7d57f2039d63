"""Workers of runs, in a process of their own or in a thread: they iterate the pipeline and send its events.

Knows nothing of the store. `start` makes a worker, `receive` returns its events, `ask_stop` or `kill` ends it.
"""

from distill_core.runs.job import Job, Worker
from distill_core.runs.process_worker import ProcessWorker
from distill_core.runs.thread_worker import ThreadWorker


def start(job: Job, thread: bool) -> Worker:
    """Start a worker for the job and return while it works."""
    return ThreadWorker(job) if thread else ProcessWorker(job)
