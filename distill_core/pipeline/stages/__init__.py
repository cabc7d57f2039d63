"""Stages of a run, a module each."""
