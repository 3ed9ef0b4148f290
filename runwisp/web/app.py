"""The application: from a request to a handler of the route table, and from what that gives to a response.

Bottle routes and speaks WSGI. Nothing of the API may be kept in a cache; an error is a problem, never a page
and never a trace. The one place that logs what handlers did not expect. Called by ``server``, on
its worker threads.
"""

from __future__ import annotations

import gzip
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from posixpath import normpath
from typing import Any

import bottle

from runwisp import host
from runwisp.auth import Session
from runwisp.daemonlog import Log
from runwisp.errors import (
    CrossSite,
    Internal,
    MethodNotAllowed,
    NotLocal,
    NotLoggedIn,
    RequestInvalid,
    RunWispError,
    UnknownPath,
)
from runwisp.frozen import frozen
from runwisp.web import problems
from runwisp.web.feed import Feed
from runwisp.web.feeds.admitted import AdmittedFeed
from runwisp.web.feeds.events import MEDIA as EVENTS
from runwisp.web.headers import UNCACHED, Headers
from runwisp.web.inputs import Form, body_of, form_of, query_of
from runwisp.web.peers import Peer, Peers, is_by_page, is_local, is_same_origin
from runwisp.web.routes import static
from runwisp.web.routes.auth import cookie_name
from runwisp.web.routing import CHANGING, Access, Reply, Request, Route
from runwisp.web.schema import dumped
from runwisp.web.site import Site
from runwisp.web.table import ROUTES

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

FEED = "runwisp.feed"
"""Where in the environment the server finds a response that goes on without a worker, and whose it is."""

WORTH_GZIP = 1024
GZIP_LEVEL = 1
"""More than four fifths of what the best level saves, in a tenth of its time."""

PASSED = {
    "HTTP_IF_NONE_MATCH": "if-none-match",
    "HTTP_IF_RANGE": "if-range",
    "HTTP_LAST_EVENT_ID": "last-event-id",
    "HTTP_RANGE": "range",
    "HTTP_HOST": "host",
}
"""What of the head handlers see."""


@frozen
class Endpoint:
    """A route made ready."""

    route: Route
    query: Form | None
    body: Form | None
    headers: Headers


def endpoint_of(route: Route) -> Endpoint:
    return Endpoint(
        route,
        form_of(route.query, is_text=True) if route.query else None,
        form_of(route.body, is_text=False) if route.body else None,
        UNCACHED if route.path.startswith("/api/") else (),
    )


