"""Logging in and out, and the one-time link that opens a browser already logged in.

The daemon knows the password and counts who fails; whom it accepts gets a token here. Called through the
table.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from runwisp import host
from runwisp.auth import LIFETIME
from runwisp.clock import SECOND, Wall
from runwisp.errors import NotLocal
from runwisp.frozen import frozen
from runwisp.localurl import connectable, local_url
from runwisp.web.peers import is_loopback
from runwisp.web.routing import Access, Reply, Request, Route
from runwisp.web.schema import Text
from runwisp.web.site import Site
from runwisp.webwire import Challenge, Login, OpenLaunch, Revoke, UseLaunch

HEX64 = Text(64, 64, "[0-9a-f]{64}")


@frozen
class Status:
    """``auth_required`` is always true: there is no daemon without a password."""

    authenticated: bool
    auth_required: bool


@frozen
class Nonce:
    """Answer with ``hex(sha256(password + ":" + nonce))``, once, within five minutes."""

    nonce: Annotated[str, HEX64]


@frozen
class Credentials:
    nonce: Annotated[str, HEX64]
    response: Annotated[str, HEX64]


@frozen
class Token:
    token: str
    expires_at: Wall


@frozen
class LaunchTicket:
    """``url`` opens the dashboard, logged in, in a browser on the daemon's machine: once, within a minute."""

    ticket: str
    url: str


@frozen
class LaunchQuery:
    ticket: Annotated[str, Text(1, 200)]


def cookie_name(fingerprint: str) -> str:
    """Cookies know no ports: two daemons of one host must not log each other out."""
    return f"runwisp_jwt_{fingerprint}"


def status(_site: Site, request: Request) -> Status:
    return Status(authenticated=request.session is not None, auth_required=True)


def challenge(site: Site, request: Request) -> Nonce:
    answer = site.hub.ask(partial(Challenge, address=request.address))
    return Nonce(answer["nonce"])


def login(site: Site, request: Request) -> Reply:
    given: Credentials = request.body
    site.hub.ask(partial(Login, address=request.address, nonce=given.nonce, response=given.response))
    token, expires_at = site.tokens.issue(host.wall())
    return Reply(Token(token, expires_at), (_cookie(site, request, token, LIFETIME),))


def logout(site: Site, request: Request) -> Reply:
    session = request.session
    assert session
    site.hub.ask(partial(Revoke, token_id=session.token_id, expires_at=session.expires_at * SECOND))
    site.tokens.revoke(session, host.wall())
    return Reply(None, (_cookie(site, request, "", 0),))


def launch_ticket(site: Site, _request: Request) -> LaunchTicket:
    """Raises: NotLocal where nobody could use one, as who connects to an address of ours comes from it."""
    address = connectable(site.briefing.host)
    url = local_url(address, site.briefing.port)
    if not is_loopback(address):
        raise NotLocal(
            f"Such a link is answered on loopback only, and the daemon listens at {address}.",
            f"Open {url} and log in with the password.",
        )
    ticket = site.hub.ask(OpenLaunch)["secret"]
    return LaunchTicket(ticket, f"{url}/api/auth/launch?ticket={ticket}")


def launch(site: Site, request: Request) -> Reply:
    query: LaunchQuery = request.query
    site.hub.ask(partial(UseLaunch, secret=query.ticket))
    token, _ = site.tokens.issue(host.wall())
    return Reply(None, (("Location", "/"), _cookie(site, request, token, LIFETIME)))


def _cookie(site: Site, request: Request, token: str, max_age: int) -> tuple[str, str]:
    name = cookie_name(site.briefing.fingerprint)
    secure = "; Secure" if request.is_secure else ""
    return (
        "Set-Cookie",
        f"{name}={token}; Path=/api/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}",
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/auth/status",
        handler=status,
        summary="Whether the request is logged in.",
        result=Status,
        access=Access.OPEN,
    ),
    Route(
        method="GET",
        path="/api/auth/challenge",
        handler=challenge,
        summary="The first step of logging in.",
        result=Nonce,
        access=Access.OPEN,
        refusals=(429,),
        is_counted=True,
    ),
    Route(
        method="POST",
        path="/api/auth",
        handler=login,
        summary="The second step of logging in.",
        body=Credentials,
        result=Token,
        access=Access.OPEN,
        refusals=(401, 429),
    ),
    Route(
        method="POST",
        path="/api/auth/logout",
        handler=logout,
        summary="Ends the session: its token counts no more.",
        result=None,
        status=204,
    ),
    Route(
        method="POST",
        path="/api/auth/launch-ticket",
        handler=launch_ticket,
        summary="A one-time link that opens a browser already logged in.",
        result=LaunchTicket,
    ),
    Route(
        method="GET",
        path="/api/auth/launch",
        handler=launch,
        summary="Logs a browser on the daemon's machine in by a launch ticket.",
        query=LaunchQuery,
        result=None,
        status=303,
        access=Access.LOOPBACK,
        refusals=(401, 403),
    ),
)
