"""The processes of runs, from their start to the end of their output: what tasks and services both need.

Owns the one stop ladder and decides how a run ends. Never starts anything by itself: ``taskstate`` and
``servicestate`` say what to start and learn here what ended. Pure, as all of the supervisor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from signal import Signals

from runwisp import process
from runwisp.clock import SECOND, Millis, Mono, spell
from runwisp.daemon.effects import (
    AmendRun,
    EndLog,
    NameLeftovers,
    ReopenLog,
    SignalRun,
    Spawn,
    Turn,
)
from runwisp.daemon.inputs import Exited, LeftoversGone, Spawned, SpawnFailed
from runwisp.event import EventKind
from runwisp.logcap import LogTotals
from runwisp.process import ProcessState
from runwisp.run import CRASHED, EndReason, Run, ended, started, with_totals, with_usage
from runwisp.task import AnyTask, Task
from runwisp.timers import Timer, TimerKind
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Renamed

CRASH_MESSAGE = "the daemon died while this run was in flight"
ABANDON_AFTER: Millis = 3 * SECOND
"""How long after the last SIGKILL anything is waited for that does not come; longer than the pump drains a
log whose pipe something holds."""


Noted = LeftoversGone | Renamed | Closed | Overflowed | Pressure


@dataclass(slots=True)
class Active:
    """A run whose process lives or whose output is not complete yet.

    ``run`` is RUNNING until the process is gone, then already as it will be saved once its log is drained.
    ``reason`` and ``why`` are set by whoever stops it; the first one counts. ``is_pressed``: its output is
    dropped for want of disk space, which is told once, however many pumps notice.
    """

    run: Run
    definition: AnyTask
    since: Mono
    state: ProcessState = ProcessState.UP
    reason: EndReason | None = None
    why: str = ""
    is_pressed: bool = False


class Processes:
    """Invariant: a run is in ``active`` from its Spawn to the Save of its end.

    ``lingering``: runs stopped by us whose leftovers are still to be ended. ``is_closing``: the daemon stops,
    and nothing new may start.
    """

    def __init__(self) -> None:
        self.active: dict[str, Active] = {}
        self.lingering: set[str] = set()
        self.is_closing = False
        self._crashed: dict[str, Run] = {}
        self._held: dict[str, Run] = {}

    @property
    def is_quiet(self) -> bool:
        return not (self.active or self.lingering or self._crashed)

    def start(self, turn: Turn, run: Run, definition: AnyTask) -> Run:
        run = started(run, turn.now.wall)
        self.active[run.id] = Active(run, definition, turn.now.mono)
        turn.save(run)
        turn.do(Spawn(run, definition))
        if isinstance(definition, Task) and definition.timeout:
            turn.arm(Timer(TimerKind.TIMEOUT, run.id), definition.timeout)
        turn.publish(EventKind.RUN_STARTED, run, f"{run.task_name} started")
        return run

    def spawned(self, turn: Turn, spawned: Spawned) -> Run:
        active = self.active[spawned.run_id]
        active.run = replace(active.run, pid=spawned.pid, pid_started=spawned.pid_started)
        turn.save(active.run)
        return active.run

    def renamed(self, turn: Turn, renamed: Renamed) -> None:
        if active := self.active.get(renamed.run_id):
            active.run = replace(active.run, log_stem=renamed.log_stem)
            if active.state is not ProcessState.GONE:
                turn.save(active.run)

    def stop(self, turn: Turn, run_id: str, reason: EndReason, why: str) -> None:
        """Onto the ladder: stop signal, grace, SIGKILL. A run already on it stays where it is."""
        active = self.active[run_id]
        if active.state is not ProcessState.UP:
            return
        active.reason, active.why = reason, why
        if not active.definition.graceful_stop:
            self.kill(turn, run_id)
            return
        active.state = process.move(active.state, ProcessState.TERMINATING)
        turn.do(SignalRun(run_id, active.definition.stop_signal))
        turn.arm(Timer(TimerKind.KILL, run_id), active.definition.graceful_stop)

    def kill(self, turn: Turn, run_id: str) -> None:
        """The last rung, for the process itself and for what a stopped one left behind."""
        active = self.active.get(run_id)
        if active and active.state in (ProcessState.UP, ProcessState.TERMINATING):
            active.state = process.move(active.state, ProcessState.KILLING)
        elif run_id not in self.lingering:
            return
        self.lingering.discard(run_id)
        turn.disarm(Timer(TimerKind.KILL, run_id))
        turn.do(SignalRun(run_id, Signals.SIGKILL))

    def leftovers_gone(self, turn: Turn, run_id: str) -> None:
        self.lingering.discard(run_id)
        turn.disarm(Timer(TimerKind.KILL, run_id))

    def note(self, turn: Turn, noted: Noted) -> None:
        """What concerns nobody but the run itself."""
        match noted:
            case LeftoversGone(run_id):
                self.leftovers_gone(turn, run_id)
            case Renamed():
                self.renamed(turn, noted)
            case Closed():
                self.closed(turn, noted)
            case Overflowed(run_id):
                self.overflowed(turn, run_id)
            case Pressure():
                self.under_pressure(turn, noted)

    def timed_out(self, turn: Turn, run_id: str) -> None:
        active = self.active.get(run_id)
        if active and isinstance(active.definition, Task) and active.definition.timeout:
            limit = spell(active.definition.timeout)
            self.stop(turn, run_id, EndReason.TIMEOUT, f"ran longer than its timeout of {limit}")

    def overflowed(self, turn: Turn, run_id: str) -> None:
        if run_id in self.active:
            self.stop(turn, run_id, EndReason.LOG_OVERFLOW, "its log reached log_max_size")

    def exited(self, turn: Turn, exited: Exited) -> Active:
        """The process is gone; its output may not be."""
        active = self.active[exited.run_id]
        self._see_to_leftovers(turn, active, exited.has_left)
        if exited.usage:
            active.run = with_usage(active.run, exited.usage)
        self._settle(turn, active, exited.exit_code, exited.message)
        return active

    def spawn_failed(self, turn: Turn, failed: SpawnFailed) -> Active:
        active = self.active[failed.run_id]
        if not active.reason:
            active.reason, active.why = EndReason.FAILED, failed.message
        turn.disarm(Timer(TimerKind.KILL, failed.run_id))
        self._settle(turn, active, failed.exit_code, failed.message)
        return active

    def drained(self, turn: Turn, drained: Drained) -> Run | None:
        """The log is complete: the run ends. None when this only completes a run that ended before."""
        totals = LogTotals(
            drained.log_lines, drained.log_bytes, drained.log_dropped_lines, drained.log_disk_bytes
        )
        if crashed := self._crashed.pop(drained.run_id, None):
            turn.do(AmendRun(with_totals(crashed, totals)))
        active = self.active.pop(drained.run_id, None)
        if active is None:
            return None
        run = with_totals(active.run, totals)
        turn.save(run)
        publish_end(turn, run)
        if drained.is_held:
            self._held[run.id] = run
        return run

    def abandon(self, turn: Turn) -> tuple[str, ...]:
        """The end of the daemon waits no longer. Gives the runs whose process lives on: their rows stay open,
        for the next life to find; those that only miss the end of their log end now."""
        for active in [each for each in self.active.values() if each.state is ProcessState.GONE]:
            del self.active[active.run.id]
            turn.save(active.run)
            publish_end(turn, active.run)
        return tuple(self.active)

    def closed(self, turn: Turn, closed: Closed) -> None:
        run = self._held.pop(closed.run_id, None)
        if run and (late := closed.late_lines):
            run = replace(run, log_lines=run.log_lines + late, log_dropped_lines=run.log_dropped_lines + late)
            turn.do(AmendRun(run))

    def under_pressure(self, turn: Turn, pressure: Pressure) -> None:
        active = self.active.get(pressure.run_id)
        if active and not active.is_pressed:
            active.is_pressed = True
            turn.publish(
                EventKind.LOG_DISK_PRESSURE,
                active.run,
                f"output of {active.run.task_name} is dropped: {pressure.why}",
                free_bytes=pressure.free_bytes,
                min_free_bytes=pressure.min_free_bytes,
            )

    def crashed(self, turn: Turn, run: Run, definition: AnyTask | None) -> Run:
        """A row that a former life left running ends; its log is completed as far as it goes."""
        run = ended(run, EndReason.CRASHED, CRASHED, explained(run, CRASH_MESSAGE), turn.now.wall)
        turn.save(run)
        turn.do(ReopenLog(run, definition))
        turn.do(EndLog(run))
        publish_end(turn, run)
        self._crashed[run.id] = run
        return run

    def _see_to_leftovers(self, turn: Turn, active: Active, has_left: bool) -> None:
        run_id = active.run.id
        match active.state:
            case ProcessState.TERMINATING if has_left:
                self.lingering.add(run_id)
            case ProcessState.KILLING if has_left:
                turn.do(SignalRun(run_id, Signals.SIGKILL))
            case ProcessState.UP if has_left:
                turn.do(NameLeftovers(run_id))
            case _:
                turn.disarm(Timer(TimerKind.KILL, run_id))

    def _settle(self, turn: Turn, active: Active, exit_code: int, message: str) -> None:
        active.state = process.move(active.state, ProcessState.GONE)
        if isinstance(active.definition, Task) and active.definition.timeout:
            turn.disarm(Timer(TimerKind.TIMEOUT, active.run.id))
        reason, why = _outcome(active, exit_code, message)
        active.run = ended(active.run, reason, exit_code, explained(active.run, why), turn.now.wall)
        turn.do(EndLog(active.run))


def _outcome(active: Active, exit_code: int, message: str) -> tuple[EndReason, str]:
    if active.reason:
        return active.reason, active.why
    if exit_code in active.definition.exit_codes:
        return EndReason.SUCCESS, ""
    return EndReason.FAILED, message


def explained(run: Run, why: str) -> str:
    """Why a run ended, and then what was known of it from its beginning (that it is a catch-up, say)."""
    return "; ".join(part for part in (why, run.message) if part)


def start_timer(run: Run) -> Timer:
    """When the wait of a pending run is over."""
    return Timer(TimerKind.START, run.id, run.task_name)


def publish_end(turn: Turn, run: Run) -> None:
    if kind := run.meaning.event:
        assert run.end_reason
        text = f"{run.task_name} ended: {run.end_reason}"
        turn.publish(kind, run, text, exit_code=run.exit_code, reason=run.message)
