"""The history of runs, at /history."""
