"""The fingerprint: which daemon this is, for whoever talks to it. The same for daemon, console and command
line.

Pure. Two daemons have two, on one machine as on many; a daemon keeps its own as long as it stays where it is.
"""

from __future__ import annotations

import hashlib

LETTERS = 12


def fingerprint(machine_id: str, data_dir: str) -> str:
    """Of the daemon of this data directory (absolute).

    The machine's id is not to be shown as it is. Source: machine-id(5).
    """
    return hashlib.sha256(f"runwisp:{machine_id}:{data_dir}".encode(errors="surrogateescape")).hexdigest()[
        :LETTERS
    ]
