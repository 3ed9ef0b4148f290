"""One run here and now, without a daemon: the daemon's own machinery around a brain of one run.

Called by `runwisp exec`. Writes the same row and the same log as a daemon would; a daemon that starts
meanwhile sees by the run's life that it is being taken care of.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from runwisp import host
from runwisp.clock import Now
from runwisp.config import definition_named
from runwisp.daemon import birth
from runwisp.daemon.birth import Born
from runwisp.daemon.effects import Effect, Quit, Reply, Turn
from runwisp.daemon.engine import Engine, Hooks, catching_loop
from runwisp.daemon.inputs import (
    Asked,
    Due,
    Exited,
    Input,
    LeftoversGone,
    Spawned,
    SpawnFailed,
    StopDaemon,
)
from runwisp.daemon.outputs import Copy
from runwisp.daemon.processes import ABANDON_AFTER, Processes
from runwisp.daemonlog import Format, Level, Log
from runwisp.errors import DataDirError, DataDirLocked, HistoryError
from runwisp.event import Event, EventKind
from runwisp.firing import Anchored, ClockStepped, Firing, Missed
from runwisp.history import History
from runwisp.ids import UlidMaker
from runwisp.life import LifeKind
from runwisp.paths import denied
from runwisp.recorder import Recorder
from runwisp.run import EndReason, Run, Trigger, drafted
from runwisp.task import AnyTask
from runwisp.timers import Timer, TimerKind
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Removed, Renamed


@dataclass(slots=True)
class Once:
    """The brain of an `exec`: one attempt of one definition. ``run`` is its row in the end."""

    definition: AnyTask
    ids: UlidMaker
    processes: Processes = field(default_factory=Processes)
    run: Run | None = None
    is_killing: bool = False

    def begin(self, now: Now) -> list[Effect]:
        turn = Turn(now)
        run = drafted(self.ids.next(now.wall), self.definition, Trigger.EXEC, now.wall)
        self.processes.start(turn, run, self.definition)
        return turn.effects

    def handle(self, happened: Input, now: Now) -> list[Effect]:
        turn = Turn(now)
        self._take(turn, happened)
        if self.run and self.processes.is_quiet:
            turn.do(Quit())
        return turn.effects

    def _take(self, turn: Turn, happened: Input) -> None:
        match happened:
            case Spawned():
                self.processes.spawned(turn, happened)
            case SpawnFailed():
                self.processes.spawn_failed(turn, happened)
            case Exited():
                self.processes.exited(turn, happened)
            case Drained():
                self.run = self.processes.drained(turn, happened) or self.run
            case LeftoversGone() | Renamed() | Closed() | Overflowed() | Pressure():
                self.processes.note(turn, happened)
            case Due(timer):
                self._due(turn, timer)
            case StopDaemon(why):
                self._stop(turn, why)
            case Asked() | Firing() | Missed() | Anchored() | ClockStepped():
                raise AssertionError(f"not for an exec: {happened}")
            case _:
                assert_never(happened)

    def _due(self, turn: Turn, timer: Timer) -> None:
        match timer.kind:
            case TimerKind.TIMEOUT:
                self.processes.timed_out(turn, timer.key)
            case TimerKind.KILL:
                self.processes.kill(turn, timer.key)
            case TimerKind.SHUTDOWN:
                self._abandon(turn)
            case _:
                raise ValueError(f"not a timer of an exec: {timer}")

    def _stop(self, turn: Turn, why: str) -> None:
        """The first ctrl-C starts the ladder, the second jumps to its end."""
        if not self.processes.is_closing:
            self.processes.is_closing = True
            for run_id in [*self.processes.active]:
                self.processes.stop(turn, run_id, EndReason.STOPPED, f"exec was ended by {why}")
        elif not self.is_killing:
            self.is_killing = True
            for run_id in [*self.processes.active, *self.processes.lingering]:
                self.processes.kill(turn, run_id)
            turn.arm(Timer(TimerKind.SHUTDOWN), ABANDON_AFTER)

    def _abandon(self, turn: Turn) -> None:
        """Whoever pressed ctrl-C twice does not wait for what may never come."""
        for active in self.processes.active.values():
            self.run = active.run
        turn.do(Quit(self.processes.abandon(turn)))


def run_once(born: Born, definition: AnyTask, history: History, log: Log, *, is_raw: bool) -> Run:
    """Raises: HistoryError."""
    brain = Once(definition, UlidMaker(host.random_bytes))
    recorder = Recorder(history)
    copy = Copy(sys.stdout.fileno(), sys.stderr.fileno(), is_raw)
    hooks = Hooks(
        saved=_ignore_saved,
        tidings=_tell_nobody,
        publish=partial(_publish, log),
        reply=_refuse_reply,
        due=_refuse_timer,
        removed=_refuse_removed,
        malformed=_leave_malformed,
        hang_up=lambda: engine.feed([StopDaemon("SIGHUP")]),
    )
    engine = Engine(catching_loop(), brain, born, recorder, log, hooks, copy)
    now = host.now()
    engine.pump.start(now)
    engine.feed(engine.performer.perform(brain.begin(now)))
    while engine.performer.quit is None:
        now = engine.wait()
        engine.turn(now)
    engine.close()
    if not recorder.finish():
        raise HistoryError(
            f"the run is not in the history, which cannot be written: {recorder.reason}", recorder.hint
        )
    assert brain.run
    return brain.run


def _tell_nobody(_event: Event, _run: Run | None) -> tuple[()]:
    """Whoever runs a task by hand sees how it ended."""
    return ()


def _ignore_saved(_run: Run) -> None:
    """Nobody but the history wants to know."""


def _publish(log: Log, event: Event) -> None:
    """Of most that happens the terminal tells already."""
    if event.kind is EventKind.LOG_DISK_PRESSURE:
        log.warn(event.message)


def _refuse_reply(reply: Reply) -> None:
    raise AssertionError(f"nobody asked: {reply}")


def _leave_malformed(_now: Now) -> None:
    """The next daemon sets the database aside; this run ends with the error."""


def _refuse_timer(timer: Timer, _now: Now) -> None:
    raise AssertionError(f"not for an exec: {timer}")


def _refuse_removed(removed: Removed) -> None:
    raise AssertionError(f"nothing was to be removed: {removed}")


def main(config_path: str, data_path: str, name: str, *, is_raw: bool) -> Run:
    """The run as it ended. ``is_raw``: a terminal gets every escape sequence of what it prints.

    Raises: RunWispError for everything that keeps it from being recorded.
    """
    plan = birth.conceive(data_path, config_path)
    definition = definition_named(plan.config, name)
    try:
        born = birth.give(plan, LifeKind.EXEC)
    except DataDirError as error:
        raise denied(plan.data, error) from error
    holder = born.data.holder()
    if holder is not None:
        raise DataDirLocked(
            f"a daemon (pid {holder or 'unknown'}) is using data directory {born.data.path}",
            f"Let it run the task: runwisp run-task {name}",
        )
    log = Log(2, Level.WARN, Format.TEXT, host.wall)
    return run_once(born, definition, birth.history_of(born, log), log, is_raw=is_raw)
