"""What must hold in every turn of every history, whatever happens.

Looks at the effects of each input before its rows are kept, and at supervisor and world when a batch has
been carried out. The world is the one that ``history`` plays: its rows are the database, its processes the
machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runwisp.daemon.effects import Effect, EndLog, Publish, SaveRun, SignalRun, Spawn
from runwisp.daemon.supervisor import Supervisor
from runwisp.daemonstate import DaemonState
from runwisp.event import EventKind
from runwisp.run import Phase, Run, WaitsFor
from runwisp.task import OnOverlap
from runwisp.timers import Timer, TimerKind

if TYPE_CHECKING:
    from tests.unit.history import World


class Promises:
    def __init__(self, supervisor: Supervisor, world: World) -> None:
        self.supervisor = supervisor
        self.world = world
        self._stop_signals: Counter[str] = Counter()
        self._spawned: set[str] = set()
        self._ended_logs: set[str] = set()
        self._restored = sum(row.phase is not Phase.ENDED for row in world.rows.values())

    def before(self, effects: Sequence[Effect]) -> None:
        self._rows_are_whole(effects)
        self._rows_move_forward(effects)
        self._a_row_precedes_its_process(effects)
        self._an_end_is_told_once(effects)
        self._a_run_is_asked_once_to_end(effects)
        self._a_log_ends_once(effects)

    def after(self) -> None:
        assert self.supervisor.state is not DaemonState.STARTING
        self._rows_and_machine_agree()
        self._parallelism_is_kept()
        self._replicas_are_single()
        self._queues_are_bounded_and_move()
        self._timers_are_somebody_s()
        self._the_daemon_quits_when_it_may()

    def _rows_move_forward(self, effects: Sequence[Effect]) -> None:
        """An ended row stays as it ended; a running one never waits again."""
        rows = dict(self.world.rows)
        for effect in effects:
            if isinstance(effect, SaveRun):
                new, old = effect.run, rows.get(effect.run.id)
                if old and old.phase is Phase.ENDED:
                    assert (new.phase, new.end_reason, new.exit_code, new.end_at, new.message) == (
                        old.phase,
                        old.end_reason,
                        old.exit_code,
                        old.end_at,
                        old.message,
                    )
                if old and old.phase is Phase.RUNNING:
                    assert new.phase is not Phase.PENDING
                rows[new.id] = new

    def _a_row_precedes_its_process(self, effects: Sequence[Effect]) -> None:
        saved: dict[str, Run] = {}
        for effect in effects:
            match effect:
                case SaveRun(run):
                    saved[run.id] = run
                case Spawn(run):
                    assert saved[run.id] == run
                    assert run.phase is Phase.RUNNING
                    assert run.id not in self._spawned, "a run is started twice"
                    assert self.supervisor.state is not DaemonState.STOPPING
                    self._spawned.add(run.id)
                case _:
                    pass

    def _an_end_is_told_once(self, effects: Sequence[Effect]) -> None:
        expected: Counter[tuple[str, EventKind]] = Counter()
        rows = dict(self.world.rows)
        for effect in effects:
            match effect:
                case SaveRun(run):
                    was_ended = run.id in rows and rows[run.id].phase is Phase.ENDED
                    if run.phase is Phase.ENDED and not was_ended and run.meaning.event:
                        expected[run.id, run.meaning.event] += 1
                    rows[run.id] = run
                case Spawn(run):
                    expected[run.id, EventKind.RUN_STARTED] += 1
                case _:
                    pass
        told = Counter(
            (effect.event.run_id, effect.event.kind)
            for effect in effects
            if isinstance(effect, Publish) and effect.event.run_id
        )
        for key in list(told):
            if key[1] is EventKind.LOG_DISK_PRESSURE:
                del told[key]
        assert told == expected

    def _a_run_is_asked_once_to_end(self, effects: Sequence[Effect]) -> None:
        rows = self.world.rows | {
            effect.run.id: effect.run for effect in effects if isinstance(effect, SaveRun)
        }
        for effect in effects:
            if isinstance(effect, SignalRun):
                definition = self.supervisor.definitions[rows[effect.run_id].task_name]
                if effect.signal is definition.stop_signal:
                    self._stop_signals[effect.run_id] += 1
                    assert self._stop_signals[effect.run_id] == 1

    def _a_log_ends_once(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, EndLog):
                assert effect.run.phase is Phase.ENDED
                assert effect.run.id not in self._ended_logs
                self._ended_logs.add(effect.run.id)

    def _rows_are_whole(self, effects: Sequence[Effect]) -> None:
        for row in (effect.run for effect in effects if isinstance(effect, SaveRun)):
            assert (row.phase is Phase.ENDED) == (row.end_reason is not None) == (row.end_at is not None)
            assert (row.phase is Phase.PENDING) == (row.waits_for is not None)
            assert (row.waits_for in (WaitsFor.RETRY, WaitsFor.RESTART)) == (row.due_at is not None)
            assert row.phase is not Phase.RUNNING or row.start_at is not None

    def _rows_and_machine_agree(self) -> None:
        """No process without a running row, no running row without somebody who will end it."""
        if self.world.quit:
            return
        active = self.supervisor.processes.active
        running = {row.id for row in self.world.rows.values() if row.phase is Phase.RUNNING}
        assert set(self.world.living) <= set(active) == running
        waiting = {run.id for task in self.supervisor.tasks.values() for run in task.queue}
        waiting |= {run_id for task in self.supervisor.tasks.values() for run_id in task.slots}
        waiting |= {
            each.run.id
            for service in self.supervisor.services.values()
            for each in service.replicas
            if each.run
        }
        pending = {row.id for row in self.world.rows.values() if row.phase is Phase.PENDING}
        assert pending == waiting - set(active)

    def _parallelism_is_kept(self) -> None:
        """Chains that wait for a retry count; two attempts of a chain never run beside each other."""
        for name, task in self.supervisor.tasks.items():
            active = [
                run_id
                for run_id, each in self.supervisor.processes.active.items()
                if each.run.task_name == name
            ]
            assert set(active) <= set(task.slots)
            assert len(task.slots) <= task.task.parallelism
            roots = [self._root(run_id) for run_id in task.slots]
            assert len(roots) == len(set(roots))

    def _root(self, run_id: str) -> str:
        while before := self.world.rows[run_id].retry_of_run_id:
            run_id = before
        return run_id

    def _replicas_are_single(self) -> None:
        for name in self.supervisor.services:
            living = [run.replica_index for run in self.world.living.values() if run.task_name == name]
            assert len(living) == len(set(living))

    def _queues_are_bounded_and_move(self) -> None:
        for state in self.supervisor.tasks.values():
            if state.queue and self.supervisor.state is DaemonState.RUNNING:
                assert len(state.slots) == state.task.parallelism, "a run waits beside a free slot"
            limits = {
                OnOverlap.TERMINATE: state.task.parallelism,
                OnOverlap.QUEUE: state.task.queue_max + self._restored,
                OnOverlap.SKIP: self._restored,
            }
            assert len(state.queue) <= limits[state.task.on_overlap]

    def _timers_are_somebody_s(self) -> None:
        lingering = self.supervisor.processes.lingering
        for timer in self.world.armed:
            match timer.kind:
                case TimerKind.TIMEOUT:
                    assert timer.key in self._expected_to_live()
                case TimerKind.KILL:
                    assert timer.key in self._expected_to_live() | lingering
                case TimerKind.START:
                    assert self.world.rows[timer.key].phase is Phase.PENDING
                case _:
                    assert timer.kind is TimerKind.SHUTDOWN
                    assert self.supervisor.state is DaemonState.STOPPING
        if self.supervisor.state is DaemonState.RUNNING:
            for row in self.world.rows.values():
                if row.due_at is not None:
                    assert Timer(TimerKind.START, row.id, row.task_name) in self.world.armed

    def _expected_to_live(self) -> set[str]:
        """Runs whose process lives, or is said to have been started in this very turn."""
        active = self.supervisor.processes.active
        return {run_id for run_id, each in active.items() if each.run.phase is Phase.RUNNING}

    def _the_daemon_quits_when_it_may(self) -> None:
        if self.world.quit:
            assert self.supervisor.state is DaemonState.STOPPING
            assert set(self.world.living) <= set(self.world.quit.abandoned)
        elif self.supervisor.state is DaemonState.STOPPING:
            assert not self.supervisor.processes.is_quiet
