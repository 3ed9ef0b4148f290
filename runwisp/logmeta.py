"""The .log.meta file: the run, what its log counts, and whether it is complete, as one JSON object.

Owns its format and its writing. Read by a next pump to go on, and by whoever rebuilds a lost database.
Called by ``logwriter`` and ``logrecovery``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field

from runwisp.frozen import frozen
from runwisp.logcap import LogTotals
from runwisp.logfile import META, LogFiles

STEP = 256
"""The length is a multiple of this, so that the file can tell its own and seldom grows."""
MOST_BESIDES_RUN = 384
"""Bytes of a note without its run, where every number has twenty digits."""


@dataclass(slots=True)
class Counts:
    """Lines and bytes that the run printed. ``dropped`` lines are among them; ``outdated`` ones among these:
    they were in the log, and went with a file that was dropped."""

    lines: int = 0
    bytes: int = 0
    dropped: int = 0
    outdated: int = 0
    rotations: int = 0

    def totals(self, disk_bytes: int) -> LogTotals:
        return LogTotals(self.lines, self.bytes, self.dropped, disk_bytes)


@frozen(kw_only=True)
class Note:
    """How a log stands. ``offset``: up to where the bytes are counted. ``is_full``: the cap was reached for
    good. ``is_whole``: everything that the run printed until then was read; ``is_final``: nothing comes any
    more. ``disk_bytes``: of all four files."""

    counts: Counts = field(default_factory=Counts)
    next_line: int = 1
    offset: int = 0
    is_full: bool = False
    is_whole: bool = False
    is_final: bool = False
    disk_bytes: int = 0

    @property
    def totals(self) -> LogTotals:
        return self.counts.totals(self.disk_bytes)


def write_note(files: LogFiles, run: str, note: Note) -> tuple[int, bool]:
    """``run``: the JSON object of the run. Gives the bytes of all four files, as far as they can be told, and
    whether the disk took the note."""
    disk_bytes = 0
    with suppress(OSError), files.folder(is_made=True) as folder:
        sizes = files.sizes(folder)
        size = max(sizes.pop(META, 0), -(-(len(run) + MOST_BESIDES_RUN) // STEP) * STEP)
        disk_bytes = sum(sizes.values()) + size
        content = _spelled(run, note, disk_bytes).ljust(size - 1) + b"\n"
        files.overwrite(META, content, folder)
        return disk_bytes, True
    return disk_bytes, False


def read_note(files: LogFiles, run_id: str) -> Note | None:
    """None without a file that can be read, or with that of another run.

    Raises: OSError.
    """
    try:
        meta = json.loads(files.read(META))
        log = meta["log"]
        if meta["run"]["id"] != run_id:
            return None
        return Note(
            counts=Counts(
                lines=log["log_lines"],
                bytes=log["log_bytes"],
                dropped=log["log_dropped_lines"],
                outdated=log["outdated_lines"],
                rotations=log["rotations"],
            ),
            next_line=log["next_line"],
            offset=log["offset"],
            is_full=log["is_full"],
            is_whole=log["is_whole"],
            is_final=meta["finalized"],
            disk_bytes=log["log_disk_bytes"],
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError):
        return None


def _spelled(run: str, note: Note, disk_bytes: int) -> bytes:
    counts = note.counts
    log = {
        "log_lines": counts.lines,
        "log_bytes": counts.bytes,
        "log_dropped_lines": counts.dropped,
        "log_disk_bytes": disk_bytes,
        "outdated_lines": counts.outdated,
        "rotations": counts.rotations,
        "next_line": note.next_line,
        "offset": note.offset,
        "is_full": note.is_full,
        "is_whole": note.is_whole,
    }
    return f'{{"run": {run}, "log": {json.dumps(log)}, "finalized": {json.dumps(note.is_final)}}}'.encode()
