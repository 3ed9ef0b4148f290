"""Tasks and services: what they are, how they fare, and what a person may do with them.

Called through the table.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Annotated

from runwisp.clock import Wall
from runwisp.errors import NotStarted
from runwisp.frozen import frozen
from runwisp.run import EndReason
from runwisp.runmeta import run_of_row
from runwisp.web.records import FiringRecord, Message, RunRecord, TaskRecord, run_record
from runwisp.web.routing import Request, Route
from runwisp.web.schema import Range
from runwisp.web.site import Site
from runwisp.webwire import Restart, Stop, Trigger

NOT_STARTED = (EndReason.SKIPPED, EndReason.QUEUE_FULL)


@frozen(kw_only=True)
class FiringsQuery:
    limit: Annotated[int, Range(1, 100)] = 10


def tasks(site: Site, _request: Request) -> bytes:
    return site.board.tasks()


def task(site: Site, request: Request) -> bytes:
    return site.board.task(request.params["name"])


def firings(site: Site, request: Request) -> tuple[FiringRecord, ...]:
    """Those of an even interval follow from the next one, those of the calendar from the moment before it."""
    from runwisp import schedule  # noqa: PLC0415  (half a megabyte with zones: only who is asked pays for it)

    name, query = request.params["name"], request.query
    first = site.board.next_run_at(name)
    if first is None:
        return ()
    definition = site.board.definition(name)
    found = schedule.parse(definition["cron"], definition["timezone"])
    before = first - found.length if isinstance(found, schedule.Every) else first - 1
    ticks = islice(found.ticks_after(Wall(before)), query.limit)
    return tuple(FiringRecord(at=t.at, local=t.local.isoformat(), note=t.note) for t in ticks)


def trigger(site: Site, request: Request) -> RunRecord:
    name = request.params["name"]
    run = run_of_row(site.hub.ask(partial(Trigger, task_name=name))["run"])
    if run.end_reason in NOT_STARTED:
        raise NotStarted(run.message)
    return run_record(run)


def restart(site: Site, request: Request) -> Message:
    name = request.params["name"]
    return Message(message=site.hub.ask(partial(Restart, task_name=name))["message"])


def stop(site: Site, request: Request) -> Message:
    name = request.params["name"]
    return Message(message=site.hub.ask(partial(Stop, task_name=name))["message"])


ROUTES = (
    Route(
        method="GET",
        path="/api/tasks",
        handler=tasks,
        summary="Every task and service, in the order of the file, and how it fares.",
        result=tuple[TaskRecord, ...],
    ),
    Route(
        method="GET",
        path="/api/tasks/{name}",
        handler=task,
        summary="A task or service, and how it fares.",
        result=TaskRecord,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/api/tasks/{name}/firings",
        handler=firings,
        summary="When it fires next; empty for what has no schedule.",
        query=FiringsQuery,
        result=tuple[FiringRecord, ...],
        refusals=(404,),
    ),
    *(
        Route(
            method="POST",
            path=f"/api/tasks/{{name}}/{word}",
            handler=trigger,
            summary="Start it now. 409 where it was skipped, its queue is full or it is a running service.",
            result=RunRecord,
            status=201,
            refusals=(403, 404, 409, 503),
        )
        for word in ("trigger", "run")
    ),
    Route(
        method="POST",
        path="/api/tasks/{name}/restart",
        handler=restart,
        summary="Stop and start a service, or start a stopped one.",
        result=Message,
        refusals=(403, 404, 409, 503),
    ),
    Route(
        method="POST",
        path="/api/tasks/{name}/stop",
        handler=stop,
        summary="Stop a service until it is started again, or all running and waiting runs of a task.",
        result=Message,
        refusals=(404, 409, 503),
    ),
)
