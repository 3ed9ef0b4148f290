"""One service as it stands: its replicas, each up, on its way up or down, or waiting to be started again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runwisp import replica
from runwisp.clock import Millis, Mono, Wall, spell
from runwisp.daemon.effects import Turn
from runwisp.daemon.processes import Active, Processes, publish_end, start_timer
from runwisp.ids import UlidMaker
from runwisp.replica import ReplicaState
from runwisp.retry import restart_wait
from runwisp.run import NEVER_STARTED, EndReason, Run, Trigger, WaitsFor, drafted, ended
from runwisp.task import Service

UP = frozenset({ReplicaState.STARTING, ReplicaState.RUNNING, ReplicaState.BACKOFF})


@dataclass(slots=True)
class Replica:
    """``run``: the one that runs, or waits in BACKOFF. ``restarts``: since it was last healthy.
    ``starts_again``: a replica in STOPPING is to come up again."""

    index: int
    state: ReplicaState = ReplicaState.STOPPED
    run: Run | None = None
    restarts: int = 0
    starts_again: bool = False

    def become(self, state: ReplicaState) -> None:
        self.state = replica.move(self.state, state)


@dataclass(slots=True)
class ServiceState:
    service: Service
    ids: UlidMaker
    processes: Processes
    replicas: list[Replica] = field(default_factory=list)
    is_stopped: bool = False

    @classmethod
    def stopped(cls, service: Service, ids: UlidMaker, processes: Processes) -> ServiceState:
        replicas = [Replica(index) for index in range(service.instances)]
        return cls(service, ids, processes, replicas, is_stopped=True)

    def start(self, turn: Turn) -> None:
        """Brings up what is down, at once and with a fresh backoff."""
        self.is_stopped = False
        for each in self.replicas:
            each.restarts = 0
            match each.state:
                case ReplicaState.STOPPED:
                    self._start(turn, each, self._draft(turn, each))
                case ReplicaState.STOPPING:
                    each.starts_again = True
                case ReplicaState.STARTING | ReplicaState.RUNNING | ReplicaState.BACKOFF:
                    pass

    def stop(self, turn: Turn, reason: EndReason, why: str) -> None:
        """Takes all replicas down, for good until ``start``."""
        self.is_stopped = True
        for each in self.replicas:
            each.starts_again = False
            match each.state:
                case ReplicaState.STARTING | ReplicaState.RUNNING:
                    assert each.run
                    each.become(ReplicaState.STOPPING)
                    self.processes.stop(turn, each.run.id, reason, why)
                case ReplicaState.BACKOFF:
                    self._end_waiting(turn, each, reason, why)
                case ReplicaState.STOPPING | ReplicaState.STOPPED:
                    pass

    def restart(self, turn: Turn) -> None:
        self.stop(turn, EndReason.STOPPED, "restarted by hand")
        self.start(turn)

    def restore(self, turn: Turn, run: Run) -> bool:
        """Takes up a run that waited for its restart in a former life; False where it has no place."""
        if run.replica_index >= len(self.replicas) or not self.service.autostart:
            return False
        each = self.replicas[run.replica_index]
        if each.run:
            return False
        self._start(turn, each, run)
        return True

    def spawned(self, run_id: str) -> None:
        each = self.replica_of(run_id)
        if each and each.state is ReplicaState.STARTING:
            each.become(ReplicaState.RUNNING)

    def process_gone(self, turn: Turn, active: Active) -> None:
        """The successor does not wait for the output of its predecessor."""
        each = self.replica_of(active.run.id)
        assert each
        each.run = None
        if each.state is not ReplicaState.STOPPING:
            self._back_off(turn, each, active.since)
        elif each.starts_again:
            self._start(turn, each, self._draft(turn, each))
        else:
            each.become(ReplicaState.STOPPED)

    def due(self, turn: Turn, run_id: str) -> None:
        """The wait of a replica is over."""
        each = self.replica_of(run_id)
        if each and each.state is ReplicaState.BACKOFF:
            self._start(turn, each, self._waiting(turn, each))

    def waiting(self) -> list[Run]:
        return [each.run for each in self.replicas if each.run and each.state is ReplicaState.BACKOFF]

    def replica_of(self, run_id: str) -> Replica | None:
        return next((each for each in self.replicas if each.run and each.run.id == run_id), None)

    @property
    def first_run(self) -> Run:
        """Of a service that was just started; one that is still being stopped starts after this run."""
        run = self.replicas[0].run
        assert run
        return run

    @property
    def is_up(self) -> bool:
        return any(each.state in UP for each in self.replicas)

    def _back_off(self, turn: Turn, each: Replica, since: Mono) -> None:
        lived = turn.now.mono - since
        if lived >= self.service.healthy_after:
            each.restarts = 0
        each.restarts += 1
        wait = restart_wait(self.service, each.restarts, lived)
        run = self._draft(turn, each)
        each.become(ReplicaState.BACKOFF)
        if wait:
            self._wait(turn, each, run, wait)
        else:
            self._start(turn, each, run)

    def _wait(self, turn: Turn, each: Replica, run: Run, wait: Millis) -> None:
        each.run = replace(
            run,
            waits_for=WaitsFor.RESTART,
            due_at=Wall(turn.now.wall + wait),
            message=f"restart {each.restarts} after {spell(wait)}",
        )
        turn.save(each.run)
        turn.arm(start_timer(run), wait)

    def _start(self, turn: Turn, each: Replica, run: Run) -> None:
        each.become(ReplicaState.STARTING)
        each.run = self.processes.start(turn, run, self.service)

    def _end_waiting(self, turn: Turn, each: Replica, reason: EndReason, why: str) -> None:
        run = ended(self._waiting(turn, each), reason, NEVER_STARTED, why, turn.now.wall)
        turn.save(run)
        publish_end(turn, run)
        each.become(ReplicaState.STOPPED)
        each.run = None

    def _waiting(self, turn: Turn, each: Replica) -> Run:
        """The run that waits in BACKOFF, its timer taken away."""
        assert each.run
        turn.disarm(start_timer(each.run))
        return each.run

    def _draft(self, turn: Turn, each: Replica) -> Run:
        now = turn.now.wall
        run = drafted(self.ids.next(now), self.service, Trigger.SERVICE, now)
        return replace(run, replica_index=each.index)
