"""Training loop for teacher and student alike. Knows no teacher, no student and no text."""
