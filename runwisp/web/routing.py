"""What a route is: the one table from which requests are served and the OpenAPI document is made.

Handlers are plain functions on our own records; nothing here knows HTTP libraries. Called by ``app``, which
serves, ``openapi``, which describes, and the modules of ``routes``, which fill the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from runwisp.auth import Session
from runwisp.frozen import frozen
from runwisp.web.site import Site

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that another site's page must not use."""


class Access(Enum):
    OPEN = "open"
    """Without a login."""
    LOGIN = "login"
    LOOPBACK = "loopback"
    """Without a login, from this machine only, never through a proxy."""


@frozen
class Request:
    """``address`` is the person's, behind trusted proxies. ``query`` and ``body`` are of the route's types.
    ``headers`` has lower-case names, and only those that a handler may need.
    """

    params: Mapping[str, str]
    query: Any
    body: Any
    address: str
    is_secure: bool
    session: Session | None
    headers: Mapping[str, str]


@frozen
class Reply:
    """For a handler that says more than a record. ``record`` None is an empty body, bytes are sent as they
    are. ``status`` None is the route's.
    """

    record: object | None
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None


Handler = Callable[[Site, Request], object]
"""Gives a record (JSON), the bytes of one, a Reply, or a Feed (a response that goes on without a worker).

Raises: RunWispError, which ``problems`` turns into a status.
"""


@frozen(kw_only=True)
class Route:
    """``path`` has parameters as ``{name}``. ``query`` and ``body`` are dataclasses whose fields and types
    say what is accepted: str, int, bool, Wall (RFC 3339), enums, Literal, tuples of these (in a query a list
    with commas), or None; with schema's Range and Text. ``result`` is the type of the record, None for an
    empty answer; where ``media`` is not JSON it describes one event of the stream. ``refusals`` are the
    statuses of problems beside those every route has, ``other_statuses`` those that the result may come with
    as well. ``is_counted``: who asks too often is locked out, so that only our own page may, as for a change.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    result: Any
    access: Access = Access.LOGIN
    query: type[Any] | None = None
    body: type[Any] | None = None
    status: int = 200
    media: str = "application/json"
    refusals: tuple[int, ...] = ()
    other_statuses: tuple[int, ...] = ()
    is_counted: bool = False
