"""Who may reach this app. Knows nothing of what follows from it."""

import os


def public_host() -> bool:
    """Whether strangers do, as on a Hugging Face Space: what is typed is then never taken for a path of the machine,
    pickles are never read, and a run's id is the key to it."""
    return bool(os.environ.get("SPACE_ID"))
