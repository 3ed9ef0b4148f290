"""The daemon over HTTP, as console and command line speak to it.

The home of http.client. Never sends the password itself. Called by console and command line; ``health`` and
``other_daemon`` also by the command that starts a daemon and finds its port taken.
"""

from __future__ import annotations

import json
import socket
import time
from _thread import allocate_lock  # without the rest of threading, which commands have no use for
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from runwisp import errors, host, login
from runwisp.clock import SECOND, Millis
from runwisp.errors import (
    DaemonSilent,
    DaemonStopping,
    InvalidPassword,
    NotLoggedIn,
    OtherDaemon,
    RunWispError,
    Unreachable,
)
from runwisp.eventstream import ServerEvent, parsed
from runwisp.localurl import connectable, local_url
from runwisp.version import VERSION

PATIENCE = 30.0
"""Seconds that an answer may take. A connection made while web starts anew waits for it."""

QUIET = 45.0
"""Seconds without a byte after which a stream is dead: the daemon sends a comment every 15."""

GONE_FOR: Millis = 20 * SECOND
"""How long a stream may be gone until it is given up."""

PAUSES = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each attempt to take up a stream; the last one again and again."""

GLANCE: Millis = 2 * SECOND
LONGEST_HEALTH = 65_536
CHUNK = 65_536
PIECE = 1_048_576
"""Of a stream: all that has come, as a rule."""

STRANGER = "Something else than RunWisp answers there: check --host and --port."

PASSING = (Unreachable, DaemonSilent, DaemonStopping, NotLoggedIn)
"""What a stream is taken up again after, as after everything that says when to come back."""


class Client:
    """One daemon, at ``url``.

    Every request has a connection of its own, so that none is ever sent on one that the daemon has given up.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._token = ""
        self._password = ""
        self._logging_in = allocate_lock()

    @property
    def password(self) -> str:
        """Empty before the login, and when it has been refused since. To be shown to nobody but who asks."""
        return self._password

    @property
    def is_local(self) -> bool:
        """Whether the URL is one of this very machine."""
        name = urlsplit(self.url).hostname or ""
        return name in ("localhost", "::1") or name.startswith("127.")

    def health(self) -> Mapping[str, Any]:
        """What /health says, also while it is 503. Raises: Unreachable, also for what is not RunWisp."""
        with self._answer("GET", "/health") as response:
            found = self._json(response.read(LONGEST_HEALTH))
        if not isinstance(found, dict) or found.get("app") != "runwisp":
            raise self._unreachable(STRANGER)
        return found

    def log_in(self, password: str) -> None:
        """Raises: InvalidPassword, TooManyAttempts, Unreachable."""
        nonce = self._asked("GET", path("auth", "challenge"))["nonce"]
        answer = {"nonce": nonce, "response": login.answer(password, nonce)}
        self._token = self._asked("POST", path("auth"), answer)["token"]
        self._password = password

    def get(self, where: str, **query: object) -> Any:
        """The JSON at a path; of the query, what is None is left out.

        Raises: Unreachable, and whatever the daemon refuses with.
        """
        where = _located(where, query)
        try:
            return self._renewing(lambda: self._asked("GET", where))
        except Unreachable as error:
            # Web was ended while it answered: the next one takes the connection as soon as it is there.
            if not isinstance(error.__cause__, ConnectionResetError):
                raise
            return self._asked("GET", where)

    def post(self, where: str, body: object = None) -> Any:
        """What was asked for may have been done all the same when this raises Unreachable."""
        return self._renewing(lambda: self._asked("POST", where, body))

    def delete(self, where: str) -> Any:
        return self._renewing(lambda: self._asked("DELETE", where))

    def bytes_of(self, where: str) -> Iterator[bytes]:
        """What is at a path, in pieces. Raises: Unreachable also where the end is missing."""
        with self._answer("GET", where) as response:
            while piece := response.read(CHUNK):
                yield piece
            if response.length:
                raise self._unreachable("The connection was lost before everything had come: try again.")

    def events(self, where: str, gone_for: Millis = GONE_FOR, **query: object) -> Iterator[ServerEvent]:
        """The events of a stream, taken up where it was lost, also with a daemon that was started again.

        Ends when its reader does. Raises: Unreachable after ``gone_for`` without the daemon, at once where it
        was not there to begin with; whatever the daemon refuses with.
        """
        where, last_id = _located(where, query), ""
        attempt, lost_at, has_opened = 0, None, False
        while True:
            try:
                with self._stream(where, last_id) as response:
                    has_opened, lost_at = True, None
                    for event in parsed(iter(response.readline, b""), last_id):
                        attempt, last_id = 0, event.id
                        yield event
            except RunWispError as error:
                now = host.now().mono
                lost_at = now if lost_at is None else lost_at
                is_passing = isinstance(error, PASSING) or error.retry_after
                if not has_opened or not is_passing or now - lost_at >= gone_for:
                    raise
            time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    @contextmanager
    def pieces(
        self, where: str, last_id: str, connected: Callable[[socket.socket], object], **query: object
    ) -> Iterator[Iterator[bytes]]:
        """A stream as it arrives, until it breaks off once: the caller takes it up again. ``connected`` gets
        the socket, which another thread may shut down to end it.

        Raises: Unreachable, and whatever the daemon refuses with.
        """
        with self._stream(_located(where, query), last_id, connected) as response:
            yield iter(lambda: response.read1(PIECE), b"")

    @contextmanager
    def _stream(
        self, where: str, last_id: str, connected: Callable[[socket.socket], object] | None = None
    ) -> Iterator[HTTPResponse]:
        with ExitStack() as opened:
            yield self._renewing(lambda: opened.enter_context(self._streaming(where, last_id, connected)))

    @contextmanager
    def _streaming(
        self, where: str, last_id: str, connected: Callable[[socket.socket], object] | None
    ) -> Iterator[HTTPResponse]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._answer("GET", where, headers=headers, patience=QUIET, connected=connected) as response:
            yield response

    def _renewing(self, ask: Callable[[], Any]) -> Any:
        """Once more with a new token where the old one counts no longer."""
        token = self._token
        try:
            return ask()
        except NotLoggedIn:
            if not token:
                raise
            self._renew(token)
            return ask()

    def _renew(self, token: str) -> None:
        """In place of this one, unless another thread has done so meanwhile. A password that was refused is
        never sent again, as every attempt brings this address nearer to being locked out."""
        with self._logging_in:
            if self._token != token:
                return
            if self._password:
                try:
                    self.log_in(self._password)
                    return
                except InvalidPassword:
                    self._password = ""
            raise InvalidPassword(
                "the daemon was started again with another password", "Start this again to log in with it."
            )

    def _asked(self, method: str, where: str, body: object = None) -> Any:
        with self._answer(method, where, body) as response:
            content = response.read()
        return self._json(content) if content else None

    @contextmanager
    def _answer(
        self,
        method: str,
        where: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
        connected: Callable[[socket.socket], object] | None = None,
    ) -> Iterator[HTTPResponse]:
        """The answer, its content not yet read."""
        sent = {"User-Agent": f"runwisp/{VERSION}", "Connection": "close", **(headers or {})}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        content = None
        if body is not None:
            sent["Content-Type"], content = "application/json", json.dumps(body).encode()
        try:
            with closing(self._connection(patience)) as connection:
                connection.request(method, where, content, sent)
                if connected:
                    connected(connection.sock)
                with connection.getresponse() as response:
                    if response.status >= 400 and where != "/health":
                        raise self._refusal(response)
                    yield response
        except (OSError, HTTPException, UnicodeError) as error:
            raise self._unreachable(_why(error)) from error

    def _connection(self, patience: float) -> HTTPConnection:
        """Raises: Unreachable for a URL that cannot be."""
        kinds: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
        with suppress(ValueError):  # of a port that is no number, or brackets without an address
            target = urlsplit(self.url)
            kind = kinds.get(target.scheme)
            if kind and target.hostname and target.geturl() == f"{target.scheme}://{target.netloc}":
                return kind(target.hostname, target.port, timeout=patience)
        raise self._unreachable("Write the URL as http://HOST:PORT or https://HOST, --host as an address.")

    def _refusal(self, response: HTTPResponse) -> RunWispError:
        """The error that a problem+json names."""
        found = self._json(response.read())
        if not isinstance(found, dict) or not isinstance(found.get("detail"), str):
            return self._unreachable(STRANGER)
        after = response.getheader("Retry-After", "")
        faults = [f"{fault['where']}: {fault['message']}" for fault in found.get("errors", ())]
        return errors.told(
            str(found.get("type")).rpartition(":")[2],
            "\n".join([found["detail"], *faults]),
            retry_after=int(after) if after.isdecimal() else 0,
        )

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError as error:
            raise self._unreachable(STRANGER) from error

    def _unreachable(self, hint: str) -> Unreachable:
        return Unreachable(f"cannot reach daemon at {self.url} — is it running?", hint)


