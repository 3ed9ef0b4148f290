"""What the web server makes of requests, most of them hostile, as bytes on a socket."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.errors import UnknownPath
from runwisp.web.routes import static
from tests.integration.conftest import MARK
from tests.integration.webhouse import Response, Web, ask, connect, read, say, web_on

MIB = 1024 * 1024
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One for all of them: without the mark of any, as it stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MARK, raising=False)
        started = web_on(tmp_path_factory.mktemp("web"))
        running = started.__enter__()
    yield running
    started.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def still_serves(web: Web) -> Iterator[None]:
    """Whatever was sent, the next one is served."""
    yield
    assert ask(web, "GET", "/health").status == 200


def is_problem(response: Response, status: int) -> bool:
    problem = json.loads(response.body)
    return (
        response.status == status == problem["status"]
        and response.headers["content-type"] == "application/problem+json"
        and set(problem) == {"type", "title", "status", "detail", "instance", "errors"}
        and bool(problem["detail"])
    )


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def get(target: str, *lines: str) -> bytes:
    return head(f"GET {target} HTTP/1.1", "Host: localhost", *lines)


def test_a_response_has_the_headers_that_keep_a_browser_safe(web: Web) -> None:
    for target in ("/health", "/", "/api/nothing", "/api/auth/status"):
        headers = ask(web, "GET", target).headers
        assert SECURITY.items() <= headers.items(), target
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "server" not in headers


def test_nothing_of_the_api_is_kept_in_a_cache(web: Web) -> None:
    for target in ("/api/auth/status", "/api/nothing", "/api/auth/logout"):
        assert ask(web, "GET", target).headers["cache-control"] == "no-store"


def test_head_is_get_without_the_body(web: Web) -> None:
    for target in ("/health", "/", "/api/auth/status", "/api/nothing"):
        got, headed = ask(web, "GET", target), ask(web, "HEAD", target)
        assert (headed.status, headed.headers["content-length"]) == (
            got.status,
            got.headers["content-length"],
        )
    with connect(web) as client:  # and nothing of a body comes before the next response
        client.sendall(head("HEAD /health HTTP/1.1", "Host: x") + get("/health"))
        assert read(client, is_head=True).status == 200
        assert read(client).json["app"] == "runwisp"


def test_a_wrong_method_is_told_the_right_ones(web: Web) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
        refused = ask(web, method, "/api/auth/status")
        assert is_problem(refused, 405)
        assert refused.headers["allow"] == "GET, HEAD"
    refused = ask(web, "DELETE", "/api/auth")
    assert refused.headers["allow"] == "POST"
    assert ask(web, "POST", "/some/page").status == 405


def test_options_tells_what_a_path_takes(web: Web) -> None:
    told = ask(web, "OPTIONS", "/api/auth/challenge")
    assert (told.status, told.headers["allow"], told.body) == (204, "GET, HEAD", b"")
    assert "access-control-allow-origin" not in told.headers


@pytest.mark.fault("web", "path traversal in every parameter")
@pytest.mark.parametrize(
    "target",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/auth/",
        "//api/auth/status",
        "/api//auth/status",
        "/x/../api/nothing",
        "/%61pi/nothing",
        "/api/../../etc/passwd",
        "/api/%2e%2e/%2e%2e/etc/passwd",
        "/static/../api/x",
    ],
)
def test_an_unknown_path_of_the_api_is_a_problem_never_a_page(web: Web, target: str) -> None:
    assert is_problem(say(web, get(target)), 404)


@pytest.mark.fault("web", "path traversal in every parameter")
def test_an_unknown_path_elsewhere_is_the_application(web: Web) -> None:
    page = ask(web, "GET", "/").body
    assert b"<title>RunWisp</title>" in page
    for target in (
        "/tasks/x/runs/y",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/runs?a=b",
        "/tasks/build.js",
        "/tasks/build.js/runs/y",
    ):
        assert say(web, get(target)).body == page


@pytest.mark.parametrize("target", ["/gone.js", "/css/gone.css", "/pages/../gone.js", "/robots.txt"])
def test_a_file_that_is_not_there_is_a_problem_never_a_page(web: Web, target: str) -> None:
    assert is_problem(say(web, get(target)), 404)


def test_a_file_that_the_browser_has_is_not_sent_again(web: Web) -> None:
    tag = ask(web, "GET", "/").headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = ask(web, "GET", "/", If_None_Match=known)
        assert (again.status, again.body) == (304, b"")
    assert ask(web, "GET", "/", If_None_Match='"other"').status == 200


def test_a_file_has_the_same_tag_compressed_which_is_a_weak_one(web: Web) -> None:
    plain, packed = (ask(web, "GET", "/", Accept_Encoding=coding) for coding in ("identity", "gzip"))
    assert plain.body != packed.body
    assert plain.headers["etag"] == packed.headers["etag"]
    assert plain.headers["etag"].startswith('W/"')


@pytest.mark.fault("web", "oversized and malformed heads and bodies")
@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nName : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nB: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a%0d%0ab HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET ftp://x/health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1/health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /api/auth HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /api/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
    ids=lambda request_: repr(request_[:70]),
)
def test_what_can_be_read_in_two_ways_or_in_none_is_refused_and_the_connection_closed(
    web: Web, request_: bytes
) -> None:
    with connect(web) as client:
        client.sendall(request_ + get("/health"))
        refused = read(client)
        assert is_problem(refused, 400)
        assert SECURITY.items() <= refused.headers.items()
        assert refused.headers["connection"] == "close"
        client.settimeout(5)
        assert client.recv(1) == b"", "what came after it was read as a request"


def test_only_the_coding_that_everyone_knows_is_known(web: Web) -> None:
    request = head("POST /api/auth HTTP/1.1", "Host: x", "Transfer-Encoding: gzip")
    assert is_problem(say(web, request), 501)


def test_another_version_is_told_so(web: Web) -> None:
    assert is_problem(say(web, head("GET /health HTTP/2.0", "Host: x")), 505)
    assert say(web, head("GET /health HTTP/1.0")).status == 200


def test_a_target_may_name_the_host(web: Web) -> None:
    assert say(web, head("GET http://localhost/health HTTP/1.1", "Host: other")).json["app"] == "runwisp"


@pytest.mark.fault("web", "oversized and malformed heads and bodies")
def test_heads_are_limited(web: Web) -> None:
    assert is_problem(say(web, get("/health", f"A: {'x' * 70_000}")), 431)
    assert is_problem(say(web, get("/health", *["A: x"] * 20_000)), 431)
    assert is_problem(say(web, get(f"/{'x' * 9000}")), 414)
    assert say(web, get("/health", f"A: {'x' * 60_000}")).status == 200


@pytest.mark.fault("web", "oversized and malformed heads and bodies")
def test_bodies_are_limited_and_the_refusal_reaches_who_goes_on_sending(web: Web) -> None:
    def sized(size: int) -> bytes:
        return head("POST /api/auth HTTP/1.1", "Host: x", f"Content-Length: {size}") + b"x" * size

    assert is_problem(say(web, sized(MIB + 1)), 413)
    assert is_problem(say(web, sized(5 * MIB)), 413)
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    chunked = head("POST /api/auth HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")
    assert is_problem(say(web, chunked + chunk * 17 + b"0\r\n\r\n"), 413)
    assert is_problem(say(web, sized(MIB)), 400)  # read, and no JSON


def test_a_body_is_taken_in_chunks_too(web: Web) -> None:
    body = json.dumps({"nonce": "0" * 64, "response": "f" * 64}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    lines = ("Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert say(web, head("POST /api/auth HTTP/1.1", *lines) + chunks).status == 200


def test_who_asks_whether_to_go_on_is_told(web: Web) -> None:
    body = json.dumps({"nonce": "0" * 64, "response": "f" * 64}).encode()
    lines = (
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    )
    with connect(web) as client:
        client.sendall(head("POST /api/auth HTTP/1.1", *lines))
        assert read(client).status == 100
        client.sendall(body)
        assert read(client).status == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("GET /health HTTP/1.1", "Host: x"), 200),
        (("POST /api/auth HTTP/1.1", "Host: x", "Content-Length: 0"), 400),
        (("POST /api/auth HTTP/1.1", "Content-Length: 2"), 400),
        (("POST /api/auth HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Content-Length: 2"), 400),
        (("POST /api/auth HTTP/1.1", "Host: x", f"Content-Length: {2 * MIB}"), 413),
    ],
)
def test_who_asks_whether_to_go_on_where_there_is_nothing_to_go_on_with_is_answered(
    web: Web, lines: tuple[str, ...], status: int
) -> None:
    assert say(web, head(*lines, "Expect: 100-continue")).status == status


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"[" * 100_000, "JSON"),
        (b'{"nonce":1}', "nonce"),
        (b'{"nonce":"0","response":"x"}', "nonce"),
        (b"{}", "is missing"),
        (b'{"nonce":"' + b"0" * 64 + b'","response":"' + b"0" * 64 + b'","more":1}', "more"),
        (b"\xff\xfe", "JSON"),
        (b'{"nonce":NaN}', "nonce"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_body_that_is_not_what_the_route_takes_is_told_what_is_wrong(
    web: Web, body: bytes, fault: str
) -> None:
    lines = ("Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}")
    refused = say(web, head("POST /api/auth HTTP/1.1", *lines) + body)
    assert is_problem(refused, 400)
    assert fault in refused.json["detail"]


def test_everything_wrong_is_listed(web: Web) -> None:
    refused = ask(web, "POST", "/api/auth", json_body={"nonce": 5, "other": 1})
    assert {fault["where"] for fault in refused.json["errors"]} == {"nonce", "other", "response"}


def test_a_body_of_another_kind_is_not_taken_for_json(web: Web) -> None:
    """A page of another site can make a browser send text/plain without asking."""
    lines = ("Host: x", "Content-Type: text/plain", "Content-Length: 2")
    assert is_problem(say(web, head("POST /api/auth HTTP/1.1", *lines) + b"{}"), 400)


def test_an_unknown_parameter_is_told(web: Web) -> None:
    assert is_problem(ask(web, "GET", "/api/auth/status?x=1"), 400)
    refused = ask(web, "GET", "/api/auth/launch?ticket=a&ticket=b")
    assert is_problem(refused, 400)
    assert refused.json["errors"] == [{"where": "ticket", "message": "is given more than once"}]
    assert is_problem(ask(web, "GET", "/api/auth/launch?ticket=%ff"), 400)


def test_requests_in_one_packet_are_answered_in_order(web: Web) -> None:
    with connect(web) as client:
        client.sendall(get("/health") + get("/api/auth/status") + get("/api/nothing") * 50 + get("/health"))
        assert "app" in read(client).json
        assert "authenticated" in read(client).json
        assert [read(client).status for _ in range(50)] == [404] * 50
        assert "app" in read(client).json


def test_a_request_in_pieces_is_one_request(web: Web) -> None:
    with connect(web) as client:
        for byte in get("/health"):
            client.sendall(bytes([byte]))
        assert read(client).status == 200


@pytest.mark.fault("web", "half-closed sockets")
def test_who_has_said_all_and_closed_its_side_is_answered(web: Web) -> None:
    with connect(web) as client:
        client.sendall(get("/health"))
        client.shutdown(1)
        assert read(client).status == 200


def test_a_connection_is_kept_unless_asked_otherwise(web: Web) -> None:
    with connect(web) as client:
        client.sendall(get("/health"))
        assert "connection" not in read(client).headers
        client.sendall(get("/health", "Connection: close"))
        assert read(client).headers["connection"] == "close"
        assert client.recv(1) == b""
    assert say(web, head("GET /health HTTP/1.0")).headers["connection"] == "close"
    kept = say(web, head("GET /health HTTP/1.0", "Connection: keep-alive"))
    assert kept.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("wish", ["TE, close", "Close,TE", "close , keep-alive"])
def test_a_connection_is_closed_that_is_to_be_whatever_else_is_wished_for(web: Web, wish: str) -> None:
    with connect(web) as client:
        client.sendall(get("/health", f"Connection: {wish}"))
        assert read(client).headers["connection"] == "close"
        assert client.recv(1) == b""
    kept = say(web, head("GET /health HTTP/1.0", "Connection: TE, Keep-Alive"))
    assert kept.headers["connection"] == "keep-alive"


def test_what_is_worth_it_is_compressed_for_who_can_read_that(web: Web) -> None:
    plain = ask(web, "GET", "/openapi.json")
    for accepted in ("gzip", "br, gzip;q=0.5", "GZIP"):
        packed = ask(web, "GET", "/openapi.json", Accept_Encoding=accepted)
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 4
    for accepted in ("", "br", "gzip;q=0", "gzip; q=0.0", "identity"):
        assert "content-encoding" not in ask(web, "GET", "/openapi.json", Accept_Encoding=accepted).headers
    assert "content-encoding" not in ask(web, "GET", "/health", Accept_Encoding="gzip").headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_the_records_of_web_look_like_those_of_the_daemon(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with web_on(tmp_path, lambda _question: {}, log_format="json") as web:
        ask(web, "GET", "/api/auth/challenge")
        record = json.loads(capfd.readouterr().err)
        assert (record["level"], record["path"]) == ("error", "/api/auth/challenge")


def test_what_goes_wrong_inside_is_told_once_and_not_to_the_stranger(tmp_path: Path) -> None:
    def broken(_question: object) -> dict[str, str]:
        return {}  # no nonce in it

    with web_on(tmp_path, broken) as web:
        refused = ask(web, "GET", "/api/auth/challenge")
        assert is_problem(refused, 500)
        assert b"KeyError" not in refused.body
        assert b"Traceback" not in refused.body


def test_a_file_that_an_upgrade_brings_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "FOLDER", str(tmp_path))
    (tmp_path / "index.html").write_text("page")
    static._places.cache_clear()
    try:
        with pytest.raises(UnknownPath):
            static.found("/new.js", "")
        (tmp_path / "new.js").write_text("new")
        assert static.found("/new.js", "").content == b"new"
    finally:
        static._places.cache_clear()
