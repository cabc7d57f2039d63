"""Learn: the method in nine lessons, each with something to move on real outputs. Its own page at /learn."""

from .page import STEPS, build

__all__ = ["STEPS", "build"]
