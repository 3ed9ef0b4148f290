"""``runwisp notify-test``: a test message through one notifier, here and now.

Asks no daemon: the same attempt as one of its deliver processes makes, with the environment of whoever calls.
"""

from __future__ import annotations

import argparse
import os
import sys

from runwisp import host, reaper
from runwisp.cli.loaded import loaded
from runwisp.closest import did_you_mean
from runwisp.config import Config
from runwisp.configkeys import NOTIFIER_TYPES
from runwisp.deliver.attempt import attempted
from runwisp.deliver.credentials import exposed_files
from runwisp.delivery import Order, Outcome, Verdict
from runwisp.errors import NotDelivered, UnknownNotifier, UsageError
from runwisp.event import Event, EventKind
from runwisp.fingerprint import fingerprint
from runwisp.ids import UlidMaker
from runwisp.notifier import INAPP, Notifier
from runwisp.paths import DataDir
from runwisp.printable import printable
from runwisp.route import split
from runwisp.values import BadValue

HELP = (
    "Send a test message through a notifier of the configuration and tell what came of it. Makes one "
    "attempt, needs no daemon, and finds variables that hold secrets in its own environment. Exits with 0 "
    "when the message was taken."
)

NEXT = {
    Verdict.AGAIN: "A daemon would try again, for as long as default_timeout says.",
    Verdict.GAVE_UP: "A daemon would not try again: this does not pass by itself.",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ID", help="the id of a notifier, or ID:TARGET")


def run(flags: argparse.Namespace) -> int:
    """Raises: ConfigError, ConfigUnreadable, DataDirError, UsageError, UnknownNotifier, NotDelivered."""
    found = loaded(flags)
    notifier, target = _addressed(found, flags.address)
    order = _order(found, notifier, target, DataDir(flags.data).absolute)
    for path in exposed_files(notifier, order.data_dir):
        print(f"warning: other users may read {printable(path)}: chmod 0600", file=sys.stderr)
    reaper.seal_descriptors()
    outcome = attempted(order, os.environ)
    if outcome.verdict is not Verdict.SENT:
        raise _failed(flags.address, outcome)
    print(f"{printable(flags.address)}: sent")
    return 0


def _addressed(found: Config, address: str) -> tuple[Notifier, str | None]:
    """Raises: UnknownNotifier, UsageError for a target that cannot be, or none where one is needed."""
    name, target = split(address)
    notifier = found.notifiers.get(name)
    if notifier is None:
        raise _unknown(found, name)
    kind = NOTIFIER_TYPES[notifier.type]
    if target is None and kind.needs_target and not getattr(notifier, kind.target):
        raise UsageError(f'"{name}" has no {kind.target}; write {name}:TARGET')
    if target is not None and not kind.target:
        raise UsageError(f"a notifier of type {notifier.type} has no targets; write {name}")
    try:
        return notifier, None if target is None else str(kind.read_target(target))
    except BadValue as error:
        raise UsageError(str(error)) from error


def _unknown(found: Config, name: str) -> UnknownNotifier:
    if name == INAPP:
        return UnknownNotifier(f'"{INAPP}" is the bell of the dashboards', "There is nothing to be tested.")
    known = ", ".join(found.notifiers) or f"none: declare one with [[notifier]] in {found.path}"
    return UnknownNotifier(
        f'"{name}" is not the id of a notifier{did_you_mean(name, found.notifiers)}',
        f"Those there are: {known}",
    )


def _order(found: Config, notifier: Notifier, target: str | None, data_dir: str) -> Order:
    now = host.wall()
    return Order(
        delivery_id=UlidMaker(host.random_bytes).next(now),
        notifier=notifier,
        target=target,
        data_dir=data_dir,
        external_url=found.external_url,
        host=host.name(),
        fingerprint=fingerprint(host.machine_id(), data_dir),
        event=Event(EventKind.NOTIFY_TEST, now, "test message: what RunWisp has to tell arrives here"),
    )


def _failed(address: str, outcome: Outcome) -> NotDelivered:
    is_final = outcome.verdict is Verdict.GAVE_UP
    text = f"{address}: not sent: {outcome.reason}\n{NEXT[outcome.verdict]}"
    return NotDelivered(text, is_final=is_final)
