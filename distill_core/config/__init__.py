"""A run's configuration: its knobs, their presets, and the messages on values that don't fit."""
