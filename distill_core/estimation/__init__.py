"""Estimate of what a run will cost, and the short measurement behind it."""
