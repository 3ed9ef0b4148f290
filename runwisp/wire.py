"""What daemon and pump say to each other, and pump and web.

The packets they travel in are ``packet``'s, the link that carries them ``link``'s.
"""

from __future__ import annotations

from runwisp.frozen import frozen
from runwisp.packet import Kinds, kinds_of


@frozen
class Hello:
    """First word of the daemon: where logs lie (absolute) and how much disk is to stay free (0 = off).
    ``is_copy_raw``: a terminal gets every escape sequence in what `exec` copies to it.
    """

    logs_dir: str
    min_free_space: int
    is_copy_raw: bool = False


@frozen
class Open:
    """Take over the output of a run. Carries the read ends of its stdout and stderr, in this order, or no
    fd at all for a run that has only system lines; for `exec` two more, where a copy of each goes.

    ``is_resumed``: another pump read this run before; go on in its files and mark the gap. ``is_drained``: it
    told of the end, too; only count what still comes, as the files may have been removed since.
    ``meta`` is the JSON object kept in the run's .meta file while it runs.
    """

    run_id: str
    task_name: str
    log_stem: str
    log_max_size: int
    log_on_full: str
    is_resumed: bool
    meta: str
    is_drained: bool = False


@frozen
class SystemLine:
    """A line of the daemon's own for the log of a run, without prefix and newline."""

    run_id: str
    text: str


@frozen
class Exited:
    """The process of a run has ended: drain what its pipes still hold, finalise its files with ``meta``."""

    run_id: str
    meta: str


@frozen
class Remove:
    """Delete all files of these logs, given as ``<task_name>/<log_stem>``; answered by ``Removed``."""

    ticket: int
    logs: tuple[str, ...]


@frozen
class Followers:
    """Beside it the pump's end of a link with web, in the place of any former one."""


@frozen
class Renamed:
    """The name of a log was taken; the run's files are below this stem instead."""

    run_id: str
    log_stem: str


@frozen
class Drained:
    """Answer to ``Exited``: the log is complete and on disk. ``is_held``: some process still holds a pipe;
    what it prints is counted, not kept, and told with ``Closed``. Otherwise that does not follow, and the
    daemon may let go of its duplicates."""

    run_id: str
    log_lines: int
    log_bytes: int
    log_dropped_lines: int
    log_disk_bytes: int
    is_held: bool


@frozen
class Closed:
    """Both pipes of a drained run that were held are closed; the daemon may let go of its duplicates.
    ``late_lines`` came after the run was drained and were dropped."""

    run_id: str
    late_lines: int


@frozen
class Overflowed:
    """A log with ``log_on_full = "kill_task"`` reached its cap."""

    run_id: str


@frozen
class Pressure:
    """Lines of this run are dropped since the disk is (nearly) full or does not take them; once a run."""

    run_id: str
    free_bytes: int
    min_free_bytes: int
    why: str


@frozen
class Removed:
    """``failure``: what kept the pump from removing one of the logs; empty when all are gone."""

    ticket: int
    failure: str


# What web and pump say to each other


@frozen
class Follow:
    """Say once when the log of this run, which may not be open yet, has a finished line after this one. Takes
    the place of what was asked of the run before."""

    run_id: str
    line: int


@frozen
class Unfollow:
    run_id: str


@frozen
class Grew:
    """``line``: the number of the last finished line."""

    run_id: str
    line: int


ToPump = Hello | Open | SystemLine | Exited | Remove | Followers
FromPump = Renamed | Drained | Closed | Overflowed | Pressure | Removed
FromFollowers = Follow | Unfollow

TO_PUMP: Kinds[ToPump] = kinds_of(Hello, Open, SystemLine, Exited, Remove, Followers)
FROM_PUMP: Kinds[FromPump] = kinds_of(Renamed, Drained, Closed, Overflowed, Pressure, Removed)
FROM_FOLLOWERS: Kinds[FromFollowers] = kinds_of(Follow, Unfollow)
TO_FOLLOWERS: Kinds[Grew] = kinds_of(Grew)
"""What arrives at each end of the links."""
