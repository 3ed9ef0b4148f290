"""What services, networks and configurations do wrong, and what deliver makes of it: again, or in vain."""

from __future__ import annotations

import os
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from runwisp.clock import SECOND
from runwisp.deliver.attempt import attempted
from runwisp.deliver.deadline import ATTEMPT
from runwisp.delivery import Outcome, Verdict, order_json
from runwisp.notifier import Discord, Gotify, Notifier, Ntfy, Secret, SecretSource, Slack, Webhook
from tests.integration.receiver import After, Answer, Behaviour, Drip, Endless, Garbage, Hang, Receiver, Reset
from tests.integration.sending import Deliver, an_order, inline
from tests.integration.waiting import wait_for

HIDDEN = "/services/T0/B0/s3cr3tH00kT0k3n"
SHORT = ["runwisp.deliver.attempt.ATTEMPT = 1000"]
"""The bound of an attempt, for tests that wait for it."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def slack(receiver: Receiver, host: str = "127.0.0.1") -> Slack:
    return Slack(id="it", webhook_url=inline(receiver.url(HIDDEN, host)))


def outcome_of(receiver: Receiver, data: Path, *answers: Behaviour) -> Outcome:
    receiver.answers = [*answers]
    return attempted(an_order(slack(receiver), data), {})


def test_an_attempt_may_take_fifteen_seconds() -> None:
    assert ATTEMPT == 15 * SECOND


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_a_service_refuses_is_given_up(receiver: Receiver, tmp_path: Path, status: int) -> None:
    found = outcome_of(receiver, tmp_path, Answer(status, "no_service"))
    assert found.verdict is Verdict.GAVE_UP
    assert found.reason.startswith(f"Slack answered {status} ")
    assert found.reason.endswith(": no_service")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(receiver: Receiver, tmp_path: Path, status: int) -> None:
    found = outcome_of(receiver, tmp_path, Answer(status, "<html>sorry</html>"))
    assert found.verdict is Verdict.AGAIN
    assert found.reason.startswith(f"Slack answered {status} ")
    assert "html" not in found.reason
    assert found.retry_after is None
    assert outcome_of(receiver, tmp_path, Answer()) == Outcome(Verdict.SENT)


@pytest.mark.parametrize(
    ("given", "wait"), [("7", 7_000), ("0.5", 500), ("soon", None), ("-1", 0), ("nan", None)]
)
def test_how_long_to_wait_is_what_the_service_says(
    receiver: Receiver, tmp_path: Path, given: str, wait: int | None
) -> None:
    found = outcome_of(receiver, tmp_path, Answer(429, "slow down", {"Retry-After": given}))
    assert found == Outcome(Verdict.AGAIN, "Slack answered 429 Too Many Requests: slow down", wait)


def test_how_long_to_wait_may_be_a_date(receiver: Receiver, tmp_path: Path) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    found = outcome_of(
        receiver, tmp_path, Answer(503, "", {"Retry-After": format_datetime(until, usegmt=True)})
    )
    assert found.retry_after is not None
    assert 0 < found.retry_after <= 3_600_000
    past = Answer(503, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert outcome_of(receiver, tmp_path, past).retry_after == 0


@pytest.mark.parametrize(
    "given", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2027 00:00:00 +99999999999999"]
)
def test_a_date_that_is_none_changes_nothing(receiver: Receiver, tmp_path: Path, given: str) -> None:
    found = outcome_of(receiver, tmp_path, Answer(404, "gone", {"Retry-After": given}))
    assert found == Outcome(Verdict.GAVE_UP, "Slack answered 404 Not Found: gone")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, tmp_path: Path, status: int) -> None:
    found = outcome_of(receiver, tmp_path, Answer(status, "", {"Location": receiver.url("/elsewhere")}))
    assert found.verdict is Verdict.GAVE_UP
    assert "write the URL it leads to" in found.reason
    assert receiver.only.path == HIDDEN


TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </it>\r\n\r\n"
REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize("behaviour", [After(TAKEN, Reset()), After(TAKEN, Hang()), After(HINTS, Answer())])
def test_what_was_acknowledged_is_sent_whatever_comes_with_it(
    receiver: Receiver, tmp_path: Path, behaviour: Behaviour
) -> None:
    assert outcome_of(receiver, tmp_path, behaviour) == Outcome(Verdict.SENT)


def test_what_was_refused_is_given_up_though_nobody_can_say_why(receiver: Receiver, tmp_path: Path) -> None:
    found = outcome_of(receiver, tmp_path, After(REFUSED, Reset()))
    assert found == Outcome(Verdict.GAVE_UP, "Slack answered 404 Not Found")


@pytest.mark.parametrize("behaviour", [Hang(), Drip()])
def test_who_does_not_answer_in_time_is_left(
    receiver: Receiver, tmp_path: Path, behaviour: Behaviour
) -> None:
    """The receiver would go on until it is closed, which is after this."""
    receiver.answers = [behaviour]
    found = Deliver(patches=SHORT)(an_order(slack(receiver), tmp_path))
    assert found == Outcome(Verdict.AGAIN, "not done within 1s")


def test_a_body_without_end_is_not_read_to_its_end(receiver: Receiver, tmp_path: Path) -> None:
    found = outcome_of(receiver, tmp_path, Endless())
    assert found.verdict is Verdict.GAVE_UP
    assert len(found.reason) < 500


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Reset(), "the connection was lost before an answer came"),
        (Garbage(), "what answers there is not HTTP"),
    ],
)
def test_a_broken_answer_is_tried_again(
    receiver: Receiver, tmp_path: Path, behaviour: Behaviour, why: str
) -> None:
    assert outcome_of(receiver, tmp_path, behaviour) == Outcome(Verdict.AGAIN, f"Slack: {why}")


def test_nobody_there_is_tried_again(tmp_path: Path) -> None:
    with Receiver() as gone:
        url = gone.url(HIDDEN)
    found = attempted(an_order(Slack(id="it", webhook_url=inline(url)), tmp_path), {})
    assert found == Outcome(Verdict.AGAIN, "Slack: nothing listens there")


def test_a_name_that_nobody_knows_is_tried_again(tmp_path: Path) -> None:
    notifier = Ntfy(id="it", url="https://no-such-host.invalid", topic="x", token=inline(""))
    found = attempted(an_order(notifier, tmp_path), {})
    assert found.verdict is Verdict.AGAIN
    assert found.reason.startswith("no-such-host.invalid: ")


# TLS


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(ca: trustme.CA) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    with Receiver(context=context) as running:
        yield running


def test_a_trusted_certificate_is_all_it_takes(secure: Receiver, ca: trustme.CA, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(authority)
    deliver = Deliver(environ={"SSL_CERT_FILE": str(authority)})
    assert deliver(an_order(slack(secure, "localhost"), tmp_path)) == Outcome(Verdict.SENT)
    assert secure.only.path == HIDDEN


def test_an_untrusted_certificate_gets_nothing(secure: Receiver, tmp_path: Path) -> None:
    found = attempted(an_order(slack(secure, "localhost"), tmp_path), {})
    assert found.verdict is Verdict.AGAIN
    assert found.reason.startswith("Slack: its certificate is not trusted: ")
    assert not secure.requests


def test_a_certificate_of_another_host_gets_nothing(secure: Receiver, ca: trustme.CA, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(authority)
    deliver = Deliver(environ={"SSL_CERT_FILE": str(authority)})
    found = deliver(an_order(slack(secure), tmp_path))
    assert found.verdict is Verdict.AGAIN
    assert "certificate is not valid for" in found.reason
    assert not secure.requests


def test_tls_to_a_server_without_is_tried_again(receiver: Receiver, tmp_path: Path) -> None:
    url = receiver.url(HIDDEN).replace("http:", "https:")
    found = attempted(an_order(Slack(id="it", webhook_url=inline(url)), tmp_path), {})
    assert found.verdict is Verdict.AGAIN
    assert found.reason.startswith("Slack: TLS failed: ")


# Secrets


def test_a_secret_comes_from_the_environment(receiver: Receiver, tmp_path: Path) -> None:
    notifier = Slack(id="it", webhook_url=Secret(SecretSource.ENV, "HOOK"))
    assert Deliver({"HOOK": receiver.url(HIDDEN)})(an_order(notifier, tmp_path)).verdict is Verdict.SENT
    assert attempted(an_order(notifier, tmp_path), {}) == Outcome(
        Verdict.GAVE_UP,
        "cannot use webhook_url_env: the variable HOOK is not set; set it where the daemon is started",
    )


def test_a_secret_comes_from_a_file_below_the_data_directory(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/hook").write_text(f"{receiver.url(HIDDEN)}\n")
    notifier = Slack(id="it", webhook_url=Secret(SecretSource.FILE, "secrets/hook"))
    assert attempted(an_order(notifier, tmp_path), {}).verdict is Verdict.SENT


@pytest.mark.parametrize("name", ["link", "folder/hook"])
def test_a_secret_is_not_read_through_a_symlink(receiver: Receiver, tmp_path: Path, name: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/hook").write_text(receiver.url(HIDDEN))
    (tmp_path / "link").symlink_to("real/hook")
    (tmp_path / "folder").symlink_to("real")
    notifier = Slack(id="it", webhook_url=Secret(SecretSource.FILE, name))
    found = attempted(an_order(notifier, tmp_path), {})
    assert found.verdict is Verdict.GAVE_UP
    assert found.reason.startswith(f"cannot use webhook_url_file: {tmp_path}/{name}: ")
    assert not receiver.requests


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"not a url", "it is not an absolute http or https URL"),
        (b"http://127.0.0.1/a\nX-Header: b", "it is not one line of text"),
        (b"\xff\xfe", "hook is not UTF-8"),
        (b"x" * 20_000, "hook is longer than 16384 bytes"),
    ],
)
def test_a_file_that_is_no_secret_is_told_without_its_content(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "hook").write_bytes(content)
    found = attempted(an_order(Slack(id="it", webhook_url=Secret(SecretSource.FILE, "hook")), tmp_path), {})
    assert found.verdict is Verdict.GAVE_UP
    assert found.reason.endswith(why)
    assert not content or content.decode(errors="replace") not in found.reason


TOKEN = "s3cr3t/T0k3n+&?"


def everything_echoed(text: str) -> list[str]:
    """How a service might quote what it got."""
    return [text, b64encode(text.encode()).decode(), b64encode(f"me:{text}".encode()).decode()]


@pytest.mark.parametrize("status", [404, 500])
def test_no_reason_tells_a_secret(receiver: Receiver, tmp_path: Path, status: int) -> None:
    url = receiver.url(HIDDEN)
    with_login = url.replace("http://", "http://me:pa55w0rd@")
    notifiers: dict[str, Notifier] = {
        HIDDEN: slack(receiver),
        "s3cr3tH00kT0k3n": Discord(id="it", webhook_url=inline(url)),
        TOKEN: Gotify(id="it", url=receiver.url(), token=inline(TOKEN)),
        "pa55w0rd": Webhook(id="it", url=inline(with_login), secret=inline("s1gn")),
        "me:pa55w0rd": Webhook(id="it", url=inline(with_login), secret=inline("s1gn")),
        "h3ad3r": Webhook(
            id="it", url=inline(url), secret=inline("s1gn"), headers={"Authorization": "Bearer h3ad3r"}
        ),
        "pa55w1rd": Ntfy(
            id="it", url=receiver.url(host="me:pa55w1rd@127.0.0.1"), topic="x", token=inline("")
        ),
        "pa55w2rd": Gotify(id="it", url=receiver.url(host="me:pa55w2rd@127.0.0.1"), token=inline(TOKEN)),
    }
    for secret, notifier in notifiers.items():
        receiver.answers = [Answer(status, " ".join(everything_echoed(secret)))]
        reason = attempted(an_order(notifier, tmp_path), {}).reason
        assert "[redacted]" in reason
        for form in everything_echoed(secret)[: 3 if secret.startswith("pa55w") else 2]:
            assert form not in reason
    login = b64encode(b"me:pa55w0rd").decode()
    assert login in [
        each.headers.get("Authorization", "").removeprefix("Basic ") for each in receiver.requests
    ]


def test_no_reason_tells_the_beginning_of_a_secret_that_would_be_cut(
    receiver: Receiver, tmp_path: Path
) -> None:
    for before in range(0, 500, 5):
        reason = outcome_of(receiver, tmp_path, Answer(404, f"{'.' * before}{HIDDEN}{'.' * 500}")).reason
        assert "s3cr" not in reason


def test_no_secret_is_seen_from_outside_while_it_is_used(receiver: Receiver, tmp_path: Path) -> None:
    """Neither among the arguments nor in the environment of the process."""
    receiver.answers = [Hang()]
    process = subprocess.Popen(
        Deliver().argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    with process:
        assert process.stdin
        process.stdin.write(order_json(an_order(slack(receiver), tmp_path)))
        process.stdin.close()
        wait_for(lambda: receiver.requests)
        seen = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        seen += Path(f"/proc/{process.pid}/environ").read_bytes()
        process.kill()
    assert b"runwisp.deliver.main" in seen
    assert b"s3cr3t" not in seen


def test_a_bug_is_told_as_one(receiver: Receiver, tmp_path: Path) -> None:
    patches = ["runwisp.deliver.channels.slack.post_json = None"]
    done = Deliver(patches=patches).process(order_json(an_order(slack(receiver), tmp_path)))
    assert b'"outcome": "again"' in done.stdout
    assert b"a bug in RunWisp: TypeError" in done.stdout
    assert b"Traceback" in done.stderr


def test_what_libraries_print_is_not_taken_for_the_outcome(receiver: Receiver, tmp_path: Path) -> None:
    patches = ["runwisp.deliver.channels.slack.post_json = lambda *_: print('noise')"]
    done = Deliver(patches=patches).process(order_json(an_order(slack(receiver), tmp_path)))
    assert done.stdout == b'{"outcome": "sent", "reason": "", "retry_after_ms": null}\n'
    assert done.stderr == b"noise\n"


def test_the_same_key_goes_with_every_attempt(receiver: Receiver, tmp_path: Path) -> None:
    order = an_order(slack(receiver), tmp_path)
    receiver.answers = [Answer(500), Answer(200)]
    assert [Deliver()(order).verdict for _ in range(2)] == [Verdict.AGAIN, Verdict.SENT]
    Deliver()(replace(order, delivery_id="ANOTHER"))
    keys = [request.headers["Idempotency-Key"] for request in receiver.requests]
    assert keys == [order.delivery_id, order.delivery_id, "ANOTHER"]
