"""The student: its network, vocabulary and starting vectors, and the folder that it is exported to."""
