"""Recovery of runs whose process died."""

import contextlib
from pathlib import Path

from filelock import FileLock, Timeout

from distill_core.events import Ended, Note
from distill_core.messages import Message, message
from distill_core.runs.queries import RunRecord
from distill_core.runs.store import Store

TRIES = 3  # automatic resumes of one run


def recover_orphans(store: Store, adopter: str | None = None) -> None:
    """Recover runs whose owner is dead: running becomes interrupted, stopping becomes stopped. With an
    `adopter` such runs are queued again for it, in their old order, unless they used up their tries."""
    for row in sorted(store.runs(10_000, status=("running", "stopping", "queued", "interrupted")), key=queue_order):
        if row.owner == adopter or is_alive(store, row.owner):
            continue
        if row.status == "stopping":
            store.append(
                row.id,
                [
                    Ended(
                        "stopped",
                        message("The app ended while the run was stopping. What is on disk stays there."),
                    )
                ],
            )
        elif row.status == "running":
            reason = message("The app died{where}; the run is interrupted.", where=stage_phrase(row))
            interrupt(store, row, reason, adopter)
        elif adopter and row.status == "queued":
            store.transition(row.id, {"queued"}, "queued", owner=adopter)
        elif adopter and row.tries < TRIES and not row.origin:
            store.transition(row.id, {"interrupted"}, "queued", owner=adopter, tries=row.tries + 1, message="")
    owners(store)


def owners(store: Store) -> list[str]:
    """Processes that live and may run what they have queued. Removes the files of the dead."""
    found = [file.name.removeprefix("owner-") for file in (store.home / "locks").glob("owner-*")]
    return [owner for owner in found if is_alive(store, owner)]


def stage_phrase(row: RunRecord) -> str:
    """Phrase that names the stage of a run, "" before its first."""
    return message(" in the stage '{name:stage}'", name=row.stage) if row.stage else ""


def interrupt(store: Store, row: RunRecord, reason: Message, owner: str | None) -> None:
    """Interrupt a run, or queue it again where there is an owner to run it and it has tries left."""
    if row.tries >= TRIES:
        reason = message("{what} It was resumed {n:time|times} by itself and isn't resumed again: resume it by hand to "
                         "go on.", what=reason, n=row.tries)  # fmt: skip
    if owner and row.tries < TRIES:
        if store.transition(row.id, {"running"}, "queued", owner=owner, tries=row.tries + 1):
            store.append(row.id, [Note(message("{what} It resumes by itself.", what=reason), "warning")])
    elif store.transition(row.id, {"running"}, "interrupted", message=reason):
        store.append(row.id, [Note(reason, "warning")])


def is_alive(store: Store, owner: str) -> bool:
    """Whether the process that owns a run lives. Asks the kernel, through a lock, not a pid or a clock."""
    file = life_file(store, owner)
    if not owner or not file.exists():
        return False
    lock = FileLock(file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    with contextlib.suppress(OSError):
        file.unlink()
    return False


def queue_order(row: RunRecord) -> int:
    """Order of a run in the queue, as a sort key."""
    return row.ticket


def life_file(store: Store, owner: str) -> Path:
    """Lock file that an owner holds for life."""
    return store.home / "locks" / f"owner-{owner}"
