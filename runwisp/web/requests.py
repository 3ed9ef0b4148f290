"""Requests as they come over a socket: what waitress reads, and what it would let pass that we do not.

Where two servers could read one request in two ways, it is refused (RFC 9112, sections 3, 6 and 11.2). Called
by ``server``.
"""

from __future__ import annotations

import re

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest

LONGEST_TARGET = 8 * 1024

HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?", re.ASCII)
CODINGS = re.compile(rb"^transfer-encoding:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
FOLDED = re.compile(rb"\r\n[ \t]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SCHEMES = frozenset({"", "http", "https"})


class TargetTooLong(BadRequest):  # type: ignore[misc]
    code = 414
    reason = "URI Too Long"


class VersionNotSupported(BadRequest):  # type: ignore[misc]
    code = 505
    reason = "HTTP Version Not Supported"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """One request of a connection, read piece by piece."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of numbers with thousands of digits, of hosts that are none
            raise ParsingError(str(error)) from error
        self._check_framing(header_plus)
        if not self.version:
            raise ParsingError("No version")
        if self.version not in ("1.0", "1.1"):
            self._refuse(VersionNotSupported("this is HTTP/1.1"))
        elif len(self.request_uri) > LONGEST_TARGET:
            self._refuse(TargetTooLong(f"exceeds {LONGEST_TARGET}"))
        else:
            self._check_target()

    def _check_framing(self, head: bytes) -> None:
        if FOLDED.search(head):
            raise ParsingError("Folded header")
        codings = CODINGS.findall(head)
        if not codings:
            return
        if self.version != "1.1" or "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Transfer-Encoding with HTTP/1.0 or Content-Length")
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise ParsingError("Transfer-Encoding other than once chunked")

    def _check_target(self) -> None:
        if self.proxy_scheme.lower() not in SCHEMES or self.fragment:
            raise ParsingError("Target that is none of ours")
        if not self.path.startswith("/") or not _is_text(self.path):
            raise ParsingError("Path that is none")
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc
        host = self.headers.get("HOST")
        if host is None:
            if self.version == "1.1":
                raise ParsingError("No Host")
        elif not HOST.fullmatch(host):
            raise ParsingError("Host that is none")

    def _refuse(self, error: BadRequest) -> None:
        """With another status than that of a ParsingError; what follows is not read."""
        self.error = error
        self.body_rcv = None
        self.content_length = 0


def _is_text(path: str) -> bool:
    """What was escaped in it is UTF-8 without control characters. ``path`` is as WSGI has it (PEP 3333)."""
    try:
        return not CONTROL.search(path.encode("latin-1").decode())
    except UnicodeDecodeError:
        return False
