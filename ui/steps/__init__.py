"""The five steps of the guided path, one file each."""
