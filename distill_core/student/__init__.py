"""The student: its network, vocabulary, starting vectors, and the folder that is taken home."""
