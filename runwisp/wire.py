"""What daemon and pump say to each other: one message a packet, as JSON.

Pure: turns messages into bytes and back. The link that carries them, and the file descriptors that
travel beside an ``Open``, is in ``link``. A message that is not in the tables is a bug of ours, as both
ends are of one version, and raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """First word of the daemon: where logs lie (absolute) and how much disk is to stay free (0 = off)."""

    logs_dir: str
    min_free_space: int


@dataclass(frozen=True, slots=True)
class Open:
    """Take over the output of a run. Carries the read ends of its stdout and stderr, in this order, or no
    fd at all for a run that has only system lines; for `exec` two more, where a copy of each goes.

    ``is_resumed``: another pump read this run before; go on in its files and mark the gap.
    ``meta`` is the JSON object kept in the run's .meta file while it runs.
    """

    run_id: str
    task_name: str
    log_stem: str
    log_max_size: int
    log_on_full: str
    is_resumed: bool
    meta: str


@dataclass(frozen=True, slots=True)
class SystemLine:
    """A line of the daemon's own for the log of a run, without prefix and newline."""

    run_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process of a run has ended: drain what its pipes still hold, finalise its files with ``meta``."""

    run_id: str
    meta: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete all files of these logs, given as ``<task_name>/<log_stem>``; answered by ``Removed``."""

    ticket: int
    logs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Renamed:
    """The name of a log was taken; the run's files are below this stem instead."""

    run_id: str
    log_stem: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Answer to ``Exited``: the log is complete and on disk. ``is_held``: some process still holds the pipe;
    what it prints is counted, not kept, and told with ``Closed``."""

    run_id: str
    log_lines: int
    log_bytes: int
    log_dropped_lines: int
    log_disk_bytes: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """Both pipes of a drained run are closed; the daemon may let go of its duplicates. ``late_lines`` came
    after the run was drained and were dropped."""

    run_id: str
    late_lines: int


@dataclass(frozen=True, slots=True)
class Overflowed:
    """A log with ``log_on_full = "kill_task"`` reached its cap."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """Lines of this run are dropped since the disk is (nearly) full or does not take them; once a run."""

    run_id: str
    free_bytes: int
    min_free_bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class Removed:
    """``failure``: what kept the pump from removing one of the logs; empty when all are gone."""

    ticket: int
    failure: str


ToPump = Hello | Open | SystemLine | Exited | Remove
FromPump = Renamed | Drained | Closed | Overflowed | Pressure | Removed
Message = ToPump | FromPump

KINDS: dict[str, Callable[..., Message]] = {
    kind.__name__: kind
    for kind in (
        Hello,
        Open,
        SystemLine,
        Exited,
        Remove,
        Renamed,
        Drained,
        Closed,
        Overflowed,
        Pressure,
        Removed,
    )
}


def packed(message: Message) -> bytes:
    values = (getattr(message, name) for name in message.__slots__)
    return json.dumps([type(message).__name__, *values], separators=(",", ":")).encode()


def unpacked(packet: bytes) -> Message:
    kind, *values = json.loads(packet)
    return KINDS[kind](*(tuple(value) if isinstance(value, list) else value for value in values))
