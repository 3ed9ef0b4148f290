"""Web as the daemon sees it: a sidecar that is told everything, may ask for anything, and on which nothing
depends.

Owns the listening socket, which stays open so that connections wait while web starts again. Must never wait
for web, nor let pile up what web does not take. Called by the daemon's main.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from socket import AF_UNIX, SOCK_SEQPACKET, socket, socketpair

from runwisp import host
from runwisp.clock import Now
from runwisp.daemon.access import Access
from runwisp.daemon.birth import Born
from runwisp.daemon.briefing import pieces
from runwisp.daemon.control import Control, Powers
from runwisp.daemon.effects import Reply
from runwisp.daemon.engine import Engine
from runwisp.daemon.sidecars import Sidecar, User
from runwisp.daemon.supervisor import Supervisor
from runwisp.daemon.ticker import Ticker
from runwisp.daemon.weblink import WebLink
from runwisp.daemonlog import Log
from runwisp.daemonstate import DaemonState
from runwisp.frozen import frozen
from runwisp.history import Deleted, notice_row
from runwisp.link import Link
from runwisp.notice import Notice
from runwisp.replica import ReplicaState
from runwisp.run import Phase, Run
from runwisp.runmeta import row_of
from runwisp.webwire import (
    FROM_WEB,
    Briefing,
    Deliveries,
    FromWeb,
    Health,
    HealthChanged,
    HistoryRenewed,
    LogLine,
    NoticeSaved,
    Processes,
    RunsDeleted,
    Serving,
    TaskChanged,
)
from runwisp.wire import FromPump

WEB = "runwisp.web.main"
MOST_WAITING = 10_000
"""Messages that may wait for web, beside a few for each task and the whole bell, which may be marked at once:
more than any burst of runs gives."""


@frozen
class Place:
    """Where the daemon is reached: ``host`` is the address, whatever name it was given by."""

    sock: socket
    host: str
    port: int
    fingerprint: str
    trusted_proxies: tuple[str, ...]


@frozen
class Deeds:
    """What the daemon's main does for web."""

    delete_run: Callable[[str, Now], None]
    mark_notices: Callable[[tuple[str, ...] | None, bool], None]
    served: Callable[[], None]
    deliveries: Callable[[], Deliveries]


