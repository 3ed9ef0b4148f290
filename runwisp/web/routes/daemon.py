"""The daemon and its machine: health, what it is, how busy it is, and the description of this API.

Called through the table.
"""

from __future__ import annotations

import os
import stat
from importlib import import_module

from runwisp import host, machine
from runwisp.clock import SECOND, Wall, spell
from runwisp.configdigest import digest
from runwisp.version import VERSION
from runwisp.web.records import DeliveriesRecord, Healthy, Info, Sample, SystemRecord
from runwisp.web.routing import Access, Reply, Request, Route
from runwisp.web.site import Site
from runwisp.web.vitals import percent
from runwisp.webwire import Health

STATUSES = {Health.STARTING: 200, Health.OK: 200, Health.DEGRADED: 503, Health.STOPPING: 503}

CAPABILITIES = (
    "run_stream",
    "log_stream",
    "log_search",
    "log_download",
    "daemon_log",
    "notifications",
    "launch_ticket",
    "system_history",
)
"""What a client may rely on, as later versions will have more."""


def health(site: Site, _request: Request) -> Reply:
    record = Healthy(
        status=site.board.health,
        version=VERSION,
        fingerprint=site.briefing.fingerprint,
        uptime_seconds=_uptime(site) // SECOND,
    )
    return Reply(record, status=STATUSES[site.board.health])


def info(site: Site, _request: Request) -> Info:
    briefing = site.briefing
    return Info(
        version=VERSION,
        health=site.board.health,
        health_reason=site.board.health_reason or None,
        fingerprint=briefing.fingerprint,
        hostname=machine.identity().host,
        host=briefing.host,
        port=briefing.port,
        external_url=briefing.external_url,
        resolved_timezone=briefing.timezone,
        timezone_source=briefing.timezone_source,
        config_path=briefing.config_path,
        config_loaded_at=Wall(briefing.config_loaded_at),
        config_stale=not _is_loaded(briefing.config_path, briefing.config_digest),
        started_at=Wall(briefing.started_at),
        deliveries=DeliveriesRecord(
            waiting=site.board.deliveries.waiting, dropped=site.board.deliveries.dropped
        ),
        tasks=site.board.names(),
        capabilities=CAPABILITIES,
    )


def system(site: Site, _request: Request) -> SystemRecord:
    identity, memory = machine.identity(), machine.memory()
    cpu_usage, processes = site.vitals.now()
    uptime = _uptime(site) // SECOND * SECOND
    return SystemRecord(
        version=VERSION,
        uptime=spell(uptime),
        uptime_seconds=uptime // SECOND,
        host=identity.host,
        os=identity.os,
        arch=identity.arch,
        cpu_cores=identity.cpu_cores,
        cpu_usage=cpu_usage,
        mem_total=memory.total,
        mem_used=memory.used,
        mem_usage=percent(memory.used, memory.total),
        work_dir=site.briefing.data_dir,
        processes=processes,
    )


def system_history(site: Site, _request: Request) -> tuple[Sample, ...]:
    return site.vitals.samples()


def openapi(_site: Site, _request: Request) -> bytes:
    """Imported only here: it is large, and seldom asked for."""
    return import_module("runwisp.web.openapi").spelled()  # type: ignore[no-any-return]


def _uptime(site: Site) -> int:
    return host.now().mono - site.briefing.started_mono


def _is_loaded(path: str, loaded: str) -> bool:
    """Whether the file is still what the daemon loaded. One that cannot be read is another."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            return stat.S_ISREG(os.fstat(fd).st_mode) and digest(file.read()) == loaded
    except OSError:
        return False


ROUTES = (
    Route(
        method="GET",
        path="/health",
        handler=health,
        summary="Whether the daemon lives.",
        result=Healthy,
        access=Access.OPEN,
        other_statuses=(503,),
    ),
    Route(
        method="GET",
        path="/api/info",
        handler=info,
        summary="The daemon, its configuration and its tasks by name.",
        result=Info,
    ),
    Route(
        method="GET",
        path="/api/system",
        handler=system,
        summary="The machine, and the daemon's own processes.",
        result=SystemRecord,
    ),
    Route(
        method="GET",
        path="/api/system/history",
        handler=system_history,
        summary="How busy the machine was in the last hour: a sample every ten seconds, the oldest first.",
        result=tuple[Sample, ...],
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        summary="This document.",
        result=dict[str, object],
        access=Access.OPEN,
    ),
)
