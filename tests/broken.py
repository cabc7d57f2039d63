"""Files as a disk may leave them. A module of its own, so that conftest is imported once."""

from pathlib import Path

BREAKS = ["cut", "empty", "zeros", "gone", "bit in its head", "bit in its middle", "bit in its tail"]


def break_file(file: Path, how: str) -> None:
    """Break a file in one of the ways BREAKS."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    file.unlink()
    if how.startswith("bit"):
        content[{"head": 0, "middle": middle, "tail": -1}[how.split()[-1]]] ^= 1
    elif how == "cut":
        del content[middle:]
    elif how == "empty":
        content.clear()
    elif how == "zeros":
        content[:] = bytes(len(content))
    if how != "gone":
        file.write_bytes(content)
