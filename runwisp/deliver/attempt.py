"""One attempt to deliver one message, and what came of it.

Knows the channels, and loads the one that is used. Whatever happens becomes an outcome in words that hold no
secret. Called by the deliver process and by ``notify-test``.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from zoneinfo import ZoneInfo

from runwisp import hostzone
from runwisp.clock import spell
from runwisp.deliver import credentials
from runwisp.deliver.deadline import ATTEMPT, TooLate, within
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.redaction import Redactor, login_of, words
from runwisp.delivery import Order, Outcome, Verdict
from runwisp.errors import LogUnavailable, NotDelivered
from runwisp.logfile import LogFiles
from runwisp.logline import PREFIXES
from runwisp.logreader import LogReader
from runwisp.message import LAST_LINES, composed
from runwisp.notifier import Command, Gotify, Notifier, Ntfy, Sendmail, Smtp, Webhook
from runwisp.printable import printable

LONGEST_TEMPLATE = 65_536
LONGEST_REASON = 400
BOUND_THEMSELVES = (Command, Sendmail)
"""Channels that are programs, which are ended in time."""


def attempted(order: Order, environ: Mapping[str, str]) -> Outcome:
    """Takes at most ATTEMPT. A thread may be left that still waits for the network."""
    try:
        secrets = credentials.resolved(order.notifier, order.data_dir, environ)
    except NotDelivered as error:
        return Outcome(Verdict.GAVE_UP, error.message)
    redactor = _redactor(order.notifier, secrets)
    try:
        _send_in_time(order, secrets)
    except NotDelivered as error:
        verdict = Verdict.GAVE_UP if error.is_final else Verdict.AGAIN
        wait = None if error.is_final else error.retry_after_ms
        return Outcome(verdict, printable(redactor.redacted(error.message), LONGEST_REASON), wait)
    except TooLate:
        return Outcome(Verdict.AGAIN, f"not done within {spell(ATTEMPT)}")
    except Exception as error:
        sys.stderr.write(redactor.redacted(traceback.format_exc()))
        return Outcome(Verdict.AGAIN, f"a bug in RunWisp: {type(error).__name__} in {_place(error)}")
    return Outcome(Verdict.SENT)


def _send_in_time(order: Order, secrets: Mapping[str, str]) -> None:
    channel = import_module(f"runwisp.deliver.channels.{order.notifier.type}")
    if isinstance(order.notifier, BOUND_THEMSELVES):
        channel.send(_dispatch(order, secrets), order.notifier)
    else:
        within(ATTEMPT, lambda: channel.send(_dispatch(order, secrets), order.notifier))


def _dispatch(order: Order, secrets: Mapping[str, str]) -> Dispatch:
    message = composed(order, _last_lines(order), ZoneInfo(hostzone.find(os.environ).name))
    path = order.notifier.template_path
    if path is None:
        return Dispatch(order=order, message=message, secrets=secrets)
    try:
        return Dispatch(order=order, message=message, secrets=secrets, template=_template(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        details = f"{message.details}\n(The template {path} cannot be used: {why.lower()}.)"
        return Dispatch(order=order, message=replace(message, details=details), secrets=secrets)


def _template(path: str) -> str:
    """Raises: OSError, UnicodeDecodeError."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        return file.read(LONGEST_TEMPLATE).decode()


def _last_lines(order: Order) -> Sequence[str]:
    """As they lie in the log; none where it is gone, or nothing was ever started."""
    run = order.run
    if run is None or run.start_at is None:
        return ()
    try:
        with LogReader(LogFiles(f"{order.data_dir}/logs", run.task_name, run.log_stem)) as log:
            lines = log.page(-LAST_LINES, LAST_LINES).lines
    except (LogUnavailable, ValueError):
        return ()
    return [PREFIXES[line.stream].decode() + line.text for line in lines]


def _place(error: Exception) -> str:
    """The innermost place that is ours, so that it can be reported where nobody sees more."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "/runwisp/" in each.filename]
    return f"{frames[-1].filename.rpartition('/runwisp/')[2]}:{frames[-1].lineno}"


def _redactor(notifier: Notifier, secrets: Mapping[str, str]) -> Redactor:
    values, logins = [*secrets.values()], []
    match notifier:
        case Webhook():
            values += [form for value in notifier.headers.values() for form in (value, *words(value))]
        case Smtp() if secrets["password"]:
            logins.append((notifier.username or "", secrets["password"]))
        case Ntfy() | Gotify():
            logins.append(login_of(notifier.url))
    return Redactor(values, logins)
