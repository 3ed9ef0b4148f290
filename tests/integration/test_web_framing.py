"""Where a request ends is never in doubt: what a proxy in front might read in another way is refused,
and what comes after a request is the next one, whatever that request holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.webhouse import connect, read, web_on

POST = b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

REFUSED = [
    CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"2\n{}\n0\n\n",
    CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    CHUNKED + b"2\r\n{}0\r\n\r\n",
    POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: \x00chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding:\r\n\r\n",
    POST + b"Content-Length: 2, 2\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Content-Length: \r\n\r\n",
    POST + b"Content-Length: 0x2\r\n\r\n{}",
    POST + b"Content-Length: 2 2\r\n\r\n{}",
    POST + b"Content-Length: \xb2\r\n\r\n{}",
    POST + b"\rContent-Length: 2\r\n\r\n",
    b"GET /health HTTP/1.1\nHost: x\n\n",
    b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n",
]
ONE = [
    (CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 400),
    (CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 500\r\n\r\n", 400),
    (CHUNKED + b"2\r\n{}\r\n0\r\nGET /api/tasks HTTP/1.1\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    (POST + b"Transfer_Encoding: chunked\r\n\r\n", 400),
    (POST + b"Content_Length: 500\r\n\r\n", 400),
    (POST + b"Content-Length:\t2\r\n\r\n{}", 400),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200),
]
"""Each with the status that it has: of the body of a login is only said that it lacks everything."""


@pytest.mark.fault("web", "oversized and malformed heads and bodies")
def test_what_ends_in_two_places_is_refused_and_nothing_after_it_read(tmp_path: Path) -> None:
    with web_on(tmp_path) as web:
        for sent in REFUSED:
            with connect(web) as client:
                client.sendall(sent + NEXT)
                assert (sent, read(client).status, client.recv(1)) == (sent, 400, b"")


@pytest.mark.fault("web", "oversized and malformed heads and bodies")
def test_what_follows_a_request_is_the_next_one(tmp_path: Path) -> None:
    with web_on(tmp_path) as web:
        for sent, status in ONE:
            with connect(web) as client:
                client.sendall(sent + NEXT)
                statuses = read(client).status, read(client).status
                assert (sent, statuses, client.recv(1)) == (sent, (status, 200), b"")
