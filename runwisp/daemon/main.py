"""The daemon: one thread, one loop. Puts the parts together and turns until the supervisor says quit.

Called by `runwisp daemon`. Binds the listening socket, and loads nothing that would speak on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from runwisp import host, listener, password
from runwisp.audience import Audience
from runwisp.clock import SECOND, Millis, Mono, Now, Wall, after
from runwisp.config import Config
from runwisp.daemon import birth
from runwisp.daemon.access import Access
from runwisp.daemon.birth import Born
from runwisp.daemon.effects import Reply
from runwisp.daemon.engine import OTHERS_END_WITHIN, Engine, Hooks, catching_loop
from runwisp.daemon.outbox import Outbox
from runwisp.daemon.processes import Active
from runwisp.daemon.recovery import RECOVERY_TIMER, Recovery, is_over
from runwisp.daemon.retention import Keep, Retention, keep_of
from runwisp.daemon.supervisor import Limits, Supervisor
from runwisp.daemon.sweeper import Sweeper
from runwisp.daemon.ticker import Ticker
from runwisp.daemon.webside import Deeds, Place, WebSide
from runwisp.daemonlog import Log
from runwisp.daemonstate import DaemonState
from runwisp.errors import DataDirError, HistoryError
from runwisp.event import Event, EventKind, Severity
from runwisp.fingerprint import fingerprint
from runwisp.firing import ClockStepped
from runwisp.frozen import frozen
from runwisp.history import Deleted, History, Tiding
from runwisp.ids import UlidMaker
from runwisp.life import LifeKind
from runwisp.localurl import local_url
from runwisp.loop import Loop
from runwisp.notice import Bell
from runwisp.password import Password
from runwisp.paths import DataDir
from runwisp.printable import counted
from runwisp.recorder import Recorder
from runwisp.run import Run
from runwisp.sdnotify import Notifier
from runwisp.task import Task
from runwisp.timers import Timer, TimerKind
from runwisp.version import VERSION
from runwisp.webwire import Deliveries

WATCHDOG_TIMER = Timer(TimerKind.WATCHDOG)
READY_TIMER = Timer(TimerKind.READY)
FORMER_WEB_ENDS_WITHIN: Millis = 5 * SECOND
"""That of a daemon that was killed holds the socket until it sees that, at the latest once it has started."""
READY_WITHIN: Millis = 10 * SECOND
"""So long is the service manager kept waiting for web."""
ALL_ELSE_ENDS_WITHIN: Millis = 15 * SECOND
"""What a stop may take beside that of tasks and services: output that is left, helpers, rows."""


@frozen
class Wanted:
    """The command line of a daemon."""

    config_path: str
    data_path: str
    host: str
    port: int


class Daemon:
    """One life of a daemon, from an opened data directory to its end."""

    def __init__(
        self,
        loop: Loop,
        born: Born,
        place: Place,
        history: History,
        log: Log,
        *,
        access: Access,
        notifier: Notifier,
    ) -> None:
        self._config = config = born.config
        self._history = history
        self._log = log
        self._notifier = notifier
        self._ticker: Ticker | None = None
        self._is_stopping = False
        self._is_ready = False
        self._is_served = False
        self._place = place
        self._access = access
        self._supervisor = Supervisor(
            config.tasks, Limits(config.shutdown_timeout), UlidMaker(host.random_bytes)
        )
        self._recorder = Recorder(history)
        self._bell = bell_of(config, history, host.wall())
        self._engine = Engine(loop, self._supervisor, born, self._recorder, log, self._hooks())
        self._outbox = Outbox(self._engine, audience_of(config), place.fingerprint, self._tell)
        self._sweeper = Sweeper(
            retention_of(config, history, born.data.logs, self._deleted),
            self._engine.loop.timers,
            log,
            self._next_firing,
            self._engine.outputs.remove,
            self._recorder.found_malformed,
        )
        deeds = Deeds(self._sweeper.delete, self._mark_notices, self._served, self._deliveries)
        self._web = WebSide(place, born, self._engine, self._supervisor, log, access=access, deeds=deeds)
        self._recovery = Recovery(self._engine.loop, log, born.data.absolute, self._begin)
        self._unfinished: list[Run] = []

    def _hooks(self) -> Hooks:
        return Hooks(
            saved=self._saved,
            tidings=self._tidings,
            publish=self._publish,
            reply=self._replied,
            due=self._due,
            removed=lambda removed: self._sweeper.removed(removed, host.now()),
            malformed=self._renew_history,
            hang_up=self._hang_up,
        )

    def run(self) -> int:
        """Turns until stopped; the exit code."""
        engine = self._engine
        now = host.now()
        engine.pump.start(now)
        self._watch_over_us(now)
        self._recover(now)
        self._web.start(now)
        while engine.performer.quit is None:
            now = engine.wait(self._next_firing(now))
            ticked = self._ticker.due(now) if self._ticker else []
            engine.turn(now, ticked, self._next_firing(now))
            self._outbox.turned(now)
            self._note_stopping()
            self._web.turned(each.mark.task_name for each in ticked if not isinstance(each, ClockStepped))
        self._end()
        return 0

    def _next_firing(self, now: Now) -> Mono | None:
        return self._ticker.next_at(now) if self._ticker else None

    def _recover(self, now: Now) -> None:
        unfinished = [(run, life) for run, life in self._history.unfinished() if is_over(life)]
        self._unfinished = [run for run, _ in unfinished]
        self._outbox.restore(self._history.deliveries(), self._history.series(), now)
        self._recovery.begin(now, unfinished, self._config.tasks, self._config.shutdown_timeout)

    def _begin(self) -> None:
        """Nothing of a former life runs any more: start what is to run."""
        now = host.now()
        engine = self._engine
        engine.feed(engine.performer.perform(self._supervisor.begin(now, self._unfinished)))
        tasks = (task for task in self._config.tasks.values() if isinstance(task, Task))
        self._ticker = Ticker(tasks, self._history.marks())
        engine.feed(self._ticker.start(now))
        self._web.begun(self._ticker)
        self._web.start(now)
        text = f"runwisp {VERSION} runs {self._counts()}"
        url = local_url(self._place.host, self._place.port)
        self._tell(Event(EventKind.DAEMON_STARTED, now.wall, text, fields={"url": url}))
        engine.loop.timers.arm(READY_TIMER, after(now.mono, READY_WITHIN))
        self._tell_ready()
        self._sweeper.begin(now)
        self._outbox.begin(now)

    def _counts(self) -> str:
        tasks, services = len(self._supervisor.tasks), len(self._supervisor.services)
        return f"{counted(tasks, 'task')}, {counted(services, 'service')}"

    def _saved(self, run: Run) -> None:
        self._sweeper.saved(run, host.now())
        self._web.saved(run)

    def _tidings(self, event: Event, run: Run | None) -> list[Tiding]:
        if event.kind is EventKind.LOG_DISK_PRESSURE and (active := self._active(event.run_id)):
            run = active.run
        tidings: list[Tiding] = self._outbox.tidings(event, run)
        if notice := self._bell.ring(event, run):
            tidings.append(notice)
            self._web.noticed([notice])
        return tidings

    def _active(self, run_id: str | None) -> Active | None:
        return self._supervisor.processes.active.get(run_id or "")

    def _replied(self, reply: Reply) -> None:
        self._web.replied(reply)

    def _deleted(self, runs: Deleted) -> None:
        self._web.deleted(runs)

    def _deliveries(self) -> Deliveries:
        return Deliveries(*self._outbox.counts)

    def _served(self) -> None:
        """A web process answers requests."""
        self._is_served = True
        self._tell_ready()

    def _tell_ready(self) -> None:
        """The service manager, once services run and web serves; later only how it is."""
        if not self._ticker or not self._is_served or self._is_stopping:
            return
        self._engine.loop.timers.disarm(READY_TIMER)
        if self._is_ready:
            self._notifier.status(self._counts())
        else:
            self._is_ready = True
            self._notifier.ready(self._counts())

    def _go_without_web(self) -> None:
        if self._is_stopping:
            return
        self._log.error("web does not answer; tasks run all the same", seconds=READY_WITHIN // SECOND)
        self._is_ready = True
        self._notifier.ready(f"{self._counts()}; degraded: web does not answer")

    def _mark_notices(self, ids: tuple[str, ...] | None, is_read: bool) -> None:
        """Raises: HistoryUnwritable, HistoryMalformed."""
        self._web.noticed(self._history.mark_notices(ids, is_read=is_read))

    def _note_stopping(self) -> None:
        if self._supervisor.state is DaemonState.STOPPING and not self._is_stopping:
            self._is_stopping = True
            self._notifier.stopping(self._config.shutdown_timeout + ALL_ELSE_ENDS_WITHIN)
            self._log.info(
                "stopping", by=self._supervisor.stopped_by, running=len(self._supervisor.processes.active)
            )

    def _end(self) -> None:
        """All rows are final; the pump still finishes its files."""
        engine = self._engine
        self._recovery.cancel()
        self._outbox.close()
        engine.finish_awaited(OTHERS_END_WITHIN)
        self._outbox.end()
        self._web.stop()
        engine.close()
        if not self._recorder.finish():
            self._log.error(
                "runs are missing in the history, which cannot be written",
                count=self._recorder.waiting,
                notifications=self._recorder.unsent,
                why=self._recorder.reason,
                next=self._recorder.hint,
            )
        text = f"stopped by {self._supervisor.stopped_by}"
        self._tell(Event(EventKind.DAEMON_STOPPED, host.wall(), text))

    # Timers and answers that are not the supervisor's

    def _due(self, timer: Timer, now: Now) -> None:
        if timer == RECOVERY_TIMER:
            self._recovery.due(now)
        elif timer == WATCHDOG_TIMER:
            self._watch_over_us(now)
        elif timer == READY_TIMER:
            self._go_without_web()
        elif timer.kind is TimerKind.OUTBOX:
            self._outbox.due(timer, now)
        else:
            self._sweeper.due(timer, now)

    def _watch_over_us(self, now: Now) -> None:
        """Fed by the loop itself, so that a loop that hangs is noticed."""
        if self._notifier.watchdog_interval:
            self._notifier.alive()
            self._engine.loop.timers.arm(WATCHDOG_TIMER, after(now.mono, self._notifier.watchdog_interval))

    def _tell(self, event: Event, cause: Sequence[Tiding] = ()) -> None:
        """Of what no turn of the supervisor tells; saved together with what brought it about."""
        if tidings := [*cause, *self._tidings(event, None)]:
            self._recorder.save((), tidings=tidings)
        self._publish(event)

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
        self._access.go_on(opened.history)
        self._web.renewed()
        marks = self._ticker.marks if self._ticker else ()
        self._recorder.save(self._supervisor.unfinished(), marks, self._outbox.rows)

    def _hang_up(self) -> None:
        self._log.info("SIGHUP changes nothing: restart the daemon for a new configuration")


def retention_of(
    config: Config, history: History, logs_dir: str, tell: Callable[[Deleted], None]
) -> Retention:
    keeps = {name: keep_of(definition) for name, definition in config.tasks.items()}
    default = Keep(config.keep_runs, config.keep_for)
    return Retention(history, keeps, default, config.max_size, logs_dir, tell=tell, notify=config.notify)


def audience_of(config: Config) -> Audience:
    return Audience(config.notify.default_notifiers, config.tasks, config.routes, config.notifiers)


def bell_of(config: Config, history: History, now: Wall) -> Bell:
    recent = history.notices_since(Wall(now - config.notify.coalesce_window))
    return Bell(config.notify, audience_of(config), UlidMaker(host.random_bytes), recent)


def main(wanted: Wanted, log: Log, show: Callable[[Password, DataDir], None]) -> int:
    """``show`` gets a password that was just made, to be shown to whoever started us, once.

    Raises: RunWispError for everything that keeps a daemon from starting.
    """
    born = birth.give(birth.conceive(wanted.data_path, wanted.config_path), LifeKind.DAEMON)
    loop = catching_loop()  # a stop that comes before we are ready is not to leave daemon.pid behind
    lock = born.data.lock()
    try:
        now = host.now().mono
        place = _place(
            wanted, born.data, log, after(now, FORMER_WEB_ENDS_WITHIN) if lock.is_inherited else now
        )
        history = birth.history_of(born, log)
        for warning in born.config.warnings:
            log.warn(warning.spelled(wanted.config_path))
        secret = password.find_or_make(os.environ, born.data, host.random_bytes)
        if secret.is_fresh:
            show(secret, born.data)
        access = Access(
            history, log, password=secret, port=place.port, now=host.wall(), random_bytes=host.random_bytes
        )
        notifier = Notifier.from_env(os.environ)
        return Daemon(loop, born, place, history, log, access=access, notifier=notifier).run()
    finally:
        lock.release()


def _place(wanted: Wanted, data: DataDir, log: Log, until: Mono) -> Place:
    """Raises: CannotListen, PortInUse, UsageError."""
    proxies = listener.trusted_proxies(os.environ.get(listener.TRUST_PROXY, ""))
    sock = listener.listen(wanted.host, wanted.port, until=until)
    address = listener.address_of(sock)
    if not listener.is_loopback(sock):
        log.warn(
            "listening beyond this machine, unencrypted: put a reverse proxy with TLS in front of it",
            host=address,
        )
    name = fingerprint(host.machine_id(), data.absolute)
    return Place(sock, address, listener.port_of(sock), name, proxies)
