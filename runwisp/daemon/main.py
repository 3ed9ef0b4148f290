"""The daemon: one thread, one loop. Puts the parts together and turns until the supervisor says quit.

Called by `runwisp daemon`. Loads nothing that speaks to a network.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from runwisp import host
from runwisp.clock import HOUR, Millis, Now, after
from runwisp.daemon import birth
from runwisp.daemon.birth import Born
from runwisp.daemon.effects import Effect, Reply
from runwisp.daemon.engine import Engine, Hooks
from runwisp.daemon.inputs import Input
from runwisp.daemon.recovery import RECOVERY_TIMER, Recovery, is_over
from runwisp.daemon.retention import Keep, Retention, keep_of
from runwisp.daemon.supervisor import Limits, Supervisor
from runwisp.daemon.ticker import Ticker
from runwisp.daemonlog import Log
from runwisp.daemonstate import DaemonState
from runwisp.errors import DataDirError, HistoryError, HistoryMalformed, HistoryUnwritable
from runwisp.event import Event, EventKind, Severity
from runwisp.history import History, Opened, open_history
from runwisp.ids import UlidMaker
from runwisp.life import LifeKind
from runwisp.recorder import Recorder
from runwisp.run import Phase, Run
from runwisp.sdnotify import Notifier
from runwisp.task import Task
from runwisp.timers import Timer, TimerKind
from runwisp.version import VERSION

SWEEP_TIMER = Timer(TimerKind.SWEEP)
SWEEP_STEP_TIMER = Timer(TimerKind.SWEEP, "step")
WATCHDOG_TIMER = Timer(TimerKind.WATCHDOG)
SWEEP_EVERY: Millis = HOUR
BETWEEN_SWEEP_STEPS: Millis = 10


@dataclass(frozen=True, slots=True)
class _Brain:
    """The supervisor as the engine sees it."""

    supervisor: Supervisor

    @property
    def lingering(self) -> Collection[str]:
        return self.supervisor.processes.lingering

    def handle(self, happened: Input, now: Now) -> list[Effect]:
        return self.supervisor.handle(happened, now)


class Daemon:
    """One life of a daemon, from an opened data directory to its end."""

    def __init__(self, born: Born, history: History, log: Log, notifier: Notifier) -> None:
        self._config = config = born.config
        self._history = history
        self._log = log
        self._notifier = notifier
        self._ticker: Ticker | None = None
        self._is_stopping = False
        self._supervisor = Supervisor(
            config.tasks, Limits(config.shutdown_timeout), UlidMaker(host.random_bytes)
        )
        self._recorder = Recorder(history)
        self._retention = Retention(
            history,
            {name: keep_of(definition) for name, definition in config.tasks.items()},
            Keep(config.keep_runs, config.keep_for),
            config.max_size,
            born.data.logs,
        )
        hooks = Hooks(
            self._saved,
            self._publish,
            self._reply,
            self._due,
            self._removed,
            self._renew_history,
            self._hang_up,
        )
        self._engine = Engine(_Brain(self._supervisor), born, self._recorder, log, hooks)
        self._recovery = Recovery(self._engine.loop, log, born.data.absolute, self._begin)
        self._unfinished: list[Run] = []

    def run(self) -> int:
        """Turns until stopped; the exit code."""
        engine = self._engine
        now = host.now()
        engine.pump.start(now)
        self._watch_over_us(now)
        self._recover(now)
        while engine.performer.quit is None:
            now = engine.wait(self._ticker.next_at(now) if self._ticker else None)
            engine.turn(now, self._ticker.due(now) if self._ticker else ())
            self._note_stopping()
        self._end()
        return 0

    def _recover(self, now: Now) -> None:
        unfinished = [(run, life) for run, life in self._history.unfinished() if is_over(life)]
        self._unfinished = [run for run, _ in unfinished]
        self._recovery.begin(now, unfinished, self._config.tasks)

    def _begin(self) -> None:
        """Nothing of a former life runs any more: start what is to run."""
        now = host.now()
        engine = self._engine
        engine.feed(engine.perform(self._supervisor.begin(now, self._unfinished), now))
        tasks = (task for task in self._config.tasks.values() if isinstance(task, Task))
        self._ticker = Ticker(tasks, self._history.marks())
        engine.feed(self._ticker.start(now))
        count = len(self._config.tasks)
        text = f"runwisp {VERSION} runs {count} tasks and services"
        self._publish(Event(EventKind.DAEMON_STARTED, now.wall, text))
        self._notifier.ready(f"{count} tasks and services")
        self._begin_sweep(now)

    def _note_stopping(self) -> None:
        if self._supervisor.state is DaemonState.STOPPING and not self._is_stopping:
            self._is_stopping = True
            self._notifier.stopping()
            self._log.info("stopping", running=len(self._supervisor.processes.active))

    def _end(self) -> None:
        """All rows are final; the pump still finishes its files."""
        engine = self._engine
        assert engine.performer.quit
        for run_id in engine.performer.quit.abandoned:
            self._log.error("a process does not end; its run is left open", run=run_id)
        self._recovery.cancel()
        engine.close()
        if not self._recorder.finish():
            self._log.error("the end of runs is missing in the history", count=self._recorder.waiting)
        if not self._recorder.finish():
            self._log.error(
                "runs are missing in the history, which cannot be written",
                count=self._recorder.waiting,
                why=self._recorder.reason,
            )
        self._publish(Event(EventKind.DAEMON_STOPPED, host.wall(), "stopped"))

    # Timers and answers that are not the supervisor's

    def _due(self, timer: Timer, now: Now) -> None:
        if timer == RECOVERY_TIMER:
            self._recovery.due(now)
        elif timer == SWEEP_TIMER:
            self._begin_sweep(now)
        elif timer == SWEEP_STEP_TIMER:
            self._sweep(now)
        elif timer == WATCHDOG_TIMER:
            self._watch_over_us(now)

    def _watch_over_us(self, now: Now) -> None:
        """Fed by the loop itself, so that a loop that hangs is noticed."""
        if self._notifier.watchdog_interval:
            self._notifier.alive()
            self._engine.loop.timers.arm(WATCHDOG_TIMER, after(now.mono, self._notifier.watchdog_interval))

    def _publish(self, event: Event) -> None:
        named = {"task": event.task_name or "", **event.fields, "run": event.run_id or ""}
        fields = {name: value for name, value in named.items() if value != ""}
        match event.severity:
            case Severity.INFO if event.run_id:
                self._log.debug(event.message, **fields)
            case Severity.INFO:
                self._log.info(event.message, **fields)
            case Severity.WARN:
                self._log.warn(event.message, **fields)
            case Severity.ERROR:
                self._log.error(event.message, **fields)

    def _reply(self, reply: Reply) -> None:
        raise AssertionError(f"nobody asked: {reply}")

    def _begin_sweep(self, now: Now) -> None:
        self._retention.begin(now.wall)
        self._arm_sweep_step(now)
        self._engine.loop.timers.arm(SWEEP_TIMER, after(now.mono, SWEEP_EVERY))

    def _arm_sweep_step(self, now: Now) -> None:
        if self._retention.wants_step and not self._recorder.is_degraded:
            self._engine.loop.timers.arm(SWEEP_STEP_TIMER, after(now.mono, BETWEEN_SWEEP_STEPS))

    def _sweep(self, now: Now) -> None:
        try:
            for removal in self._retention.step(now.wall):
                self._engine.outputs.remove(removal)
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._log.error("old runs could not be deleted", why=error.message)
            return
        self._arm_sweep_step(now)

    def _removed(self, ticket: int) -> None:
        self._retention.removed(ticket)
        self._arm_sweep_step(host.now())

    def _renew_history(self, now: Now) -> None:
        """The database turned out malformed while in use: go on with one that knows all of the present."""
        try:
            opened = self._history.renewed(now.wall, self._recorder.reason)
        except (HistoryError, DataDirError) as error:
            self._log.error("no new history could be made", why=error.message)
            return
        _tell_of_history(opened, self._log)
        self._history = opened.history
        self._retention.go_on(opened.history)
        self._recorder.go_on(opened.history)
        self._recorder.save(self._supervisor.unfinished(), self._ticker.marks if self._ticker else ())

    def _saved(self, run: Run) -> None:
        if run.phase is Phase.ENDED:
            self._retention.run_ended(run.task_name)
            self._arm_sweep_step(host.now())

    def _hang_up(self) -> None:
        self._log.info("SIGHUP changes nothing: restart the daemon for a new configuration")


def main(config_path: str, data_path: str, log: Log) -> int:
    """Raises: RunWispError for everything that keeps a daemon from starting."""
    born = birth.give(data_path, config_path, LifeKind.DAEMON)
    lock = born.data.lock()
    try:
        opened = open_history(born.data, born.life, host.wall())
        _tell_of_history(opened, log)
        for warning in born.config.warnings:
            log.warn(warning.spelled(config_path))
        return Daemon(born, opened.history, log, Notifier.from_env(os.environ)).run()
    finally:
        lock.release()


def _tell_of_history(opened: Opened, log: Log) -> None:
    if opened.set_aside:
        log.error(
            "the database was malformed and is set aside; the history was rebuilt from the logs",
            kept_as=opened.set_aside.path,
            why=opened.set_aside.why,
            rebuilt=opened.rebuilt_count,
            unreadable=opened.unreadable_count,
        )
