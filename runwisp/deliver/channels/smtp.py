"""Mail by SMTP.

Every recipient is asked about before the mail is sent, so that one who is refused for now does not make the
others get it twice. Source: RFC 5321.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress

from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.mail import bare, default_sender, domain, mail
from runwisp.deliver.post import PATIENCE, why
from runwisp.errors import NotDelivered
from runwisp.notifier import Smtp, Tls

PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


def send(dispatch: Dispatch, notifier: Smtp) -> None:
    """Raises: NotDelivered."""
    place = f"{notifier.host}:{notifier.port or PORTS[notifier.tls]}"
    try:
        _sent(dispatch, notifier)
    except smtplib.SMTPResponseException as error:
        raise _refused(place, error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotDelivered(f"{place}: {_unsupported(error)}", is_final=True) from error
    except smtplib.SMTPServerDisconnected as error:
        raise NotDelivered(f"{place}: the server closed the connection", is_final=False) from error
    except smtplib.SMTPException as error:
        raise NotDelivered(f"{place}: {error}", is_final=False) from error
    except UnicodeError as error:
        raise NotDelivered(f"{place}: an address or the login is not ASCII", is_final=True) from error
    except OSError as error:
        raise NotDelivered(f"{place}: {why(error)}", is_final=False) from error


def _sent(dispatch: Dispatch, notifier: Smtp) -> None:
    target = dispatch.order.target
    to, cc = ((target,), ()) if target else (notifier.to, notifier.cc)
    sender = notifier.from_ or default_sender(dispatch.order.host, notifier.username)
    letter = mail(dispatch, to, cc, sender, notifier.reply_to).as_bytes()
    server = _connected(notifier, _greeting(dispatch.order.host))
    try:
        _logged_in(server, notifier, dispatch.secrets["password"])
        _handed_over(server, bare(sender), [bare(each) for each in (*to, *cc)], letter)
        with suppress(
            smtplib.SMTPException, OSError
        ):  # it has the mail; how it takes leave is its own affair
            server.quit()
    finally:
        server.close()


def _connected(notifier: Smtp, name: str) -> smtplib.SMTP:
    port = notifier.port or PORTS[notifier.tls]
    if notifier.tls is Tls.IMPLICIT:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(notifier.host, port, name, timeout=PATIENCE, context=context)
    return smtplib.SMTP(notifier.host, port, name, timeout=PATIENCE)


def _logged_in(server: smtplib.SMTP, notifier: Smtp, password: str) -> None:
    if notifier.tls is Tls.STARTTLS:
        server.ehlo_or_helo_if_needed()
        code, answer = server.starttls(context=ssl.create_default_context())
        if code != 220:
            raise smtplib.SMTPResponseException(code, answer)
    if notifier.username:
        server.login(notifier.username, password)


def _handed_over(server: smtplib.SMTP, sender: str, recipients: Sequence[str], letter: bytes) -> None:
    """Raises: SMTPResponseException when nobody gets it, NotDelivered when only some do."""
    server.ehlo_or_helo_if_needed()
    _check(*server.mail(sender))
    refused = {}
    for recipient in recipients:
        code, answer = server.rcpt(recipient)
        if code not in (250, 251):
            refused[recipient] = code, answer
    passing = [each for each in refused.values() if each[0] < 500]
    if passing or len(refused) == len(recipients):
        raise smtplib.SMTPResponseException(*(passing or [*refused.values()])[0])
    _check(*server.data(letter))
    if refused:
        raise NotDelivered(_partly(refused), is_final=True)


def _check(code: int, answer: bytes) -> None:
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, answer)


def _refused(place: str, code: int, answer: bytes | str) -> NotDelivered:
    """4xx passes, 5xx does not."""
    return NotDelivered(f"{place} answered {code} {_text(answer)}", is_final=code >= 500)


def _partly(refused: dict[str, tuple[int, bytes]]) -> str:
    told = "; ".join(f"{name}: {code} {_text(answer)}" for name, (code, answer) in refused.items())
    return f"all others got it, but the server refused {told}"


def _text(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())


def _unsupported(error: smtplib.SMTPNotSupportedError) -> str:
    if "STARTTLS" in str(error):
        return 'it offers no STARTTLS; use tls = "implicit", or "none" for a server on this machine'
    return str(error)


def _greeting(host_name: str) -> str:
    """How we call ourselves; a name without a dot is none to many servers. Source: RFC 5321, 4.1.3."""
    name = domain(host_name)
    return name if "." in name else "[127.0.0.1]"
