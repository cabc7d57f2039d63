"""A run in this process, heard to its end. A module of its own, so that conftest is imported once."""

from distill_core.errors import Stopped
from distill_core.pipeline.distill import distill


def run(config, folder, cache, stop=lambda: False):
    """Everything that the run says; a stop that ends it comes last."""
    events = []
    try:
        for event in distill(config, folder, cache, stop):
            events.append(event)
    except Stopped as stopped:
        events.append(stopped)
    return events
