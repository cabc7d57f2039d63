"""Labelled examples and texts: read, checked, cleaned of leaks and split."""
