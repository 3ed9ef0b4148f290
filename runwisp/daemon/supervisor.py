"""The brain: what happens (an input) becomes what is to be done (effects). No I/O, no clock, no database.

Owns every task and service as it stands. The loop feeds it, ``perform`` carries out what it says. Shutdown is
a state of it: it ends with ``Quit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from runwisp import daemonstate
from runwisp.clock import Millis, Mono, Now, after, rfc3339, spell
from runwisp.daemon.effects import Effect, Publish, Quit, Reply, SaveMark, Turn
from runwisp.daemon.inputs import (
    Asked,
    Due,
    Exited,
    Input,
    LeftoversGone,
    RestartService,
    Spawned,
    SpawnFailed,
    StopDaemon,
    StopRun,
    StopTask,
    TriggerTask,
    Wish,
)
from runwisp.daemon.processes import ABANDON_AFTER, Active, Processes, publish_end
from runwisp.daemon.servicestate import ServiceState
from runwisp.daemon.taskstate import TaskState
from runwisp.daemonstate import DaemonState
from runwisp.errors import (
    DaemonStarting,
    DaemonStopping,
    Refused,
    RunWispError,
    TriggerForbidden,
    UnknownRun,
)
from runwisp.event import Event, EventKind
from runwisp.firing import Anchored, ClockStepped, Firing, Missed
from runwisp.frozen import frozen
from runwisp.ids import UlidMaker
from runwisp.replica import ReplicaState
from runwisp.run import NEVER_STARTED, EndReason, Phase, Run, Trigger, ended
from runwisp.task import AnyTask, Kind, Service, Task, unknown_task
from runwisp.timers import Timer, TimerKind
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Renamed

GONE_MESSAGE = "nothing in the configuration starts it any more"
STOP_MESSAGE = "the daemon was stopped"


@frozen
class Limits:
    """What the supervisor needs of ``[daemon]``."""

    shutdown_timeout: Millis


class Supervisor:
    """``begin`` first, then ``handle`` for every input, one after the other."""

    def __init__(self, tasks: Mapping[str, AnyTask], limits: Limits, ids: UlidMaker) -> None:
        self.state = DaemonState.STARTING
        self.stopped_by = ""
        self.definitions = tasks
        self.processes = Processes()
        self.tasks: dict[str, TaskState] = {}
        self.services: dict[str, ServiceState] = {}
        self._limits = limits
        self._abandons_at: Mono | None = None
        for name, definition in tasks.items():
            match definition:
                case Task():
                    self.tasks[name] = TaskState(definition, ids, self.processes)
                case Service():
                    self.services[name] = ServiceState.stopped(definition, ids, self.processes)

    def begin(self, now: Now, unfinished: Sequence[Run]) -> list[Effect]:
        """What a former life left, in the order it came; then services, then ``run_on_start``.

        Nothing when the daemon was asked to stop before it came to this.
        """
        if self.state is DaemonState.STOPPING:
            return []
        turn = Turn(now)
        for run in unfinished:
            self._take_up(turn, run)
        for task in self.tasks.values():
            task.resume(turn)
        for service in self.services.values():
            if service.service.autostart:
                service.start(turn)
        for task in self.tasks.values():
            if task.task.run_on_start:
                task.triggered(turn, Trigger.STARTUP)
        self.state = daemonstate.move(self.state, DaemonState.RUNNING)
        return turn.effects

    def unfinished(self) -> list[Run]:
        """Every run that has not been saved as ended."""
        runs = [active.run for active in self.processes.active.values()]
        for task in self.tasks.values():
            runs += task.waiting()
        for service in self.services.values():
            runs += service.waiting()
        return runs

    def handle(self, happened: Input, now: Now) -> list[Effect]:
        turn = Turn(now)
        self._take(turn, happened)
        if self.state is DaemonState.STOPPING and self.processes.is_quiet:
            turn.do(Quit())
        return turn.effects

    def _take(self, turn: Turn, happened: Input) -> None:
        match happened:
            case Firing() | Missed() | Anchored() | ClockStepped():
                self._ticked(turn, happened)
            case Asked(wish, ticket):
                turn.do(Reply(ticket, self._answer(turn, wish)))
            case Spawned():
                self._spawned(turn, happened)
            case SpawnFailed():
                self._gone(turn, self.processes.spawn_failed(turn, happened))
            case Exited():
                self._gone(turn, self.processes.exited(turn, happened))
            case Drained():
                self._drained(turn, happened)
            case LeftoversGone() | Renamed() | Closed() | Overflowed() | Pressure():
                self.processes.note(turn, happened)
            case Due(timer):
                self._due(turn, timer)
            case StopDaemon(why):
                self._stop(turn, why)
            case _:
                assert_never(happened)

    def _ticked(self, turn: Turn, ticked: Firing | Missed | Anchored | ClockStepped) -> None:
        if isinstance(ticked, ClockStepped):
            self._clock_stepped(turn, ticked)
            return
        if self.state is DaemonState.STOPPING:
            return
        task = self.tasks[ticked.mark.task_name]
        turn.do(SaveMark(ticked.mark))
        match ticked:
            case Firing():
                task.fired(turn, ticked)
            case Missed():
                task.missed(turn, ticked, _missed_message(ticked, task.task))
            case Anchored():
                pass

    def _clock_stepped(self, turn: Turn, stepped: ClockStepped) -> None:
        way = "back" if stepped.step < 0 else "forward"
        text = f"the clock was set {way} by {spell(abs(stepped.step))}; schedules go on from the new time"
        turn.do(Publish(Event(EventKind.DAEMON_CLOCK_STEPPED, turn.now.wall, text)))

    def _spawned(self, turn: Turn, spawned: Spawned) -> None:
        run = self.processes.spawned(turn, spawned)
        if service := self.services.get(run.task_name):
            service.spawned(run.id)

    def _gone(self, turn: Turn, active: Active) -> None:
        if service := self.services.get(active.run.task_name):
            service.process_gone(turn, active)

    def _drained(self, turn: Turn, drained: Drained) -> None:
        run = self.processes.drained(turn, drained)
        if run and run.task_name in self.tasks:
            self.tasks[run.task_name].run_ended(turn, run)

    def _due(self, turn: Turn, timer: Timer) -> None:
        match timer.kind:
            case TimerKind.TIMEOUT:
                self.processes.timed_out(turn, timer.key)
            case TimerKind.KILL:
                self.processes.kill(turn, timer.key)
            case TimerKind.START:
                self._start_waiting(turn, timer)
            case TimerKind.SHUTDOWN:
                self._shutdown_due(turn)
            case _:
                raise ValueError(f"not a timer of the supervisor: {timer}")

    def _start_waiting(self, turn: Turn, timer: Timer) -> None:
        if timer.task_name in self.tasks:
            self.tasks[timer.task_name].due(turn, timer.key)
        else:
            self.services[timer.task_name].due(turn, timer.key)

    # What a person asks for

    def _answer(self, turn: Turn, wish: Wish) -> Run | str | RunWispError:
        match self.state:
            case DaemonState.STARTING:
                return DaemonStarting(
                    "the daemon still ends what a former one left running", "Try again in a moment."
                )
            case DaemonState.STOPPING:
                return DaemonStopping("the daemon is stopping", "Try again when it has started anew.")
            case DaemonState.RUNNING:
                return self._granted(turn, wish)

    def _granted(self, turn: Turn, wish: Wish) -> Run | str | RunWispError:
        match wish:
            case StopRun(run_id):
                return self._stop_run(turn, run_id)
            case TriggerTask(name) | StopTask(name) | RestartService(name) if name not in self.definitions:
                return unknown_task(name, self.definitions)
            case TriggerTask(name, by):
                return self._trigger(turn, name, by)
            case StopTask(name):
                return self._stop_task(turn, name)
            case RestartService(name):
                return self._restart(turn, name)
        assert_never(wish)

    def _trigger(self, turn: Turn, name: str, by: Trigger) -> Run | str | RunWispError:
        if not self.definitions[name].api_trigger:
            return self._forbidden(name)
        if name in self.tasks:
            return self.tasks[name].triggered(turn, by)
        service = self.services[name]
        if service.is_up:
            return Refused(f"{name} is a service and already running; restart it instead")
        service.start(turn)
        return service.first_run

    def _stop_task(self, turn: Turn, name: str) -> str:
        if name in self.tasks:
            count = self.tasks[name].stop_all(turn)
            noun = "run" if count == 1 else "runs"
            return f"{name}: stopping {count} {noun}" if count else f"{name} is not running"
        self.services[name].stop(turn, EndReason.STOPPED, "stopped by hand")
        return f"{name} stays stopped until it is started again or the daemon restarts"

    def _restart(self, turn: Turn, name: str) -> str | RunWispError:
        if name in self.tasks:
            return Refused(f"{name} is a task, not a service; trigger it instead")
        service = self.services[name]
        if service.is_stopped and not service.service.api_trigger:
            return self._forbidden(name)
        service.restart(turn)
        return f"{name} restarts"

    def _forbidden(self, name: str) -> TriggerForbidden:
        starter = "its schedule" if name in self.tasks else "the daemon, when it starts,"
        return TriggerForbidden(f"{name} has api_trigger = false: only {starter} starts it")

    def _stop_run(self, turn: Turn, run_id: str) -> str | RunWispError:
        for name, service in self.services.items():
            if each := service.replica_of(run_id):
                if each.state is ReplicaState.BACKOFF:
                    return Refused(
                        f"{name} waits to be started again", f"`runwisp stop {name}` keeps it down"
                    )
                self.processes.stop(turn, run_id, EndReason.STOPPED, "stopped by hand")
                return "the run is being stopped; the service starts it again"
        if any(task.stop_run(turn, run_id) for task in self.tasks.values()):
            return "the run is being stopped"
        return UnknownRun(f"no run {run_id} is running or waiting", "it may have ended meanwhile")

    # The two ends of a life

    def _take_up(self, turn: Turn, run: Run) -> None:
        """A name that was a task's and is a service's now is another one."""
        definition = self.definitions.get(run.task_name)
        task = self.tasks.get(run.task_name) if run.kind is Kind.TASK else None
        service = self.services.get(run.task_name) if run.kind is Kind.SERVICE else None
        if run.phase is Phase.RUNNING:
            run = self.processes.crashed(turn, run, definition)
            if task:
                task.crashed(turn, run)
        elif task:
            task.restore(turn, run)
        elif not (service and service.restore(turn, run)):
            run = ended(run, EndReason.STOPPED, NEVER_STARTED, GONE_MESSAGE, turn.now.wall)
            turn.save(run)
            publish_end(turn, run)

    def _stop(self, turn: Turn, why: str) -> None:
        if self.state is DaemonState.STOPPING:
            self._kill_all(turn)
            return
        self.state = daemonstate.move(self.state, DaemonState.STOPPING)
        self.stopped_by = why
        self.processes.is_closing = True
        turn.arm(Timer(TimerKind.SHUTDOWN), self._limits.shutdown_timeout)
        for service in self.services.values():
            service.stop(turn, EndReason.DAEMON_STOPPED, STOP_MESSAGE)
        for run_id in list(self.processes.active):
            self.processes.stop(turn, run_id, EndReason.DAEMON_STOPPED, STOP_MESSAGE)

    def _shutdown_due(self, turn: Turn) -> None:
        """The budget is used up: kill; and what was killed has had its time: go."""
        if self._abandons_at is None:
            self._kill_all(turn)
        elif turn.now.mono >= self._abandons_at:
            turn.do(Quit(self.processes.abandon(turn)))

    def _kill_all(self, turn: Turn) -> None:
        """Once: a storm of signals does not put off the end."""
        if self._abandons_at is not None:
            return
        self._abandons_at = after(turn.now.mono, ABANDON_AFTER)
        for run_id in [*self.processes.active, *self.processes.lingering]:
            self.processes.kill(turn, run_id)
        turn.arm(Timer(TimerKind.SHUTDOWN), ABANDON_AFTER)


def _missed_message(missed: Missed, task: Task) -> str:
    span = rfc3339(missed.first)
    if missed.count > 1:
        span += f" to {rfc3339(missed.last)}"
    noun = "firing" if missed.count == 1 else "firings"
    return f'{missed.count} {noun} missed and not caught up (catch_up = "{task.catch_up}"), {span}'
