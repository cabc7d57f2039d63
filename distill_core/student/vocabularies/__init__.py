"""Vocabularies of students that are networks of their own. A component is a file with a class `Vocabulary`; an exported
student has a copy of it, as vocabulary.py, so it imports neither torch nor Stillroom."""
