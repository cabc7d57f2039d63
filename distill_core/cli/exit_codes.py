"""Exit codes of the command line."""

DONE, BUG, INPUT, STOPPED = 0, 1, 2, 130
