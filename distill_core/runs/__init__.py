"""Runs: their store, their queue, the workers that compute them, and runs as files."""