class Application:
    """Is itself the WSGI application."""

    def __init__(self, site: Site, log: Log) -> None:
        self._site = site
        self._log = log
        self.peers = Peers(site.briefing.trusted_proxies)
        self._cookie = cookie_name(site.briefing.fingerprint)
        self._router = bottle.Bottle()
        self._router.catchall = False
        self._router.default_error_handler = self._unrouted
        for route in ROUTES:
            rule = route.path.replace("{", "<").replace("}", ">")
            self._router.route(rule, route.method, partial(self._serve, endpoint_of(route)), skip=True)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._router(environ, start_response)  # type: ignore[no-any-return]

    def _serve(self, endpoint: Endpoint, **params: str) -> bottle.HTTPResponse:
        environ: Environ = bottle.request.environ
        return self._guarded(environ, lambda: self._answered(endpoint, environ, params))

    def _unrouted(self, missing: bottle.HTTPError) -> bytes:
        """What no route takes: a file of the dashboard, or a problem."""
        environ: Environ = bottle.request.environ
        allowed = missing.headers.get("Allow", "")
        response = self._guarded(environ, lambda: self._elsewhere(environ, allowed))
        response.apply(bottle.response)
        return response.body  # type: ignore[no-any-return]

    def _guarded(self, environ: Environ, answer: Callable[[], bottle.HTTPResponse]) -> bottle.HTTPResponse:
        try:
            return answer()
        except RunWispError as error:
            return _problem(error, environ)
        except Exception as error:
            self._tell(error, environ)
            return _problem(BUG, environ)

    def _answered(
        self, endpoint: Endpoint, environ: Environ, params: Mapping[str, str]
    ) -> bottle.HTTPResponse:
        route = endpoint.route
        peer = self.peers.of(environ)
        session = self._admitted(route, environ, peer)
        given = query_of(environ["QUERY_STRING"])
        if given and endpoint.query is None:
            raise RequestInvalid(f"{route.path} takes no parameters in the query of the URL.")
        request = Request(
            params=params,
            query=endpoint.query.filled(given) if endpoint.query else None,
            body=endpoint.body.filled(_body(environ)) if endpoint.body else None,
            address=peer.address,
            is_secure=peer.is_secure,
            session=session,
            headers=_passed(environ),
        )
        return self._response(endpoint, route.handler(self._site, request), environ, request)

    def _response(
        self, endpoint: Endpoint, outcome: object, environ: Environ, request: Request
    ) -> bottle.HTTPResponse:
        """Raises: TooManyStreams."""
        route = endpoint.route
        reply = outcome if isinstance(outcome, Reply) else Reply(outcome)
        status = reply.status or route.status
        headers = [*reply.headers, *endpoint.headers]
        record = reply.record
        if record is None:
            headers.append(("Content-Type", "text/plain"))  # else Bottle would say text/html
            return bottle.HTTPResponse(b"", status, headers)
        # Bytes first: whether something is a Feed takes as long to find out as all the rest.
        if not isinstance(record, bytes) and isinstance(record, Feed):
            if environ["REQUEST_METHOD"] != "HEAD":
                self._site.hub.admit(request.address)
            environ[FEED] = self._bound(record, request.session), request.address
            return bottle.HTTPResponse(
                b"", status, [("Content-Type", record.media), *record.headers, *headers]
            )
        headers.append(("Content-Type", route.media))
        content = record if isinstance(record, bytes) else dumped(record)
        return _compressed(content, status, headers, environ)

    def _bound(self, feed: Feed, session: Session | None) -> Feed:
        """A stream has no end but that of its session; a download was begun in time and is finished."""
        if feed.media != EVENTS or session is None:
            return feed
        tokens = self._site.tokens
        return AdmittedFeed(feed, lambda: tokens.is_over(session, host.wall()))

    def _admitted(self, route: Route, environ: Environ, peer: Peer) -> Session | None:
        """Raises: NotLocal, CrossSite; NotLoggedIn where a login is needed."""
        if route.access is Access.LOOPBACK and not is_local(environ):
            raise NotLocal("This is answered only to this very machine, and not through a proxy.")
        token, is_by_cookie = self._token(environ)
        if _is_for_own_page(route, environ, is_by_cookie) and not self._is_own_page(environ, peer):
            raise CrossSite(
                "The page of another site asked for this.",
                "Use RunWisp's own page, or send the token as Authorization: Bearer.",
            )
        if route.access is Access.LOGIN:
            return self._site.tokens.check(token, host.wall())
        try:
            return self._site.tokens.check(token, host.wall()) if token else None
        except NotLoggedIn:
            return None

    def _token(self, environ: Environ) -> tuple[str, bool]:
        """What shows who is asking, or nothing; whether it is a cookie, which a browser adds by itself."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip(), False
        for pair in environ.get("HTTP_COOKIE", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self._cookie:
                return value, True
        return "", False

    def _is_own_page(self, environ: Environ, peer: Peer) -> bool:
        return is_same_origin(environ, peer.is_secure, self._site.briefing.external_url)

    def _elsewhere(self, environ: Environ, allowed: str) -> bottle.HTTPResponse:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if allowed:
            allowed = allowed.replace("GET", "GET,HEAD").replace(",", ", ")
            if method == "OPTIONS":
                return bottle.HTTPResponse(b"", 204, [("Allow", allowed)])
            raise MethodNotAllowed(f"{path} does not take {method}.", f"It takes {allowed}.", allowed)
        if any(f"{each}/".startswith("/api/") for each in (path, f"/{normpath(path).lstrip('/')}")):
            raise UnknownPath(f"The API has nothing at {path}.", "See /openapi.json.")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{path} does not take {method}.", "It takes GET, HEAD.", "GET, HEAD")
        return _static(static.found(path, environ.get("HTTP_IF_NONE_MATCH", "")), environ)

    def _tell(self, error: Exception, environ: Environ) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._log.error(
            "a request failed, which is a bug",
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            error=f"{type(error).__name__}: {error}",
            place=f"{place.filename}:{place.lineno}",
        )


BUG = Internal("Something went wrong that should not have.", "The daemon's log says more; please report it.")


def _is_for_own_page(route: Route, environ: Environ, is_by_cookie: bool) -> bool:
    """It may come from a browser, which another site's page can tell to ask."""
    if environ["REQUEST_METHOD"] in CHANGING:
        return is_by_cookie or "HTTP_ORIGIN" in environ
    return route.is_counted and is_by_page(environ)


def _passed(environ: Environ) -> dict[str, str]:
    """A range is one of GET alone. Source: RFC 9110, section 14.2."""
    found = {name: environ[key] for key, name in PASSED.items() if key in environ}
    if environ["REQUEST_METHOD"] != "GET":
        found.pop("range", None)
    return found


def _body(environ: Environ) -> dict[str, Any]:
    return body_of(environ["wsgi.input"].read(), environ.get("CONTENT_TYPE", ""))


def _static(file: static.File, environ: Environ) -> bottle.HTTPResponse:
    return _compressed(file.content, file.status, [*file.headers], environ)


def _compressed(
    content: bytes, status: int, headers: list[tuple[str, str]], environ: Environ
) -> bottle.HTTPResponse:
    headers.append(("Vary", "Accept-Encoding"))
    if len(content) >= WORTH_GZIP and _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
        content = gzip.compress(content, GZIP_LEVEL, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    return bottle.HTTPResponse(content, status, headers)


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, quality = coding.replace(" ", "").partition(";")
        if name == "gzip":
            return not re.fullmatch(r"q=0(\.0*)?", quality)
    return False


def _problem(error: RunWispError, environ: Environ) -> bottle.HTTPResponse:
    headers = [("Content-Type", problems.MEDIA), *UNCACHED]
    headers += problems.headers_of(error)
    content = problems.body_of(error, environ["PATH_INFO"])
    return bottle.HTTPResponse(content, int(problems.status_of(error)), headers)
