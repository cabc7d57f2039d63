"""Distillation: the transfer set, the teacher's soft labels, and the students that learn from both."""
