"""Questions to models on a public host, which a process of its own answers: one that takes too long ends with that
process, and the next visitor is answered by a new one. On one's own machine, in scripts and on the command line they
are answered in place.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from distill_core.api.session import session
from distill_core.bounded import MB, Budget

QUESTION = Budget(seconds=20, memory=6_000 * MB, wall=300)  # of the first one also loading, perhaps a download
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
