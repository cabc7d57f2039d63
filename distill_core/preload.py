"""What the fork server loads once, so that each worker starts in a moment. Imported there and nowhere else."""

import contextlib
import signal

# Ctrl-C reaches every process of the terminal; only the one that the person talks to decides what it means.
signal.signal(signal.SIGINT, signal.SIG_IGN)

# A broken installation must be told by the run that meets it, not by a fork server that can't start.
with contextlib.suppress(Exception):
    import distill_core.pipeline  # noqa: F401
