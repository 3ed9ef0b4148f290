"""What goes on being told: runs, the daemon's own log, the bell.

Called through the table.
"""

from __future__ import annotations

from runwisp.web.feed import Feed
from runwisp.web.feeds.events import MEDIA
from runwisp.web.live import DaemonLine
from runwisp.web.records import Notice, RunRecord
from runwisp.web.routing import Request, Route
from runwisp.web.site import Site


def runs(site: Site, request: Request) -> Feed:
    return site.live.runs.feed(last_event_id(request))


def daemon_log(site: Site, request: Request) -> Feed:
    return site.live.daemon_log.feed(last_event_id(request))


def notices(site: Site, request: Request) -> Feed:
    return site.live.notices.feed(last_event_id(request))


def last_event_id(request: Request) -> str:
    return request.headers.get("last-event-id", "")


ROUTES = (
    Route(
        method="GET",
        path="/api/runs/stream",
        handler=runs,
        summary="Every run as it changes: `run.created`, `run.started`, `run.completed`, `run.failed`, "
        "`run.updated` with the run; `run.deleted` with its `id` and `task_name`; `ping`. After `reload` the "
        "events before are not to be had any more: ask for the lists anew.",
        result=RunRecord,
        media=MEDIA,
        refusals=(503,),
    ),
    Route(
        method="GET",
        path="/api/daemon/log-stream",
        handler=daemon_log,
        summary="The daemon's own log, the last 100 lines and what comes: `line`; `dropped` with a `count`. "
        "After `reload` it begins anew with the last 100.",
        result=DaemonLine,
        media=MEDIA,
        refusals=(503,),
    ),
    Route(
        method="GET",
        path="/api/notifications/stream",
        handler=notices,
        summary="Every row of the bell, new or changed: `notice`; `ping`; `reload` as in the stream of runs.",
        result=Notice,
        media=MEDIA,
        refusals=(503,),
    ),
)
