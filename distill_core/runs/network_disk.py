"""Whether a folder lies on a disk of the network, where SQLite's list of runs would be damaged.

Its write-ahead log is memory that processes share, and its locks are those of the system: neither reaches another
machine, and a bucket that is mounted (FUSE) has no locks at all (sqlite.org, "Write-Ahead Logging", section 1; "How To
Corrupt An SQLite Database File", section 2).
"""

import os
import re
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # Linux alone has it
NETWORK = frozenset((
    "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "pvfs2", "smb3",
    "smbfs",
))  # fmt: skip
# What FUSE mounts of this machine's own disks; whatever else it mounts is a bucket or another machine.
LOCAL_FUSE = frozenset((
    "fuseblk", "fuse.bindfs", "fuse.cryfs", "fuse.encfs", "fuse.exfat", "fuse.fuse-overlayfs", "fuse.gocryptfs",
    "fuse.grpcfuse", "fuse.mergerfs", "fuse.ntfs-3g", "fuse.osxfs", "fuse.unionfs", "fuse.vmhgfs-fuse", "fuse.zfs",
))  # fmt: skip


def network_file_system(folder: Path, mounts: str | None = None) -> str | None:
    """Name of the network's file system that a folder lies on.

    Args:
        folder: An absolute path; it need not exist yet.
        mounts: The text of /proc/self/mountinfo; None reads it.

    Returns:
        Its name, such as nfs4 or fuse.rclone; None for a disk of this machine, and where the system doesn't say.
    """
    if str(folder).startswith("\\\\"):  # Windows: \\server\share
        return "UNC"
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    with suppress(OSError):
        folder = Path(os.path.realpath(folder))
    found, depth = "", 0
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" ")[4:5], after.split(" ")[0]
        # the last one of a place lies on top
        if place and len((root := Path(_unescaped(place[0]))).parts) >= depth and folder.is_relative_to(root):
            found, depth = kind, len(root.parts)
    fuse = found == "fuse" or found.startswith("fuse.")
    return found if found in NETWORK or (fuse and found not in LOCAL_FUSE) else None


def _unescaped(place: str) -> str:
    """A mount's place, of which blanks and the like are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)
