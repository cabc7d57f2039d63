"""The list of runs is never opened on a disk of the network."""

from pathlib import Path

import pytest

from distill_core.errors import UserError
from distill_core.runs import network_disk
from distill_core.runs.network_disk import network_file_system
from distill_core.runs.store import Store

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:44 / /home rw,relatime shared:9 master:2 - nfs4 server:/export/home rw,vers=4.2
31 30 254:3 / /home/ana/local rw - xfs /dev/vdb rw
32 22 0:50 / /data rw - fuse mountpoint-s3 rw,user_id=0
33 22 0:51 / /mnt/my\040drive rw - fuse.rclone remote: rw
34 22 0:52 / /mnt/plain rw - fuse.gocryptfs /dev/crypt rw
35 22 0:53 / /mnt/usb rw - fuseblk /dev/sda1 rw
36 22 0:54 / /srv rw - overlay overlay rw
37 36 0:55 / /srv rw - cifs //server/share rw
damaged line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/tmp/x", None), ("/home/ana/.local/share/stillroom", "nfs4"), ("/home/ana/local/stillroom", None),
        ("/homework", None), ("/data/runs", "fuse"), ("/mnt/my drive/x", "fuse.rclone"), ("/mnt/plain/x", None),
        ("/mnt/usb/x", None), ("/srv/x", "cifs"), (r"\\server\share\x", "UNC"),
    ],
)  # fmt: skip
def test_a_disk_of_the_network_is_known_by_its_file_system(folder: str, kind: str | None) -> None:
    assert network_file_system(Path(folder), MOUNTS) == kind


def test_a_link_into_a_network_disk_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/data")
    assert network_file_system(tmp_path / "link" / "home", MOUNTS) == "fuse"


def test_a_store_there_is_refused_with_the_reason_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:44 / {tmp_path} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr(network_disk, "MOUNTS", mounts)
    for reading in (False, True):
        with pytest.raises(UserError, match=r"lies on a disk of the network \(nfs4\).*Set STILLROOM_HOME"):
            Store(tmp_path / "home", reading=reading)
    assert not (tmp_path / "home").exists()


def test_this_machine_has_a_disk_of_its_own(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) is None
    assert network_file_system(Path("/nowhere"), "") is None