def port_of(url: str) -> int:
    """The port of a URL that has been reached."""
    target = urlsplit(url)
    return target.port or (443 if target.scheme == "https" else 80)


def path(*parts: object) -> str:
    """A path of the API, of parts that may hold anything."""
    return "/api/" + "/".join(quote(str(part), safe="") for part in parts)


def health(address: str, port: int) -> str | None:
    """The fingerprint of the daemon that listens there; None for anything else, and for one that is slow.

    Not by http.client, which would listen to a byte a second for ever.
    """
    give_up_by = host.now().mono + GLANCE
    place = local_url(address, port).partition("//")[2]
    request = f"GET /health HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"
    received = b""
    try:
        with socket.create_connection((connectable(address), port), GLANCE / SECOND) as sock:
            sock.sendall(request.encode())
            while len(received) < LONGEST_HEALTH and (left := give_up_by - host.now().mono) > 0:
                sock.settimeout(left / SECOND)
                piece = sock.recv(CHUNK)
                received += piece
                if not piece:
                    break
        found = json.loads(received.partition(b"\r\n\r\n")[2])
    except (OSError, ValueError):
        return None
    is_ours = received.startswith(b"HTTP/1.") and isinstance(found, dict) and found.get("app") == "runwisp"
    return str(found.get("fingerprint")) if is_ours else None


