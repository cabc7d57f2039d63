"""Questions to models on a public host, which a process of its own answers: one that takes too long ends with that
process, and the next visitor is answered by a new one. What reads or writes a whole file has such a process for itself,
so that nobody waits for another's file. On one's own machine, in scripts and on the command line all are answered in
place.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from distill_core.api.session import session
from distill_core.bounded import MB, Budget

QUESTION = Budget(seconds=20, memory=6_000 * MB, wall=300)  # of the first one also loading, perhaps a download
FILE = Budget(seconds=120, memory=6_000 * MB, wall=600)  # 5,000 rows, of which a teacher may answer each
P = ParamSpec("P")
T = TypeVar("T")


def question(function: Callable[P, T]) -> Callable[P, T]:
    """The function as a question: all that it is given and gives can be pickled."""

    def ask(work: Callable[[], T]) -> T:
        helper = session.helper()
        return helper.call(work, budget=QUESTION) if helper else work()

    return _isolated(function, ask)


def file_question(function: Callable[P, T]) -> Callable[P, T]:
    """The function as a question about a whole file: all that it is given and gives can be pickled."""

    def ask(work: Callable[[], T]) -> T:
        with contextlib.closing(session.new_helper()) as helper:
            return helper.call(work, budget=FILE)

    return _isolated(function, ask)


def _isolated(function: Callable[P, T], ask: Callable[[Callable[[], T]], T]) -> Callable[P, T]:
    """The function, which a child that `ask` chooses computes where questions are isolated."""

    @functools.wraps(function)
    def asked(*values: P.args, **options: P.kwargs) -> T:
        if not session.isolates_questions():
            return function(*values, **options)
        return ask(functools.partial(asked, *values, **options))  # which the child finds by its name

    return asked
