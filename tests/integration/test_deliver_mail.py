"""Mail, by SMTP and by sendmail: what arrives, and what the server says becomes of the message."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from runwisp.deliver.attempt import attempted
from runwisp.deliver.mail import default_sender
from runwisp.delivery import Order, Outcome, Verdict
from runwisp.event import Event, EventKind
from runwisp.notifier import Sendmail, Smtp, Tls
from runwisp.paths import user_name
from tests.integration.postoffice import PASSWORD, USER, Mail, PostOffice, free_port, post_office
from tests.integration.sending import AT, HOSTILE, Deliver, a_run, an_order, inline, write_log

SENT = Outcome(Verdict.SENT)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as open_office:
        yield open_office


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(ca: trustme.CA) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(found)
    return found


@pytest.fixture
def authority(ca: trustme.CA, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return {"SSL_CERT_FILE": str(path)}


def smtp(port: int, **keys: Any) -> Smtp:
    values: dict[str, Any] = {"host": "127.0.0.1", "tls": Tls.NONE, "to": ("ops@example.com",)}
    return Smtp(id="it", port=port, **{"password": inline("")} | values | keys)


def sent(office: PostOffice, data: Path, **keys: Any) -> Outcome:
    return attempted(an_order(smtp(office.port, **keys), data), {})


def test_a_mail_arrives_as_a_person_reads_it(office: PostOffice, tmp_path: Path) -> None:
    write_log(tmp_path, a_run(), "first", HOSTILE, ".", "Grüße, 漢字")
    found = sent(
        office,
        tmp_path,
        from_="RunWisp <cron@example.com>",
        to=("ops@example.com", "Ann <ann@example.com>"),
        cc=("boss@example.com",),
        reply_to="help@example.com",
    )
    assert found == SENT
    mail = office.only
    assert mail.sender == "cron@example.com"
    assert mail.recipients == ["ops@example.com", "ann@example.com", "boss@example.com"]
    letter = mail.letter
    assert letter["Subject"] == "ERROR: backup failed"
    assert letter["From"] == "RunWisp <cron@example.com>"
    assert letter["To"] == "ops@example.com, Ann <ann@example.com>"
    assert letter["Cc"] == "boss@example.com"
    assert letter["Reply-To"] == "help@example.com"
    assert letter["Message-ID"] == "<01HF7YAT00DE11VERY00000001@web1.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(letter["Date"]).timestamp() > AT / 1000
    text = letter.get_content().replace("\r\n", "\n")
    assert "Exit code 3 after 1m5s" in text
    assert f"{HOSTILE}\n.\nGrüße, 漢字\n" in text
    assert "https://cron.example/tasks/backup/runs/" in text
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998


def test_without_a_sender_it_is_user_and_host(office: PostOffice, tmp_path: Path) -> None:
    assert sent(office, tmp_path) == SENT
    assert office.only.sender == f"{user_name(os.geteuid())}@web1.example"


def test_without_a_sender_it_is_who_logs_in_where_that_is_an_address() -> None:
    assert default_sender("web1", "robot@example.com") == "robot@example.com"
    assert default_sender("web1", "robot") == f"{user_name(os.geteuid())}@web1"


def test_a_target_takes_the_place_of_all_recipients(office: PostOffice, tmp_path: Path) -> None:
    notifier = smtp(office.port, cc=("boss@example.com",))
    assert attempted(an_order(notifier, tmp_path, target="ann@example.com"), {}) == SENT
    assert office.only.recipients == ["ann@example.com"]
    assert office.only.letter["Cc"] is None


@pytest.mark.parametrize(
    "evil", ["\r\nBcc: evil@example.com", "\nX: y", "\r\n\r\nbody", "\u2028Bcc: evil@example.com"]
)
def test_nobody_adds_a_header(office: PostOffice, tmp_path: Path, evil: str) -> None:
    event = Event(EventKind.DAEMON_STARTED, AT, f"started{evil}")
    order: Order = replace(an_order(smtp(office.port), tmp_path), event=event, run=None, host=f"web1{evil}")
    assert attempted(order, {}) == SENT
    mail = office.only
    assert mail.recipients == ["ops@example.com"]
    assert {*mail.letter} == {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert "started" in mail.letter["Subject"]


def test_a_very_long_mail_is_one_that_servers_take(office: PostOffice, tmp_path: Path) -> None:
    template = tmp_path / "it.txt"
    template.write_text("ü" * 20_000 + "\n" + ".\n" + "x" * 20_000)
    assert sent(office, tmp_path, template_path=str(template)) == SENT
    assert max(map(len, office.only.content.split(b"\r\n"))) <= 998
    text = office.only.letter.get_content().replace("\r\n", "\n")
    assert text == template.read_text() + "\n"


# What the server says


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("550 No such user here", Verdict.GAVE_UP),
        ("554 Spam", Verdict.GAVE_UP),
        ("450 Greylisted, come back", Verdict.AGAIN),
        ("452 Too many recipients", Verdict.AGAIN),
    ],
)
def test_a_refused_recipient_is_final_or_not_as_the_server_says(
    office: PostOffice, tmp_path: Path, reply: str, verdict: Verdict
) -> None:
    office.rcpt = lambda _: reply
    found = sent(office, tmp_path)
    assert found == Outcome(verdict, f"127.0.0.1:{office.port} answered {reply}")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("552 Too big", Verdict.GAVE_UP), ("451 Out of disk", Verdict.AGAIN)],
)
def test_a_refused_mail_is_final_or_not_as_the_server_says(
    office: PostOffice, tmp_path: Path, reply: str, verdict: Verdict
) -> None:
    office.data = lambda _: reply
    assert sent(office, tmp_path) == Outcome(verdict, f"127.0.0.1:{office.port} answered {reply}")


def test_one_recipient_refused_for_good_keeps_the_others_from_nothing(
    office: PostOffice, tmp_path: Path
) -> None:
    office.rcpt = lambda address: "550 Gone" if "gone" in address else "250 OK"
    found = sent(office, tmp_path, to=("gone@example.com", "ann@example.com"))
    why = "all others got it, but the server refused gone@example.com: 550 Gone"
    assert found == Outcome(Verdict.GAVE_UP, why)
    assert office.only.recipients == ["ann@example.com"]


def test_one_recipient_refused_for_now_does_not_make_the_others_get_it_twice(
    office: PostOffice, tmp_path: Path
) -> None:
    office.rcpt = lambda address: "450 Greylisted" if "grey" in address else "250 OK"
    assert sent(office, tmp_path, to=("ann@example.com", "grey@example.com")).verdict is Verdict.AGAIN
    assert not office.mails
    office.rcpt = lambda _: "250 OK"
    assert sent(office, tmp_path, to=("ann@example.com", "grey@example.com")) == SENT
    assert office.only.recipients == ["ann@example.com", "grey@example.com"]


def test_nobody_there_is_tried_again(tmp_path: Path) -> None:
    port = free_port()
    found = attempted(an_order(smtp(port), tmp_path), {})
    assert found == Outcome(Verdict.AGAIN, f"127.0.0.1:{port}: nothing listens there")


# TLS and login


def test_starttls_and_login(context: ssl.SSLContext, authority: dict[str, str], tmp_path: Path) -> None:
    with post_office(starttls=context, has_login=True) as office:
        notifier = smtp(
            office.port, host="localhost", tls=Tls.STARTTLS, username=USER, password=inline(PASSWORD)
        )
        assert Deliver(authority)(an_order(notifier, tmp_path)) == SENT
        assert office.only.recipients == ["ops@example.com"]
        assert office.logins == [(USER, True)]


def test_implicit_tls(context: ssl.SSLContext, authority: dict[str, str], tmp_path: Path) -> None:
    with post_office(implicit=context) as office:
        notifier = smtp(office.port, host="localhost", tls=Tls.IMPLICIT)
        assert Deliver(authority)(an_order(notifier, tmp_path)) == SENT
        assert len(office.mails) == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_an_untrusted_server_gets_neither_login_nor_mail(
    context: ssl.SSLContext, tmp_path: Path, tls: Tls
) -> None:
    contexts = {"starttls": context} if tls is Tls.STARTTLS else {"implicit": context}
    with post_office(**contexts, has_login=tls is Tls.STARTTLS) as office:
        notifier = smtp(office.port, host="localhost", tls=tls, username=USER, password=inline(PASSWORD))
        found = attempted(an_order(notifier, tmp_path), {})
        assert found.verdict is Verdict.AGAIN
        assert "its certificate is not trusted: " in found.reason
        assert not office.mails
        assert not office.logins


def test_a_server_without_starttls_gets_no_login(office: PostOffice, tmp_path: Path) -> None:
    found = sent(office, tmp_path, tls=Tls.STARTTLS, username=USER, password=inline(PASSWORD))
    assert found.verdict is Verdict.GAVE_UP
    assert 'it offers no STARTTLS; use tls = "implicit"' in found.reason


def test_a_wrong_password_is_final_and_not_told(
    context: ssl.SSLContext, authority: dict[str, str], tmp_path: Path
) -> None:
    with post_office(starttls=context, has_login=True) as office:
        notifier = smtp(
            office.port, host="localhost", tls=Tls.STARTTLS, username=USER, password=inline("wr0ngPassw0rd")
        )
        found = Deliver(authority)(an_order(notifier, tmp_path))
        assert found.verdict is Verdict.GAVE_UP
        assert found.reason.startswith(f"localhost:{office.port} answered 535 ")
        assert "wr0ng" not in found.reason
        assert not office.mails


# sendmail


def a_sendmail(folder: Path, then: str = "exit 0") -> str:
    """Keeps the mail, and what it was called with, in the folder."""
    path = folder / "sendmail"
    path.write_text(f'#!/bin/sh\ncat > {folder}/mail\necho "$@" > {folder}/arguments\n{then}\n')
    path.chmod(0o755)
    return str(path)


def test_sendmail_gets_the_mail_on_its_stdin_and_nothing_else(tmp_path: Path) -> None:
    write_log(tmp_path, a_run(), ".", "Grüße")
    notifier = Sendmail(id="it", to=("ops@example.com",), from_="cron@example.com", path=a_sendmail(tmp_path))
    assert attempted(an_order(notifier, tmp_path), {}) == SENT
    assert (tmp_path / "arguments").read_text() == "-t -i\n"
    content = (tmp_path / "mail").read_bytes()
    assert b"\r" not in content
    read = Mail("", [], content).letter
    assert (read["To"], read["From"]) == ("ops@example.com", "cron@example.com")
    assert ".\nGrüße\n" in read.get_content()


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(75, Verdict.AGAIN), (69, Verdict.AGAIN), (64, Verdict.GAVE_UP), (1, Verdict.GAVE_UP)],
)
def test_the_exit_code_of_sendmail_says_whether_to_try_again(
    tmp_path: Path, code: int, verdict: Verdict
) -> None:
    path = a_sendmail(tmp_path, f"echo queue is full >&2; exit {code}")
    found = attempted(an_order(Sendmail(id="it", to=("ops@example.com",), path=path), tmp_path), {})
    assert found == Outcome(verdict, f"{path} exited with code {code}: queue is full")


def test_no_sendmail_is_final(tmp_path: Path) -> None:
    path = str(tmp_path / "missing")
    found = attempted(an_order(Sendmail(id="it", to=("ops@example.com",), path=path), tmp_path), {})
    assert found == Outcome(Verdict.GAVE_UP, f"{path}: no such file or directory")
