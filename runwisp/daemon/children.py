"""The living children of this process: whose they are, their signals, their ends.

Knows which pid belongs to which run and which to a sidecar. Decides nothing about them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from signal import Signals

from runwisp import procfs, reaper
from runwisp.daemon.inputs import Exited, LeftoversGone
from runwisp.launch import Launched, Launcher
from runwisp.procfs import Member, Target
from runwisp.reaper import Death
from runwisp.run import Run
from runwisp.task import AnyTask


@dataclass(frozen=True, slots=True)
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
        ends: list[Exited | SidecarExited] = []
        for death in list(reaper.reap()):
            run_id = self._runs.pop(death.pid, None)
            if run_id is None:
                ends.append(SidecarExited(death.pid, death.message))
                continue
            del self._pids[run_id]
            has_left = not procfs.group_is_empty(death.pid) or self._is_output_held(run_id)
            ends.append(Exited(run_id, death.exit_code, death.message, death.usage, has_left))
        return ends

    def signal(self, run_ids: Sequence[str], signum: Signals) -> list[tuple[str, str]]:
        """To all processes of these runs. Gives lines for the logs of runs where that is not allowed."""
        self._signalled.update(self._pids.keys() & run_ids)
        targets = [Target(each, self._pids.get(each, 0), each not in self._pids) for each in run_ids]
        refused = procfs.signal_runs(targets, signum, self._data_dir)
        return [(member.run_id, f"may not send {signum.name} to {_named(member)}") for member in refused]

    def leftovers(self, run_id: str) -> list[str]:
        """A line for each process that a run left behind."""
        members = procfs.members_of({run_id}, self._data_dir)
        return [f"{_named(member)} was left behind and goes on" for member in members]

    def gone(self, run_ids: Iterable[str]) -> list[LeftoversGone]:
        """Which of these runs have no process any more."""
        asked = set(run_ids)
        return [LeftoversGone(run_id) for run_id in asked - self._escaped(asked)]

    def _is_output_held(self, run_id: str) -> bool:
        """POLLHUP on a read end means that no write end is open any more (poll(2), pipe(7))."""
        poll = select.poll()
        fds = tuple(self._fds_of(run_id))
        for fd in fds:
            poll.register(fd, 0)
        return len([fd for fd, events in poll.poll(0) if events & select.POLLHUP]) < len(fds)


def _named(member: Member) -> str:
    return f"process {member.pid} ({member.comm})"
