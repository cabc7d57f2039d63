"""A run's configuration: its knobs, their presets, and what is said of a value that does not fit."""
