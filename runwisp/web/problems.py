"""How an error reads over HTTP: its status, and problem+json (RFC 9457).

Called by ``app`` for errors of handlers, by ``server`` for requests that never reach one, and by ``openapi``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from runwisp.errors import Fault, MethodNotAllowed, RangeUnsatisfiable, RequestInvalid, RunWispError
from runwisp.frozen import frozen

MEDIA = "application/problem+json"

STATUSES: Mapping[str, HTTPStatus] = {
    "request_invalid": HTTPStatus.BAD_REQUEST,
    "not_logged_in": HTTPStatus.UNAUTHORIZED,
    "invalid_password": HTTPStatus.UNAUTHORIZED,
    "invalid_challenge": HTTPStatus.UNAUTHORIZED,
    "invalid_ticket": HTTPStatus.UNAUTHORIZED,
    "cross_site": HTTPStatus.FORBIDDEN,
    "not_local": HTTPStatus.FORBIDDEN,
    "trigger_forbidden": HTTPStatus.FORBIDDEN,
    "unknown_path": HTTPStatus.NOT_FOUND,
    "unknown_task": HTTPStatus.NOT_FOUND,
    "unknown_run": HTTPStatus.NOT_FOUND,
    "unknown_cursor": HTTPStatus.NOT_FOUND,
    "unknown_notice": HTTPStatus.NOT_FOUND,
    "log_unavailable": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "refused": HTTPStatus.CONFLICT,
    "run_unfinished": HTTPStatus.CONFLICT,
    "not_started": HTTPStatus.CONFLICT,
    "query_too_long": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_attempts": HTTPStatus.TOO_MANY_REQUESTS,
    "range_unsatisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "search_too_long": HTTPStatus.BAD_REQUEST,
    "search_stuck": HTTPStatus.SERVICE_UNAVAILABLE,
    "search_busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_connections": HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_streams": HTTPStatus.SERVICE_UNAVAILABLE,
    "daemon_silent": HTTPStatus.SERVICE_UNAVAILABLE,
    "daemon_starting": HTTPStatus.SERVICE_UNAVAILABLE,
    "daemon_stopping": HTTPStatus.SERVICE_UNAVAILABLE,
    "history": HTTPStatus.SERVICE_UNAVAILABLE,
    "history_busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "history_malformed": HTTPStatus.SERVICE_UNAVAILABLE,
    "history_unwritable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""By the codes of errors; any other is a bug."""


@frozen
class FaultRecord:
    """One thing wrong with a request: ``where`` is the parameter or the field of the body."""

    where: str
    message: str


@frozen
class ProblemRecord:
    """``detail`` says what is wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FaultRecord, ...]


def status_of(error: RunWispError) -> HTTPStatus:
    return STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def body_of(error: RunWispError, instance: str) -> bytes:
    """``instance`` is the path that was asked for."""
    faults = error.faults if isinstance(error, RequestInvalid) else ()
    detail = f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message
    return spelled(status_of(error), error.code, detail, instance, faults)


def headers_of(error: RunWispError) -> list[tuple[str, str]]:
    headers = []
    if error.retry_after:
        headers.append(("Retry-After", str(error.retry_after)))
    if isinstance(error, RangeUnsatisfiable):
        headers.append(("Content-Range", f"bytes */{error.size}"))
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", error.allowed))
    if status_of(error) is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    return headers


def spelled(status: HTTPStatus, code: str, detail: str, instance: str, faults: Sequence[Fault] = ()) -> bytes:
    problem = {
        "type": f"urn:runwisp:error:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": instance,
        "errors": [{"where": fault.where, "message": fault.message} for fault in faults],
    }
    return json.dumps(problem).encode()