def other_daemon(port: int, fingerprint: str) -> OtherDaemon:
    """The daemon on that port is of another data directory. Source of the text: the troubleshooting guide."""
    return OtherDaemon(
        f"another RunWisp daemon is already running on port {port} with a different password",
        f"Its fingerprint is {fingerprint}. Three ways out:\n"
        "- Stop the other daemon. `pkill runwisp` or kill the PID listed in the other dir's `daemon.pid`.\n"
        "- Use the matching password. `RUNWISP_PASSWORD=$(cat /other-data/password) runwisp tui`.\n"
        f"- Pick a different port. `runwisp --port {port % 65_535 + 1} --data ./local-data`.",
    )


def _located(where: str, query: Mapping[str, object]) -> str:
    given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
    return f"{where}?{urlencode(given)}" if given else where


def _why(error: OSError | HTTPException | UnicodeError) -> str:
    match error:
        case UnicodeError() | InvalidURL():
            return "No host can have that name."
        case ConnectionRefusedError():
            return "Nothing listens there: start it with `runwisp daemon`, or check --host and --port."
        case TimeoutError():
            return "It does not answer in time."
        case ConnectionResetError():
            return "The connection was lost: look at what it did, then try again."
        case OSError() if refused := getattr(error, "verify_message", ""):  # of ssl, which http needs not
            return (
                f"Its certificate is not trusted: {refused}. If it is one of your own, name a file that has "
                "it in SSL_CERT_FILE."
            )
        case OSError() if error.strerror:
            return f"{error.strerror}."
        case _:
            return STRANGER
