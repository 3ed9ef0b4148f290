"""The bell: rows about what somebody may want to know, and which of them were read.

Called through the table.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from runwisp.clock import Wall
from runwisp.errors import UnknownNotice
from runwisp.frozen import frozen
from runwisp.printable import printable
from runwisp.web.records import NoticePage, UnreadCount, notice_record
from runwisp.web.routing import Request, Route
from runwisp.web.schema import Range, Text
from runwisp.web.site import Site
from runwisp.webwire import MarkNotices


@frozen(kw_only=True)
class NoticesQuery:
    """`before` is the `next_cursor` of another page."""

    limit: Annotated[int, Range(1, 1000)] = 50
    before: Annotated[str | None, Text(1, 50, r"[0-9]{1,15}\.[0-9A-Z]{26}")] = None


def notices(site: Site, request: Request) -> NoticePage:
    query: NoticesQuery = request.query
    before = None
    if query.before is not None:
        instant, _, notice_id = query.before.partition(".")
        before = Wall(int(instant)), notice_id
    rows = site.history.notices(query.limit + 1, before)
    found = tuple(map(notice_record, rows[: query.limit]))
    has_more = len(rows) > query.limit
    return NoticePage(
        notices=found,
        unread_count=site.history.unread_count(),
        next_cursor=f"{found[-1].updated_at}.{found[-1].id}" if has_more else None,
    )


def unread_count(site: Site, _request: Request) -> UnreadCount:
    return UnreadCount(unread_count=site.history.unread_count())


def read_all(site: Site, _request: Request) -> None:
    site.hub.ask(partial(MarkNotices, ids=None, is_read=True))


def read(site: Site, request: Request) -> None:
    _mark(site, request.params["id"], is_read=True)


def unread(site: Site, request: Request) -> None:
    _mark(site, request.params["id"], is_read=False)


def _mark(site: Site, notice_id: str, *, is_read: bool) -> None:
    if not site.history.has_notice(notice_id):
        raise UnknownNotice(
            f"there is no notification {printable(notice_id)}", "It may be too old to be kept still."
        )
    site.hub.ask(partial(MarkNotices, ids=(notice_id,), is_read=is_read))


ROUTES = (
    Route(
        method="GET",
        path="/api/notifications",
        handler=notices,
        summary="What somebody may want to know, the newest first.",
        query=NoticesQuery,
        result=NoticePage,
        refusals=(503,),
    ),
    Route(
        method="GET",
        path="/api/notifications/unread-count",
        handler=unread_count,
        summary="How much of it nobody has read.",
        result=UnreadCount,
        refusals=(503,),
    ),
    Route(
        method="POST",
        path="/api/notifications/read",
        handler=read_all,
        summary="All of it was read.",
        result=None,
        status=204,
        refusals=(503,),
    ),
    Route(
        method="POST",
        path="/api/notifications/{id}/read",
        handler=read,
        summary="It was read.",
        result=None,
        status=204,
        refusals=(404, 503),
    ),
    Route(
        method="POST",
        path="/api/notifications/{id}/unread",
        handler=unread,
        summary="It is to be read again.",
        result=None,
        status=204,
        refusals=(404, 503),
    ),
)
