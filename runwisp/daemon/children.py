"""The living children of this process: whose they are, their signals, their ends.

Knows which pid belongs to which run and which to a sidecar. Decides nothing about them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
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
    """``fds_of`` gives the read ends of a run's output, which tell whether someone still has the others.

    ``_left``: runs that something outlived, until that was named, killed or gone.
    """

    def __init__(self, launcher: Launcher, data_dir: str, fds_of: Callable[[str], Iterable[int]]) -> None:
        self._launcher = launcher
        self._data_dir = data_dir
        self._fds_of = fds_of
        self._runs: dict[int, str] = {}
        self._pids: dict[str, int] = {}
        self._signalled: set[str] = set()
        self._left: dict[str, Target] = {}

    def launch(self, definition: AnyTask, run: Run) -> Launched:
        """Raises: LaunchError."""
        launched = self._launcher.launch(definition, run)
        self._runs[launched.pid] = run.id
        self._pids[run.id] = launched.pid
        return launched

    def reap(self) -> list[Exited | SidecarExited | LeftoversGone]:
        """Everything that has ended: runs, sidecars, and orphans that came to us, which pass for these; and
        those runs that had left something of which nothing is left now.

        What a run left is looked for once all are reaped: a member of its group that ended with it is gone by
        then, and would not be told of again. Then its number is still that of its session, if there is any.
        """
        held = {each.pid: each.run_id for each in self._left.values() if procfs.has_session(each)}
        former = set(self._left)
        deaths = list(reaper.reap())
        ended = {death.pid: self._runs.pop(death.pid) for death in deaths if death.pid in self._runs}
        lasting = {run_id for pid, run_id in ended.items() if self._has_left(pid, run_id)}
        for pid, run_id in ended.items():
            del self._pids[run_id]
            if run_id in lasting or run_id in self._signalled:
                self._left[run_id] = Target(run_id, pid, is_reaped=True)
        self._signalled.difference_update(ended.values())
        gone = self._look(held | ended, lasting)
        exits = [self._end(death, ended.get(death.pid)) for death in deaths]
        return [*exits, *(LeftoversGone(run_id) for run_id in gone & former)]

    def signal(self, run_ids: Sequence[str], signum: Signals) -> list[tuple[str, str]]:
        """To all processes of these runs. Gives lines for the logs of runs where that is not allowed."""
        self._signalled.update(self._pids.keys() & run_ids)
        refused = procfs.signal_runs([self._target(each) for each in run_ids], signum, self._data_dir)
        if signum is Signals.SIGKILL:
            for run_id in run_ids:
                self._left.pop(run_id, None)
        return [(member.run_id, f"may not send {signum.name} to {_named(member)}") for member in refused]

    def leftovers(self, run_ids: Collection[str]) -> list[tuple[str, str]]:
        """A line for each process that these runs left behind, with whose log it is for. They are no concern
        of ours from then on."""
        left = [self._left.pop(run_id) for run_id in run_ids if run_id in self._left]
        sessions = {each.pid: each.run_id for each in left if procfs.has_session(each)}
        members = procfs.members_of(run_ids, self._data_dir, sessions) if run_ids else []
        return [(member.run_id, f"{_named(member)} was left behind and goes on") for member in members]

    def _target(self, run_id: str) -> Target:
        if pid := self._pids.get(run_id):
            return Target(run_id, pid, is_reaped=False)
        return self._left.get(run_id) or Target(run_id, 0, is_reaped=True)

    def _end(self, death: Death, run_id: str | None) -> Exited | SidecarExited:
        if run_id is None:
            return SidecarExited(death.pid, death.message)
        return Exited(run_id, death.exit_code, death.message, death.usage, run_id in self._left)

    def _has_left(self, pid: int, run_id: str) -> bool:
        """Whether something that can be seen without looking at every process outlived a run's first."""
        return not procfs.group_is_empty(pid) or self._is_output_held(run_id)

    def _look(self, sessions: Mapping[int, str], lasting: set[str]) -> set[str]:
        """Finds anew what is left of each run, wherever it went: a stop has to reach it. Gives the runs of
        which nothing is; of those ``lasting`` something is, if only its end was not told yet."""
        if not self._left:
            return set()
        members = procfs.members_of(self._left.keys(), self._data_dir, sessions)
        gone = self._left.keys() - {member.run_id for member in members} - lasting
        known: dict[int, list[Member]] = {}
        for member in members:
            known.setdefault(member.sid, []).append(member)
        self._left = {
            run_id: replace(target, known=known.get(target.pid, ()))
            for run_id, target in self._left.items()
            if run_id not in gone
        }
        return gone

    def _is_output_held(self, run_id: str) -> bool:
        """POLLHUP on a read end means that no write end is open any more (poll(2), pipe(7))."""
        poll = select.poll()
        fds = tuple(self._fds_of(run_id))
        for fd in fds:
            poll.register(fd, 0)
        return len([fd for fd, events in poll.poll(0) if events & select.POLLHUP]) < len(fds)


def _named(member: Member) -> str:
    return f"process {member.pid} ({member.comm})"
