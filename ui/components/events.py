"""Settings of events, and what a handler answers.

A listener is given `**QUICK`, `**HEAVY`, …, so that queue, name for scripts and sign of waiting stand in one place;
`last` and `each` say what becomes of an event that comes while the one before it is answered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gradio.blocks import Block

Settings = Mapping[str, Any]
# What a handler of several outputs answers: each part that it changes, with its value or, as a component, its new
# settings. A part that is left out stays as it is. Where nothing changes the answer is `gr.skip()`: an empty dict would
# be a value to Gradio, and one too few.
Changes = dict[Block, Any]

# An answer out of the store takes no place in the queue, where it would wait behind those that compute.
SCRIPT_QUICK: Settings = MappingProxyType({"queue": False})
# Loading and asking models takes all cores: one at a time, those of the page and of scripts together.
SCRIPT_HEAVY: Settings = MappingProxyType({"concurrency_id": "cpu", "concurrency_limit": 1})

# The page's own events have no name for scripts: their inputs are as many as the form has fields. By itself, for what
# the browser does alone, in `js`.
BROWSER: Settings = MappingProxyType({"api_visibility": "private"})
# Over before a sign of waiting could be read: it would only flicker.
QUICK: Settings = MappingProxyType({**SCRIPT_QUICK, **BROWSER, "show_progress": "hidden"})
HEAVY: Settings = MappingProxyType({**SCRIPT_HEAVY, **BROWSER, "show_progress": "minimal"})
# Where a button or the answer's own place says what is awaited.
SILENT_HEAVY: Settings = MappingProxyType({**HEAVY, "show_progress": "hidden"})

# After a file was handed to a hidden button, whose value it is. The link is made of the answer itself, for the button
# may take it up a moment later than this runs.
DOWNLOAD_JS = """(file) => {
  const link = document.createElement('a')
  link.href = file.url
  link.download = file.orig_name ?? ''
  document.body.append(link)
  link.click()
  link.remove()
}"""


def last(settings: Settings) -> Settings:
    """The settings for an event that must not go unheard: after an answer the event runs once more where it was called
    meanwhile, with what then stands in its inputs. Gradio's page repeats it with all its listeners, so that none of
    them may fill in what a user may be changing."""
    return {**settings, "trigger_mode": "always_last"}


def each(settings: Settings) -> Settings:
    """The settings for an event where every call brings its own question along and all of them are answered, one after
    another."""
    return {**settings, "trigger_mode": "multiple"}
