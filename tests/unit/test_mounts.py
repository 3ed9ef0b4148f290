"""The mount table as the kernel writes it."""

from __future__ import annotations

from runwisp.mounts import local_mounts

TABLE = rb"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:40 / /srv/my\040files rw shared:1 master:2 - nfs4 host:/x rw
41 27 0:41 / /home rw - fuse.sshfs me@host: rw
42 41 0:42 / /home rw - xfs /dev/vdb rw
43 27 0:43 / /new rw - newfs none rw
""".lstrip()


def test_only_known_local_types_are_local() -> None:
    assert local_mounts(TABLE) == {
        "/proc": False,
        "/": True,
        "/srv/my files": False,
        "/home": True,
        "/new": False,
    }
