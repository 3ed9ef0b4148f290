"""Random inputs in random order, with daemons killed and started again: the promises hold throughout."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runwisp.clock import HOUR, MINUTE, SECOND
from runwisp.daemon.inputs import Due, Input, StopDaemon
from runwisp.firing import Cause
from runwisp.run import Phase, WaitsFor
from runwisp.task import Backoff, OnOverlap, Restart, Service, Task
from runwisp.timers import TimerKind
from runwisp.wire import Overflowed, Pressure
from tests.unit.history import History, Program, a_service, a_task

waits = st.sampled_from([0, 50, SECOND, 5 * SECOND, MINUTE])

tasks = st.builds(
    a_task,
    name=st.just("backup"),
    parallelism=st.integers(1, 3),
    on_overlap=st.sampled_from(OnOverlap),
    queue_max=st.integers(0, 3),
    timeout=st.sampled_from([None, SECOND, MINUTE]),
    retry_attempts=st.integers(0, 3),
    retry_delay=waits,
    retry_backoff=st.sampled_from(Backoff),
    graceful_stop=waits,
    run_on_start=st.booleans(),
)
stubborn_tasks = st.builds(
    a_task,
    name=st.just("backup"),
    restart=st.just(Restart.ON_FAILURE),
    on_overlap=st.sampled_from(OnOverlap),
    graceful_stop=waits,
)
services = st.builds(
    a_service,
    name=st.just("web"),
    instances=st.integers(1, 3),
    restart_delay=waits,
    restart_backoff=st.sampled_from(Backoff),
    healthy_after=st.sampled_from([0, MINUTE]),
    graceful_stop=waits,
    autostart=st.booleans(),
)
programs = st.builds(
    Program,
    obeys=st.booleans(),
    leaves=st.booleans(),
    refused=st.sampled_from(["", "", "no such file"]),
    drains=st.booleans(),
)


class Life(RuleBasedStateMachine):
    """One task and one service through everything that can happen to them."""

    history: History

    @initialize(task=tasks | stubborn_tasks, service=services, program=programs)
    def begin(self, task: Task, service: Service, program: Program) -> None:
        self.task, self.service = task, service
        self.history = History(task, service, programs={"backup": program})

    @rule(cause=st.sampled_from(Cause))
    def a_schedule_fires(self, cause: Cause) -> None:
        self.history.fire("backup", cause)

    @rule(name=st.sampled_from(["backup", "web", "nobody"]))
    def triggered(self, name: str) -> None:
        self.history.trigger(name)

    @rule(name=st.sampled_from(["backup", "web"]))
    def stopped_by_hand(self, name: str) -> None:
        self.history.stop(name)

    @rule()
    def restarted_by_hand(self) -> None:
        self.history.restart("web")

    @rule(data=st.data())
    @precondition(lambda self: self.history.world.rows)
    def one_run_is_stopped(self, data: st.DataObject) -> None:
        rows = sorted(self.history.world.rows)
        self.history.stop(self.history.nick(data.draw(st.sampled_from(rows[-6:]))))

    @rule(data=st.data(), exit_code=st.sampled_from([0, 1]), leaves=st.booleans())
    @precondition(lambda self: self.history.world.living)
    def a_process_ends(self, data: st.DataObject, exit_code: int, leaves: bool) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.history.world.living)))
        self.history.exit(self.history.nick(run_id), exit_code, "exited", leaves)

    @rule(name=st.sampled_from(["backup", "web"]), program=programs)
    def the_program_changes(self, name: str, program: Program) -> None:
        self.history.programs[name] = program

    @rule(data=st.data(), is_held=st.booleans())
    @precondition(lambda self: self.history.undrained())
    def a_log_is_complete(self, data: st.DataObject, is_held: bool) -> None:
        run_id = data.draw(st.sampled_from(self.history.undrained()))
        self.history.drain(self.history.nick(run_id), is_held)

    @rule(data=st.data(), signal=st.sampled_from([Overflowed, lambda run_id: Pressure(run_id, 1, 2, "")]))
    @precondition(lambda self: self.history.world.rows)
    def the_pump_speaks(self, data: st.DataObject, signal: Callable[[str], Overflowed | Pressure]) -> None:
        self.history.give(signal(data.draw(st.sampled_from(sorted(self.history.world.rows)[-6:]))))

    @rule(length=st.sampled_from([1, 100, SECOND, 5 * SECOND]))
    def time_passes(self, length: int) -> None:
        self.history.wait(length)

    @rule(length=st.sampled_from([SECOND, MINUTE, HOUR]), data=st.data())
    def everything_is_late(self, length: int, data: st.DataObject) -> None:
        """Deadlines and ends of processes come in one batch, in any order."""
        batch: list[Input] = [Due(timer) for timer in self.history.late(length)]
        batch += [self.history.ended(nick, 1) for nick in self.history.alive()]
        self.history.give(*data.draw(st.permutations(batch)))

    @rule(step=st.sampled_from([-HOUR, HOUR]))
    def the_clock_is_set(self, step: int) -> None:
        self.history.set_clock(step)

    @rule()
    def the_daemon_is_asked_to_stop(self) -> None:
        self.history.give(StopDaemon("SIGTERM"))

    @rule(task=st.none() | tasks, service=st.none() | services)
    def the_daemon_is_killed(self, task: Task | None, service: Service | None) -> None:
        """And comes back, perhaps with another configuration."""
        self.task, self.service = task or self.task, service or self.service
        self.history.die_and_come_back(self.task, self.service)

    @invariant()
    def a_daemon_that_quit_comes_back(self) -> None:
        if hasattr(self, "history") and self.history.world.quit:
            self._nothing_runs()
            self.history.die_and_come_back(self.task, self.service)

    def teardown(self) -> None:
        """A stop leaves nothing running, and every row ended or waiting for the next life."""
        if hasattr(self, "history"):
            self.history.stop_daemon()
            self.history.wait(HOUR)
            assert self.history.world.quit
            self._nothing_runs()

    def _nothing_runs(self) -> None:
        assert not self.history.world.living
        for row in self.history.world.rows.values():
            assert row.phase is Phase.ENDED or row.waits_for in (WaitsFor.QUEUE, WaitsFor.RETRY)
        assert not {timer.kind for timer in self.history.world.armed} & {TimerKind.KILL, TimerKind.TIMEOUT}


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=30)
