"""Runs: lists, counts, and single ones.

Called through the table.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from runwisp import host
from runwisp.clock import Wall
from runwisp.errors import Refused, UnknownRun
from runwisp.frozen import frozen
from runwisp.historyreader import Counts
from runwisp.printable import printable
from runwisp.run import EndReason, Phase, Run, Trigger
from runwisp.runlist import FAILED, MOST_SKIPPED, Query, RunStatus, SortDirection, SortField, read, spelled
from runwisp.web.records import DayCount, Message, RunPage, RunRecord, Summary, run_record
from runwisp.web.routing import Request, Route
from runwisp.web.schema import Range, Text
from runwisp.web.site import Site
from runwisp.webwire import DeleteRun, EndRun


@frozen(kw_only=True)
class TaskRunsQuery:
    """`before` is the `next_cursor` of a page with the same filters and order; `offset` counts from the start
    of the list and is ignored beside it. `status` and `triggered_by` are lists with commas; `failed` is
    everything that is listed as failed. `search` looks into names, messages and ids. `created_after` is
    included, `created_before` not. Lists in another order than `created_at` take longer over many runs.
    """

    limit: Annotated[int, Range(1, 1000)] = 50
    offset: Annotated[int, Range(0, MOST_SKIPPED)] = 0
    before: Annotated[str | None, Text(1, 1000)] = None
    status: tuple[RunStatus, ...] = ()
    triggered_by: tuple[Trigger, ...] = ()
    search: Annotated[str, Text(0, 200)] = ""
    created_after: Wall | None = None
    created_before: Wall | None = None
    sort_field: SortField = SortField.CREATED_AT
    sort_direction: SortDirection = SortDirection.DESC


@frozen(kw_only=True)
class RunsQuery(TaskRunsQuery):
    __doc__ = TaskRunsQuery.__doc__

    task_name: Annotated[str | None, Text(1, 100)] = None


def runs(site: Site, request: Request) -> RunPage:
    return _page(site, request.query, request.query.task_name)


def task_runs(site: Site, request: Request) -> RunPage:
    return _page(site, request.query, task_named(site, request))


def run(site: Site, request: Request) -> RunRecord:
    return run_record(found(site, request))


def delete(site: Site, request: Request) -> None:
    site.hub.ask(partial(DeleteRun, run_id=found(site, request).id))


def stop(site: Site, request: Request) -> Message:
    run = found(site, request)
    if run.phase is Phase.ENDED:
        raise Refused(f"run {run.id} has ended already: {run.end_reason}")
    return Message(message=site.hub.ask(partial(EndRun, run_id=run.id))["message"])


def summary(site: Site, _request: Request) -> Summary:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (only who is asked pays for it)

    counts = site.history.counts(host.wall(), ZoneInfo(site.briefing.timezone))
    return _summary(counts)


def task_named(site: Site, request: Request) -> str:
    """A task of the configuration, or one that was and has runs. Raises: UnknownTask."""
    name = request.params["name"]
    if not site.history.knows_task(name):
        site.board.definition(name)
    return name


def found(site: Site, request: Request) -> Run:
    """The run whose id and task the path names. Raises: UnknownRun."""
    return run_named(site, request.params["name"], request.params["id"])


def run_named(site: Site, task_name: str, run_id: str) -> Run:
    """Raises: UnknownRun."""
    run = site.history.run(run_id)
    if run is None or run.task_name != task_name:
        raise UnknownRun(
            f'no run of "{printable(task_name)}" has the id {printable(run_id)}',
            "It may have been deleted by retention; the runs that there are: "
            f"`runwisp runs {printable(task_name)}`",
        )
    return run


def _page(site: Site, asked: TaskRunsQuery, task_name: str | None) -> RunPage:
    query = Query(
        task_name=task_name,
        statuses=frozenset(asked.status),
        triggered_by=frozenset(asked.triggered_by),
        search=asked.search,
        created_after=asked.created_after,
        created_before=asked.created_before,
        sort_field=asked.sort_field,
        is_ascending=asked.sort_direction is SortDirection.ASC,
        limit=asked.limit,
        offset=asked.offset,
    )
    if asked.before is not None:
        query = replace(query, cursor=read(asked.before, query))
    page = site.history.page(query)
    return RunPage(
        runs=tuple(map(run_record, page.runs)),
        total=page.total,
        next_cursor=spelled(page.cursor, query) if page.cursor else None,
    )


def _summary(counts: Counts) -> Summary:
    by_status = counts.by_status
    return Summary(
        total=sum(by_status.values()),
        success=by_status.get(EndReason.SUCCESS, 0),
        failed=sum(by_status.get(reason, 0) for reason in FAILED),
        running=by_status.get(Phase.RUNNING, 0),
        last_failure=run_record(counts.last_failure) if counts.last_failure else None,
        days=tuple(
            DayCount(
                day=day.day.isoformat(),
                total=sum(day.counts.values()),
                success=day.counts.get(EndReason.SUCCESS, 0),
                failed=sum(day.counts.get(reason, 0) for reason in FAILED),
            )
            for day in counts.days
        ),
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/runs",
        handler=runs,
        summary="Runs of all tasks, also of those that are no longer in the configuration.",
        query=RunsQuery,
        result=RunPage,
        refusals=(404, 422, 503),
    ),
    Route(
        method="GET",
        path="/api/runs/summary",
        handler=summary,
        summary="All runs, counted, in all and by day.",
        result=Summary,
        refusals=(503,),
    ),
    Route(
        method="GET",
        path="/api/tasks/{name}/runs",
        handler=task_runs,
        summary="Runs of one task.",
        query=TaskRunsQuery,
        result=RunPage,
        refusals=(404, 422, 503),
    ),
    Route(
        method="GET",
        path="/api/tasks/{name}/runs/{id}",
        handler=run,
        summary="One run.",
        result=RunRecord,
        refusals=(404, 503),
    ),
    Route(
        method="DELETE",
        path="/api/tasks/{name}/runs/{id}",
        handler=delete,
        summary="Delete a run that has ended, its row and its log.",
        result=None,
        status=204,
        refusals=(404, 409, 503),
    ),
    Route(
        method="POST",
        path="/api/tasks/{name}/runs/{id}/stop",
        handler=stop,
        summary="Stop a run that runs or waits.",
        result=Message,
        refusals=(404, 409, 503),
    ),
)
