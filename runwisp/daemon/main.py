"""The daemon: one thread, one loop. Puts the parts together and turns until the supervisor says quit.

Called by `runwisp daemon`. Loads nothing that speaks to a network.
"""

from __future__ import annotations

import os

from runwisp import host
from runwisp.clock import Mono, Now, after
from runwisp.config import Config
from runwisp.daemon import birth
from runwisp.daemon.birth import Born
from runwisp.daemon.effects import Reply
from runwisp.daemon.engine import Engine, Hooks
from runwisp.daemon.recovery import RECOVERY_TIMER, Recovery, is_over
from runwisp.daemon.retention import Keep, Retention, keep_of
from runwisp.daemon.supervisor import Limits, Supervisor
from runwisp.daemon.sweeper import Sweeper
from runwisp.daemon.ticker import Ticker
from runwisp.daemonlog import Log
from runwisp.daemonstate import DaemonState
from runwisp.errors import DataDirError, HistoryError
from runwisp.event import Event, EventKind, Severity
from runwisp.history import History
from runwisp.ids import UlidMaker
from runwisp.life import LifeKind
from runwisp.printable import counted
from runwisp.recorder import Recorder
from runwisp.run import Run
from runwisp.sdnotify import Notifier
from runwisp.task import Task
from runwisp.timers import Timer, TimerKind
from runwisp.version import VERSION

WATCHDOG_TIMER = Timer(TimerKind.WATCHDOG)


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
        hooks = Hooks(
            saved=lambda run: self._sweeper.saved(run, host.now()),
            publish=self._publish,
            reply=self._reply,
            due=self._due,
            removed=lambda removed: self._sweeper.removed(removed, host.now()),
            malformed=self._renew_history,
            hang_up=self._hang_up,
        )
        self._engine = Engine(self._supervisor, born, self._recorder, log, hooks)
        self._sweeper = Sweeper(
            retention_of(config, history, born.data.logs),
            self._engine.loop.timers,
            log,
            self._next_firing,
            self._engine.outputs.remove,
        )
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
            now = engine.wait(self._next_firing(now))
            engine.turn(now, self._ticker.due(now) if self._ticker else ())
            self._note_stopping()
        self._end()
        return 0

    def _next_firing(self, now: Now) -> Mono | None:
        return self._ticker.next_at(now) if self._ticker else None

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
        text = f"runwisp {VERSION} runs {self._counts()}"
        self._publish(Event(EventKind.DAEMON_STARTED, now.wall, text))
        self._notifier.ready(self._counts())
        self._sweeper.begin(now)

    def _counts(self) -> str:
        tasks, services = len(self._supervisor.tasks), len(self._supervisor.services)
        return f"{counted(tasks, 'task')}, {counted(services, 'service')}"

    def _note_stopping(self) -> None:
        if self._supervisor.state is DaemonState.STOPPING and not self._is_stopping:
            self._is_stopping = True
            self._notifier.stopping()
            self._log.info(
                "stopping", by=self._supervisor.stopped_by, running=len(self._supervisor.processes.active)
            )

    def _end(self) -> None:
        """All rows are final; the pump still finishes its files."""
        engine = self._engine
        self._recovery.cancel()
        engine.close()
        if not self._recorder.finish():
            self._log.error(
                "runs are missing in the history, which cannot be written",
                count=self._recorder.waiting,
                why=self._recorder.reason,
                next=self._recorder.hint,
            )
        text = f"stopped by {self._supervisor.stopped_by}"
        self._publish(Event(EventKind.DAEMON_STOPPED, host.wall(), text))

    # Timers and answers that are not the supervisor's

    def _due(self, timer: Timer, now: Now) -> None:
        if timer == RECOVERY_TIMER:
            self._recovery.due(now)
        elif timer == WATCHDOG_TIMER:
            self._watch_over_us(now)
        else:
            self._sweeper.due(timer, now)

    def _watch_over_us(self, now: Now) -> None:
        """Fed by the loop itself, so that a loop that hangs is noticed."""
        if self._notifier.watchdog_interval:
            self._notifier.alive()
            self._engine.loop.timers.arm(WATCHDOG_TIMER, after(now.mono, self._notifier.watchdog_interval))

    def _publish(self, event: Event) -> None:
        named = {"task": event.task_name or "", **event.fields, "run": event.run_id or ""}
        fields = {name: value for name, value in named.items() if value != ""}
        match event.severity:
            case _ if event.kind is EventKind.RUN_STOPPED and self._is_stopping:
                # A thousand of these say no more than that the daemon stops.
                self._log.debug(event.message, **fields)
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

    def _renew_history(self, now: Now) -> None:
        """The database turned out malformed while in use: go on with one that knows all of the present."""
        try:
            opened = self._history.renewed(now.wall, self._recorder.reason)
        except (HistoryError, DataDirError) as error:
            self._log.error("no new history could be made", why=error.message, next=error.hint)
            return
        birth.tell_of_history(opened, self._log)
        self._history = opened.history
        self._sweeper.retention.go_on(opened.history)
        self._recorder.go_on(opened.history)
        self._recorder.save(self._supervisor.unfinished(), self._ticker.marks if self._ticker else ())

    def _hang_up(self) -> None:
        self._log.info("SIGHUP changes nothing: restart the daemon for a new configuration")


def retention_of(config: Config, history: History, logs_dir: str) -> Retention:
    keeps = {name: keep_of(definition) for name, definition in config.tasks.items()}
    return Retention(history, keeps, Keep(config.keep_runs, config.keep_for), config.max_size, logs_dir)


def main(config_path: str, data_path: str, log: Log) -> int:
    """Raises: RunWispError for everything that keeps a daemon from starting."""
    born = birth.give(birth.conceive(data_path, config_path), LifeKind.DAEMON)
    lock = born.data.lock()
    try:
        history = birth.history_of(born, log)
        for warning in born.config.warnings:
            log.warn(warning.spelled(config_path))
        return Daemon(born, history, log, Notifier.from_env(os.environ)).run()
    finally:
        lock.release()
