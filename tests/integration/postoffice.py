"""A real SMTP server of another make, which keeps the mails that it takes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "robot", "s3cr3tM4ilPassw0rd"
TAKEN = "250 OK"
Reply = Callable[[str], str]


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    content: bytes

    @property
    def letter(self) -> EmailMessage:
        """As a mail program reads it."""
        return message_from_bytes(self.content, policy=policy.default)


@dataclass
class PostOffice:
    """``rcpt`` and ``data`` decide about an address and a whole mail."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    logins: list[tuple[str, bool]] = field(default_factory=list)
    """Who tried, and whether that was encrypted."""
    rcpt: Reply = lambda _: TAKEN
    data: Reply = lambda _: TAKEN

    @property
    def only(self) -> Mail:
        [mail] = self.mails
        return mail


class _Hooks:
    """As aiosmtpd calls them."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        reply = self._office.rcpt(address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        reply = self._office.data(content.decode(errors="replace"))
        if reply.startswith("2"):
            self._office.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, content))
        return reply

    def authenticated(
        self, _server: Any, session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self._office.logins.append((data.login.decode(), session.ssl is not None))
        return AuthResult(success=is_right, handled=False)


@contextmanager
def post_office(
    starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None, *, has_login: bool = False
) -> Iterator[PostOffice]:
    office = PostOffice(free_port())
    hooks = _Hooks(office)
    controller = Controller(
        hooks,
        hostname="127.0.0.1",
        port=office.port,
        ssl_context=implicit,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=hooks.authenticated if has_login else None,
        auth_required=has_login,
        auth_require_tls=starttls is not None,
    )
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
