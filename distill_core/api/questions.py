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

    @functools.wraps(function)
    def asked(*values: P.args, **options: P.kwargs) -> T:
        helper = session.helper()
        if helper is None:
            return function(*values, **options)
        return helper.call(functools.partial(asked, *values, **options), budget=QUESTION)

    return asked


def file_question(function: Callable[P, T]) -> Callable[P, T]:
    """The function as a question about a whole file: all that it is given and gives can be pickled."""

    @functools.wraps(function)
    def asked(*values: P.args, **options: P.kwargs) -> T:
        if not session.isolates_questions():
            return function(*values, **options)
        with contextlib.closing(session.new_helper()) as helper:
            return helper.call(functools.partial(asked, *values, **options), budget=FILE)

    return asked
