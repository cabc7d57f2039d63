"""The words of the page, by key: one table a language in `ui/languages/`, a file each, with the same keys.

`say("key", n=3)` fills the braces. Knows nothing of components; words that belong to a knob or to a part on a shelf
stand where those are declared.
"""

from typing import Any

from ui.languages.en import WORDS


def say(key: str, **values: Any) -> str:
    """The words under `key`, its braces filled from `values`."""
    return WORDS[key].format(**values) if values else WORDS[key]
