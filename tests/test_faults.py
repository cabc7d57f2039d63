"""Faults of the machine, in the words of the libraries that meet them."""

import errno
from pathlib import Path

import pytest

from distill_core.faults import disk_code, explain_fault, is_out_of_memory, writing

FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    Exception("database or disk is full"),
]
TOO_LARGE = [
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to "
                 "allocate 400000000 bytes. Error code 12 (Cannot allocate memory)"),
    RuntimeError("could not create a primitive"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
]  # fmt: skip


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_full_disk_is_named_with_what_was_needed(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, writing(tmp_path / "new" / "file", 5_000_000):
        raise error
    said = explain_fault(raised.value, tmp_path.parent)
    assert said and f"The disk that holds {tmp_path} is full" in said and "at least 5.0 MB more" in said


def test_an_entry_that_is_half_written_needs_what_it_has_by_then(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full") as raised, writing(tmp_path):
        (tmp_path / "part").write_bytes(bytes(3_000_000))
        raise OSError(errno.ENOSPC, "full")
    assert "at least 3.0 MB more" in str(explain_fault(raised.value, tmp_path))


@pytest.mark.parametrize(("code", "what"), [(errno.EIO, "fails"), (errno.EROFS, "can only be read")])
def test_other_faults_of_a_disk_are_named_too(code: int, what: str, tmp_path: Path) -> None:
    try:
        try:
            raise OSError(code, "a fault")
        except OSError as error:
            raise RuntimeError("a library's own") from error
    except RuntimeError as error:
        assert f"The disk that holds {tmp_path} {what}" in str(explain_fault(error, tmp_path))


@pytest.mark.parametrize("error", TOO_LARGE, ids=lambda error: str(error)[-30:])
def test_memory_that_is_refused_is_known_and_counted(error: Exception, tmp_path: Path) -> None:
    said = str(explain_fault(error, tmp_path, 1_500_000_000))
    assert "The run is out of memory: it had taken 1,500 MB" in said
    figures = {"400000000": "400 MB more", "2.00 GiB": "2,147 MB more"}
    assert all(shown in said for figure, shown in figures.items() if figure in str(error))


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.ENOENT, "not there"), RuntimeError("size mismatch")])
def test_a_bug_is_no_fault_of_the_machine(error: Exception, tmp_path: Path) -> None:
    assert disk_code(error) is None and not is_out_of_memory(error) and explain_fault(error, tmp_path) is None
