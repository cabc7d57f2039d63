"""What machine this is: whether strangers use it, and how much memory its processes held."""

import os
import sys


def public_host() -> bool:
    """Whether strangers do, as on a Hugging Face Space: what is typed is then never taken for a path of the machine,
    pickles are never read, and only who has a run's id sees it."""
    return bool(os.environ.get("SPACE_ID"))


def peak_memory() -> int | None:
    """The most bytes that this process ever held, None where the system doesn't tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
