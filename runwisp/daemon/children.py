"""The living children of this process: whose they are, their signals, their ends.

Knows which pid belongs to which run and which to a sidecar. Decides nothing about them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Collection, Iterable, Sequence
from signal import Signals

from runwisp import procfs, reaper
from runwisp.daemon.inputs import Exited, LeftoversGone
from runwisp.frozen import frozen
from runwisp.launch import Launched, Launcher
from runwisp.procfs import Member, Target
from runwisp.reaper import Death
from runwisp.run import Run
from runwisp.task import AnyTask


@frozen
class SidecarExited:
    pid: int
    how: str


class Children:
    """``fds_of`` gives the read ends of a run's output, which tell whether someone still has the others."""

    def __init__(self, launcher: Launcher, data_dir: str, fds_of: Callable[[str], Iterable[int]]) -> None:
        self._launcher = launcher
        self._data_dir = data_dir
        self._fds_of = fds_of
        self._runs: dict[int, str] = {}
        self._pids: dict[str, int] = {}
        self._signalled: set[str] = set()

    def launch(self, definition: AnyTask, run: Run) -> Launched:
        """Raises: LaunchError."""
        launched = self._launcher.launch(definition, run)
        self._runs[launched.pid] = run.id
        self._pids[run.id] = launched.pid
        return launched

    def reap(self) -> list[Exited | SidecarExited]:
        """Everything that has ended: runs, sidecars, and orphans that came to us, which pass for these.

        What a run left is looked for once all are reaped: a member of its group that ended with it is gone by
        then, and would not be told of again.
        """
        deaths = list(reaper.reap())
        ended = [self._runs[death.pid] for death in deaths if death.pid in self._runs]
        for run_id in ended:
            del self._pids[run_id]
        escaped = self._alive(run_id for run_id in ended if run_id in self._signalled)
        self._signalled.difference_update(ended)
        return [self._end(death, escaped) for death in deaths]

    def signal(self, run_ids: Sequence[str], signum: Signals) -> list[tuple[str, str]]:
        """To all processes of these runs. Gives lines for the logs of runs where that is not allowed."""
        self._signalled.update(self._pids.keys() & run_ids)
        targets = [Target(each, self._pids.get(each, 0), each not in self._pids) for each in run_ids]
        refused = procfs.signal_runs(targets, signum, self._data_dir)
        return [(member.run_id, f"may not send {signum.name} to {_named(member)}") for member in refused]

    def leftovers(self, run_ids: Collection[str]) -> list[tuple[str, str]]:
        """A line for each process that these runs left behind, with whose log it is for."""
        members = procfs.members_of(run_ids, self._data_dir) if run_ids else []
        return [(member.run_id, f"{_named(member)} was left behind and goes on") for member in members]

    def gone(self, run_ids: Iterable[str]) -> list[LeftoversGone]:
        """Which of these runs have no process any more."""
        asked = set(run_ids)
        return [LeftoversGone(run_id) for run_id in asked - self._alive(asked)]

    def _end(self, death: Death, escaped: Collection[str]) -> Exited | SidecarExited:
        run_id = self._runs.pop(death.pid, None)
        if run_id is None:
            return SidecarExited(death.pid, death.message)
        has_left = run_id in escaped or not procfs.group_is_empty(death.pid) or self._is_output_held(run_id)
        return Exited(run_id, death.exit_code, death.message, death.usage, has_left)

    def _alive(self, run_ids: Iterable[str]) -> set[str]:
        """Which of these have a living process, wherever it went: a stop has to reach those as well."""
        asked = frozenset(run_ids)
        return {member.run_id for member in procfs.members_of(asked, self._data_dir)} if asked else set()

    def _is_output_held(self, run_id: str) -> bool:
        """POLLHUP on a read end means that no write end is open any more (poll(2), pipe(7))."""
        poll = select.poll()
        fds = tuple(self._fds_of(run_id))
        for fd in fds:
            poll.register(fd, 0)
        return len([fd for fd, events in poll.poll(0) if events & select.POLLHUP]) < len(fds)


def _named(member: Member) -> str:
    return f"process {member.pid} ({member.comm})"