class WebSide:
    """``start`` once the first services are up, ``turned`` after every turn, ``stop`` when nothing runs any
    more."""

    def __init__(
        self,
        place: Place,
        born: Born,
        engine: Engine,
        supervisor: Supervisor,
        log: Log,
        *,
        access: Access,
        deeds: Deeds,
    ) -> None:
        self._place = place
        self._born = born
        self._engine = engine
        self._supervisor = supervisor
        self._access = access
        self._log = log
        self._deeds = deeds
        self._began = host.now()
        self._ticker: Ticker | None = None
        self._introduced: tuple[Link[FromWeb], Link[FromPump]] | None = None
        self._between: tuple[socket, ...] = ()
        self._health = HealthChanged(Health.STARTING, "")
        self._processes = Processes(())
        self._deliveries = Deliveries(0, 0)
        most = MOST_WAITING + 4 * len(supervisor.definitions) + born.config.notify.history_keep
        self._link = WebLink(most, self._give_up)
        user = User(self._attach, self._link.detach, self._hear)
        self._sidecar: Sidecar[FromWeb] = engine.sidecar(WEB, FROM_WEB, user, needs_packages=True)
        powers = Powers(
            ask=lambda asked: engine.feed([asked]),
            answer=self._link.tell,
            delete_run=lambda run_id: deeds.delete_run(run_id, host.now()),
            revoke_token=access.revoke,
            mark_notices=deeds.mark_notices,
        )
        self._control = Control(supervisor.definitions, engine.recorder, access.logins, powers)
        log.follow = lambda line: self._link.tell(LogLine(line))

    def start(self, now: Now) -> None:
        """Once, however often it is called."""
        if self._sidecar.state is ReplicaState.STOPPED:
            self._sidecar.start(now)

    def begun(self, ticker: Ticker) -> None:
        """The tasks have their schedules now, and services are started."""
        self._ticker = ticker
        self._tell_tasks(self._supervisor.definitions)

    def stop(self) -> None:
        self._sidecar.stop()
        self._place.sock.close()
        self._introduce()

    def saved(self, run: Run) -> None:
        self._link.saved(run)

    def replied(self, reply: Reply) -> None:
        self._control.replied(reply)

    def deleted(self, runs: Deleted) -> None:
        for task_name, group in groupby(runs, itemgetter(0)):
            self._link.tell(RunsDeleted(task_name, tuple(run_id for _, run_id in group)))

    def noticed(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._link.tell(NoticeSaved(notice_row(notice)), notice.id)

    def renewed(self) -> None:
        self._link.tell(HistoryRenewed(), "")

    def turned(self, fired: Iterable[str]) -> None:
        """Tells what became of the turn; these tasks fired."""
        self._introduce()
        if not self._link.is_up:
            return
        self._tell_tasks({*fired, *self._control.touched})
        self._control.touched.clear()
        if self._health != (health := self._health_now()):
            self._health = health
            self._link.tell(health, "")
        if self._processes != (processes := self._processes_now()):
            self._processes = processes
            self._link.tell(processes, "")
        if self._deliveries != (deliveries := self._deeds.deliveries()):
            self._deliveries = deliveries
            self._link.tell(deliveries, "")
        self._link.flush()

    def _introduce(self) -> None:
        """Web and pump to each other, whichever is new. We keep the ends as long as both are there: a link
        may still have to send them, and each is to see the other's end when it dies."""
        web, pump = self._sidecar.link, self._engine.pump.link
        both = (web, pump) if web and pump else None
        if both == self._introduced:
            return
        self._introduced = both
        for end in self._between:
            end.close()
        self._between = ()
        if both:
            self._between = ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
            self._link.introduce(ours.fileno())
            self._engine.outputs.introduce(theirs.fileno())

    def _tell_tasks(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._supervisor.definitions:
                self._link.tell(TaskChanged(*self._standing(name)), name)

    def _attach(self, link: Link[FromWeb]) -> None:
        self._health, self._processes = self._health_now(), self._processes_now()
        self._deliveries = self._deeds.deliveries()
        self._link.attach(link, self._place.sock.fileno(), self._briefing())

    def _hear(self, message: FromWeb) -> None:
        if isinstance(message, Serving):
            self._link.welcomed()
            self._deeds.served()
        else:
            self._control.asked(message)

    def _give_up(self) -> None:
        self._log.error(
            "web does not take what it is told; it is ended and started again", pid=self._sidecar.pid
        )
        self._sidecar.kill()

    def _briefing(self) -> Iterator[bytes]:
        config, place, tasks = self._born.config, self._place, self._supervisor.definitions
        unfinished = (run for run in self._supervisor.unfinished() if run.phase is not Phase.ENDED)
        briefing = Briefing(
            data_dir=self._born.data.absolute,
            fingerprint=place.fingerprint,
            host=place.host,
            port=place.port,
            started_at=self._born.life.started_at,
            started_mono=self._began.mono,
            config_path=os.path.join(config.folder, os.path.basename(config.path)),
            config_digest=config.text_digest,
            config_loaded_at=self._born.life.started_at,
            timezone=config.timezone,
            timezone_source=config.timezone_source,
            external_url=config.external_url,
            token_secret=self._access.token_secret,
            revoked_tokens=self._access.revoked,
            trusted_proxies=place.trusted_proxies,
            definitions=(),
            tasks=tuple(self._standing(name) for name in tasks),
            unfinished=tuple(row_of(run) for run in unfinished),
            processes=self._processes.processes,
            deliveries=(self._deliveries.waiting, self._deliveries.dropped),
            health=self._health.health,
            health_reason=self._health.reason,
            log_lines=tuple(self._log.last_lines),
            log_level=self._log.level,
            log_format=self._log.shape,
        )
        return pieces(briefing, tasks)

    def _standing(self, name: str) -> tuple[str, int | None, bool]:
        service = self._supervisor.services.get(name)
        next_run_at = self._ticker.next_run_at(name) if self._ticker else None
        return name, next_run_at, service is not None and service.is_stopped

    def _health_now(self) -> HealthChanged:
        recorder = self._engine.recorder
        match self._supervisor.state:
            case DaemonState.STARTING:
                return HealthChanged(Health.STARTING, "")
            case DaemonState.STOPPING:
                return HealthChanged(Health.STOPPING, f"stopped by {self._supervisor.stopped_by}")
            case DaemonState.RUNNING if recorder.is_degraded:
                return HealthChanged(Health.DEGRADED, f"the history cannot be written: {recorder.reason}")
            case DaemonState.RUNNING:
                return HealthChanged(Health.OK, "")

    def _processes_now(self) -> Processes:
        found = (("daemon", os.getpid()), ("pump", self._engine.pump.pid), ("web", self._sidecar.pid))
        return Processes(tuple((role, pid) for role, pid in found if pid))
