"""Logging in over HTTP: challenge, token, cookie, logout, launch; who is believed, and who is not."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runwisp import host
from runwisp.auth import Tokens
from runwisp.errors import InvalidChallenge, InvalidPassword, RunWispError, TooManyAttempts
from runwisp.web.routing import Access
from runwisp.web.table import ROUTES
from runwisp.webwire import Challenge, Login, Revoke, UseLaunch
from tests.integration.conftest import MARK
from tests.integration.webhouse import COOKIE, SECRET, Web, ask, web_on

NONCE = "0" * 64
ANSWER = {"nonce": NONCE, "response": "f" * 64}
HEX = bytes.fromhex(SECRET)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One for all of them: without the mark of any, as it stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MARK, raising=False)
        started = web_on(tmp_path_factory.mktemp("web"))
        running = started.__enter__()
    yield running
    started.__exit__(None, None, None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_logged_in(web: Web, **headers: str) -> bool:
    return bool(ask(web, "GET", "/api/auth/status", **headers).json["authenticated"])


def forged(claims: dict[str, Any], secret: bytes = HEX, **header: str) -> str:
    parts = [json.dumps({"alg": "HS256", "typ": "JWT", **header}), json.dumps(claims)]
    signed = b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


def claims(**changed: Any) -> dict[str, Any]:
    now = host.wall() // 1000
    made = {"iss": "runwisp", "aud": "runwisp-api", "iat": now, "exp": now + 60, "jti": "x"}
    return {name: value for name, value in (made | changed).items() if value is not None}


def test_logging_in_gives_a_token_and_a_cookie_either_of_which_is_enough(web: Web) -> None:
    assert ask(web, "GET", "/api/auth/challenge").json == {"nonce": NONCE}
    response = ask(web, "POST", "/api/auth", json_body=ANSWER)
    token = response.json["token"]
    assert set(response.json) == {"token", "expires_at"}
    assert response.cookies() == f"{COOKIE}={token}; Path=/api/; Max-Age=86400; HttpOnly; SameSite=Strict"
    assert is_logged_in(web, **bearer(token))
    assert is_logged_in(web, Cookie=f"other=1; {COOKIE}={token}")
    assert not is_logged_in(web)
    assert not is_logged_in(web, Cookie=f"runwisp_jwt_other={token}")


def test_every_route_that_needs_a_login_is_closed_without_one(web: Web) -> None:
    closed = [route for route in ROUTES if route.access is Access.LOGIN]
    assert closed
    for route in closed:
        path = route.path.replace("{", "").replace("}", "")
        refused = ask(web, route.method, path)
        assert refused.status == 401, route.path
        assert refused.headers["www-authenticate"] == "Bearer"
        assert ask(web, route.method, path, **bearer("x.y.z")).status == 401, route.path


def test_what_is_open_without_a_login_is_this_and_nothing_else() -> None:
    assert {route.path for route in ROUTES if route.access is not Access.LOGIN} <= {
        "/health",
        "/openapi.json",
        "/api/auth",
        "/api/auth/status",
        "/api/auth/challenge",
        "/api/auth/launch",
    }
    assert {route.path for route in ROUTES if route.access is Access.LOOPBACK} == {"/api/auth/launch"}


@pytest.mark.fault("web", "forged, expired and alg: none tokens")
@pytest.mark.parametrize(
    "token",
    [
        forged(claims(), b"another secret of 32 bytes length"),
        forged(claims(), b""),
        forged(claims(), alg="none"),
        forged(claims(), alg="none").rpartition(".")[0] + ".",
        forged(claims(), alg="HS512"),
        forged(claims(), alg="RS256"),
        forged(claims(iss="other")),
        forged(claims(aud="other")),
        forged(claims(aud=["other"])),
        forged(claims(exp=1)),
        forged(claims(exp="tomorrow")),
        forged(claims(iat=host.wall() // 1000 + 3600)),
        forged(claims(jti=5)),
        *(forged(claims(**{name: None})) for name in ("iss", "aud", "iat", "exp", "jti")),
        "x" * 100_00,
        "..",
        "",
    ],
)
def test_a_token_that_is_not_ours_or_not_whole_counts_nothing(web: Web, token: str) -> None:
    assert not is_logged_in(web, **bearer(token))
    assert ask(web, "POST", "/api/auth/logout", **bearer(token)).status == 401


def test_a_token_made_as_ours_are_counts(web: Web) -> None:
    """Else the test above would prove nothing."""
    assert is_logged_in(web, **bearer(forged(claims())))
    assert is_logged_in(web, **bearer(forged(claims(exp=host.wall() // 1000 - 50))))  # leeway


def test_logging_out_ends_the_token_and_the_cookie(web: Web) -> None:
    token, other = web.token(), web.token()
    response = ask(web, "POST", "/api/auth/logout", **bearer(token))
    assert (response.status, response.body) == (204, b"")
    assert f"{COOKIE}=; Path=/api/; Max-Age=0;" in response.cookies()
    assert not is_logged_in(web, **bearer(token))
    assert is_logged_in(web, **bearer(other))
    revoked = next(asked for asked in web.asked if isinstance(asked, Revoke))
    assert revoked.expires_at > host.wall() + 23 * 3_600_000


def test_a_token_that_was_revoked_before_web_started_stays_so(tmp_path: Path) -> None:
    tokens = Tokens(SECRET)
    token = tokens.issue(host.wall())[0]
    token_id = tokens.check(token, host.wall()).token_id
    with web_on(tmp_path, revoked_tokens=(token_id,)) as web:
        assert not is_logged_in(web, **bearer(token))
        assert is_logged_in(web, **bearer(web.token()))


@pytest.mark.parametrize(
    ("refusal", "status", "detail"),
    [
        (InvalidPassword("Invalid password"), 401, "Invalid password"),
        (InvalidChallenge("Invalid or expired challenge"), 401, "Invalid or expired challenge"),
    ],
)
def test_what_the_daemon_refuses_is_told_in_its_words(
    tmp_path: Path, refusal: RunWispError, status: int, detail: str
) -> None:
    with web_on(tmp_path, lambda _question: refusal) as web:
        response = ask(web, "POST", "/api/auth", json_body=ANSWER)
        assert (response.status, response.json["detail"]) == (status, detail)
        assert not response.cookies()


def test_who_tried_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    refusal = TooManyAttempts("Too many failed logins.", "Wait.", retry_after=123)
    with web_on(tmp_path, lambda _question: refusal) as web:
        response = ask(web, "POST", "/api/auth", json_body=ANSWER)
        assert (response.status, response.headers["retry-after"]) == (429, "123")


# The address


def address_seen(web: Web, address: str = "127.0.0.1", **headers: str) -> str:
    ask(web, "GET", "/api/auth/challenge", address=address, **headers)
    asked = web.asked[-1]
    assert isinstance(asked, Challenge)
    return asked.address


@pytest.mark.fault("web", "spoofed proxy headers")
def test_without_a_trusted_proxy_nobody_is_believed_to_be_another(web: Web) -> None:
    assert address_seen(web, X_Forwarded_For="1.2.3.4", Forwarded="for=1.2.3.4") == "127.0.0.1"
    assert address_seen(web, "127.0.0.9") == "127.0.0.9"
    response = ask(web, "POST", "/api/auth", json_body=ANSWER, X_Forwarded_Proto="https")
    assert "Secure" not in response.cookies()


@pytest.mark.fault("web", "spoofed proxy headers")
def test_behind_a_trusted_proxy_the_nearest_untrusted_address_counts(tmp_path: Path) -> None:
    with web_on(tmp_path, trusted_proxies=("127.0.0.0/30", "10.0.0.0/8", "fd00::/8")) as web:
        for forwarded, seen in {
            "1.2.3.4": "1.2.3.4",
            "6.6.6.6, 1.2.3.4": "1.2.3.4",
            "6.6.6.6, 1.2.3.4, 10.1.1.1": "1.2.3.4",
            "10.1.1.1, 10.2.2.2": "10.1.1.1",
            "1.2.3.4:5678": "1.2.3.4",
            "[2001:db8::1]:443, fd00::1": "2001:db8::1",
            "::ffff:1.2.3.4": "1.2.3.4",
            "unknown": "127.0.0.1",
            "6.6.6.6, unknown, 10.1.1.1": "10.1.1.1",
        }.items():
            assert address_seen(web, X_Forwarded_For=forwarded) == seen, forwarded
        assert address_seen(web) == "127.0.0.1"
        assert address_seen(web, "127.0.0.9", X_Forwarded_For="1.2.3.4") == "127.0.0.9"


def test_only_over_https_a_cookie_is_kept_for_https(tmp_path: Path) -> None:
    with web_on(tmp_path, trusted_proxies=("127.0.0.1/32",)) as web:
        for scheme, is_secure in {"https": True, "http": False, "http, https": True}.items():
            response = ask(web, "POST", "/api/auth", json_body=ANSWER, X_Forwarded_Proto=scheme)
            assert response.cookies().endswith("; Secure") is is_secure, scheme
        response = ask(
            web, "POST", "/api/auth", json_body=ANSWER, address="127.0.0.9", X_Forwarded_Proto="https"
        )
        assert "Secure" not in response.cookies()


# Other sites


@pytest.mark.fault("web", "cross-site posts")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://localhost:9477"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "http://localhost:9477"}, 204),
        ({"Sec_Fetch_Site": "same-origin"}, 204),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:9477"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
    ],
)
def test_a_change_by_cookie_must_come_from_our_own_page(
    web: Web, headers: dict[str, str], status: int
) -> None:
    cookie = f"{COOKIE}={web.token()}"
    assert (
        ask(web, "POST", "/api/auth/logout", Host="localhost:9477", Cookie=cookie, **headers).status == status
    )


def test_a_program_with_a_token_needs_no_origin_and_reading_by_cookie_neither(web: Web) -> None:
    assert ask(web, "POST", "/api/auth/launch-ticket", **bearer(web.token())).status == 200
    assert is_logged_in(web, Cookie=f"{COOKIE}={web.token()}", Sec_Fetch_Site="cross-site")


@pytest.mark.fault("web", "cross-site posts")
def test_the_page_of_another_site_cannot_even_try_passwords(web: Web) -> None:
    refused = ask(web, "POST", "/api/auth", json_body=ANSWER, Origin="http://evil.example")
    assert refused.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
    ],
)
def test_the_page_of_another_site_gets_no_challenge_as_too_many_lock_a_person_out(
    web: Web, headers: dict[str, str]
) -> None:
    asked = len(web.asked)
    refused = ask(web, "GET", "/api/auth/challenge", **headers)
    assert (refused.status, refused.json["type"]) == (403, "urn:runwisp:error:cross_site")
    assert len(web.asked) == asked


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_the_address_bar_get_a_challenge(web: Web, site: str) -> None:
    assert ask(web, "GET", "/api/auth/challenge", Sec_Fetch_Site=site).status == 200


def test_the_page_at_the_external_url_is_our_own(tmp_path: Path) -> None:
    with web_on(tmp_path, external_url="https://jobs.example/") as web:
        cookie = f"{COOKIE}={web.token()}"
        for origin, status in {"https://jobs.example": 204, "http://jobs.example": 403}.items():
            response = ask(web, "POST", "/api/auth/logout", Cookie=cookie, Origin=origin)
            assert response.status == status, origin
            cookie = f"{COOKIE}={web.token()}"


# The launch ticket


def test_a_launch_ticket_opens_a_browser_logged_in(web: Web) -> None:
    made = ask(web, "POST", "/api/auth/launch-ticket", **bearer(web.token())).json
    url = f"http://127.0.0.1:{web.port}/api/auth/launch?ticket={made['ticket']}"
    assert made["url"] == url
    response = ask(web, "GET", url)
    assert (response.status, response.headers["location"], response.body) == (303, "/", b"")
    token = response.cookies().partition(";")[0].partition("=")[2]
    assert is_logged_in(web, Cookie=f"{COOKIE}={token}")
    assert web.asked[-1] == UseLaunch(web.asked[-1].ticket, "ticket")  # type: ignore[union-attr]


@pytest.mark.fault("web", "spoofed proxy headers")
@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"],
)
def test_a_launch_ticket_is_of_no_use_through_a_proxy(web: Web, header: str) -> None:
    before = len(web.asked)
    response = ask(web, "GET", "/api/auth/launch?ticket=x", **{header: "127.0.0.1"})
    assert response.status == 403
    assert len(web.asked) == before, "the ticket was used up"


def test_no_launch_ticket_is_given_where_it_would_be_of_no_use(tmp_path: Path) -> None:
    with web_on(tmp_path, host="192.0.2.7") as web:
        refused = ask(web, "POST", "/api/auth/launch-ticket", **bearer(web.token()))
        assert (refused.status, refused.json["type"]) == (403, "urn:runwisp:error:not_local")
        assert f"http://192.0.2.7:{web.port}" in refused.json["detail"]
        assert not web.asked
    with web_on(tmp_path, host="::") as web:
        made = ask(web, "POST", "/api/auth/launch-ticket", **bearer(web.token())).json
        assert made["url"].startswith(f"http://[::1]:{web.port}/")


def test_a_login_is_asked_of_the_daemon_as_it_was_given(web: Web) -> None:
    ask(web, "POST", "/api/auth", json_body=ANSWER, address="127.0.0.7")
    asked = web.asked[-1]
    assert isinstance(asked, Login)
    assert (asked.address, asked.nonce, asked.response) == ("127.0.0.7", NONCE, "f" * 64)
