"""Labelled examples and texts: read, checked, kept apart and split."""
