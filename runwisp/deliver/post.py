"""One HTTP POST, and what its answer means for a message: arrived, to be tried again, or in vain.

The home of http.client among what deliver does. Follows no redirect, as what is sent is for nobody but the
address in the configuration; verifies TLS; reads no more of an answer than it tells. Called by the channels
that are web services.
"""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from math import isnan
from urllib.parse import SplitResult, quote, unquote, urlsplit

from runwisp import host
from runwisp.clock import SECOND, Millis, wall_of
from runwisp.errors import NotDelivered
from runwisp.frozen import frozen
from runwisp.version import VERSION

LONGEST_ANSWER = 65_536
PATIENCE = 20.0
"""Seconds for a single step; what bounds all of them together is shorter and not here."""

AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""What of 4xx may go away."""

LONGEST_WAIT: Millis = 24 * 3600 * SECOND
EXPLAINING = ("description", "errorDescription", "message", "detail", "error")
"""Where JSON answers of services say in a sentence what is wrong."""

AS_IT_IS = "%/:?#[]@!$&'()*+,;=-._~"
"""Of a URL; what else there is in it, no request line can carry."""


@frozen
class Target:
    """Where to post: ``place`` is what errors call it."""

    url: str
    place: str


def post_json(target: Target, document: object, key: str, headers: Mapping[str, str] | None = None) -> None:
    """Raises: NotDelivered."""
    content = json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace")
    post(target, content, key, headers)


def post(target: Target, content: bytes, key: str, headers: Mapping[str, str] | None = None) -> None:
    """``key`` is the same in every attempt to send one message. ``headers`` take the place of the usual ones.

    Raises: NotDelivered.
    """
    address = urlsplit(target.url)
    usual = {"Content-Type": "application/json; charset=utf-8", **_login(address)}
    ours = {"User-Agent": f"runwisp/{VERSION}", "Idempotency-Key": key, "Connection": "close"}
    sent = _merged(usual, headers or {}, ours)
    try:
        with closing(_connection(address)) as connection:
            connection.request("POST", _path(address), content, sent)
            with _answer(connection) as answer:
                _judge(answer, target.place)
    except UnicodeError as error:
        raise NotDelivered(f"{target.place}: its address or a header is not ASCII", is_final=True) from error
    except (OSError, HTTPException) as error:
        raise NotDelivered(f"{target.place}: {why(error)}", is_final=False) from error


def place_of(url: str) -> str:
    """What errors call the server at a URL that is no secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def why(error: Exception) -> str:
    """What went wrong between here and there, for a person. Also of what is not HTTP."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionResetError() | BrokenPipeError():
            return "the connection was lost before an answer came"
        case TimeoutError():
            return "no answer in time"
        case OSError() if error.strerror:
            return error.strerror[:1].lower() + error.strerror[1:]
        case HTTPException():
            return "what answers there is not HTTP"
        case _:
            return type(error).__name__


def _connection(address: SplitResult) -> HTTPConnection:
    assert address.hostname
    if address.scheme.lower() == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(address.hostname, address.port, timeout=PATIENCE, context=context)
    return HTTPConnection(address.hostname, address.port, timeout=PATIENCE)


def _merged(*several: Mapping[str, str]) -> dict[str, str]:
    """Of those with the same name, however it is written, the last."""
    found = {name.lower(): (name, value) for headers in several for name, value in headers.items()}
    return dict(found.values())


def _path(address: SplitResult) -> str:
    query = f"?{address.query}" if address.query else ""
    return quote(f"{address.path or '/'}{query}", safe=AS_IT_IS)


def _login(address: SplitResult) -> dict[str, str]:
    """User and password in a URL are sent as every client does."""
    if address.username is None:
        return {}
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _answer(connection: HTTPConnection) -> HTTPResponse:
    """Of those that come before it http.client passes over 100 only. Source: RFC 9110, section 15.2."""
    response = connection.getresponse()
    while response.status < 200:
        response.headers = None  # type: ignore[assignment]
        response.begin()
    return response


def _judge(response: HTTPResponse, place: str) -> None:
    """2xx is an acknowledgement whatever becomes of what follows it.

    Raises: NotDelivered.
    """
    status = response.status
    if 200 <= status < 300:
        return
    told = f"{place} answered {status} {response.reason or ''}".rstrip()
    if 300 <= status < 400:
        raise NotDelivered(f"{told}: redirects are not followed; write the URL it leads to", is_final=True)
    explained = _explained(_content(response))
    raise NotDelivered(
        f"{told}: {explained}" if explained else told,
        is_final=400 <= status < 500 and status not in AGAIN,
        retry_after_ms=_retry_after(response.headers),
    )


def _content(response: HTTPResponse) -> bytes:
    try:
        return response.read(LONGEST_ANSWER)
    except (OSError, HTTPException):
        return b""


def _explained(content: bytes) -> str:
    """What the service itself says; nothing where that is a web page."""
    text = content.decode(errors="replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        text = next((str(found[name]) for name in EXPLAINING if found.get(name)), text)
    return "" if text.startswith("<") else text


def _retry_after(headers: HTTPMessage) -> Millis | None:
    """Source: RFC 9110, section 10.2.3: seconds or a date. Some services write fractions."""
    given = (headers.get("Retry-After") or "").strip()
    try:
        wait = float(given) * SECOND
    except ValueError:
        try:
            wait = wall_of(_aware(parsedate_to_datetime(given))) - host.wall()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if isnan(wait) else round(min(max(wait, 0), LONGEST_WAIT))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
