"""``runwisp`` without a command: the daemon up, started where there is none, and the console on it.

Without a terminal for a console the daemon is up all the same, and where it is is told. Called by ``main``.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
from importlib import import_module

from runwisp import background, config, host, listener, password
from runwisp.background import Order
from runwisp.cli import starter
from runwisp.client import health, other_daemon
from runwisp.clock import SECOND, Millis, after
from runwisp.console.tty import Tty, refusal
from runwisp.errors import DataDirError, DataDirLocked, UsageError
from runwisp.fingerprint import fingerprint
from runwisp.localurl import local_url
from runwisp.password import Password, Source
from runwisp.paths import DataDir, denied
from runwisp.signin import signed_in

COMES_UP_WITHIN: Millis = 2 * SECOND
"""That of a daemon that holds the data directory and does not answer: it may be starting."""

LOOK_EVERY: Millis = 50


def run(flags: argparse.Namespace) -> int:
    if flags.port == 0:
        raise UsageError("port 0 is any free one, and the console has to know which: choose one with --port")
    why_not = refusal(os.environ)
    tty = None if why_not else Tty()
    data = DataDir(flags.data)
    data.become_owner()
    is_ours = not _is_up(flags, data)
    is_fresh = not os.path.lexists(data.password)
    if is_ours:
        _start(flags, data)
    if tty is None:
        _tell(flags, data, is_ours=is_ours, is_fresh=is_fresh)
        return 0
    client = signed_in(flags.host, flags.port, data, os.environ)
    attached = import_module(
        "runwisp.cli.attached"
    )  # only now, as the console is not for who has no terminal
    code: int = attached.attach(tty, client, data if is_ours else None)
    return code


def _is_up(flags: argparse.Namespace, data: DataDir) -> bool:
    """Raises: OtherDaemon, DataDirLocked, PortInUse, CannotListen, DataDirError."""
    theirs = health(flags.host, flags.port)
    if not theirs and (pid := _holder(data)) is not None:
        theirs = _awaited(flags)
        if not theirs:
            raise DataDirLocked(
                f"another daemon (pid {pid or 'unknown'}) is already using data directory {data.path}, and "
                f"does not answer on port {flags.port}",
                "Name its own port with --port, or end it with `runwisp stop`.",
            )
    if theirs and theirs != fingerprint(host.machine_id(), data.absolute):
        raise other_daemon(flags.port, theirs)
    return theirs is not None


def _holder(data: DataDir) -> int | None:
    try:
        return data.holder()
    except DataDirError as error:
        raise denied(data, error) from error


def _awaited(flags: argparse.Namespace) -> str | None:
    give_up_by = after(host.now().mono, COMES_UP_WITHIN)
    while not (theirs := health(flags.host, flags.port)) and host.now().mono < give_up_by:
        select.poll().poll(LOOK_EVERY)
    return theirs


def _start(flags: argparse.Namespace, data: DataDir) -> None:
    """Raises: whatever keeps a daemon from starting, as far as it can be told before."""
    listener.listen(flags.host, flags.port, until=host.now().mono).close()
    if starter.is_wanted(flags.config):
        starter.offer(flags.config)
    elif not os.path.lexists(flags.config):
        config.load(flags.config)  # which says so
    print("Starting the daemon in the background.", flush=True)
    begun = background.begin(Order(data, flags.host, flags.port, _flags(flags)))
    try:
        background.until_healthy(begun)
    except KeyboardInterrupt:
        print("The daemon was told to stop.", file=sys.stderr)
        raise


def _flags(flags: argparse.Namespace) -> tuple[str, ...]:
    return (
        f"--config={flags.config}",
        f"--data={flags.data}",
        f"--host={flags.host}",
        f"--port={flags.port}",
        f"--log-level={flags.log_level}",
        f"--log-format={flags.log_format}",
    )


def _tell(flags: argparse.Namespace, data: DataDir, *, is_ours: bool, is_fresh: bool) -> None:
    """``is_fresh``: the password was made by this start, so that nobody knows it yet. Of a daemon that
    somebody else started neither its log nor its password is known."""
    kept = f"{data.path}/{password.FILE}"
    print(f"The daemon {'runs' if is_ours else 'is running already'}: {local_url(flags.host, flags.port)}")
    if is_ours:
        found = password.find(os.environ, data)
        if found:
            print(_password(found, kept, is_fresh=is_fresh))
        print(f"Its log is {data.path}/{background.LOG}.")
    elif os.path.lexists(data.password):
        print(f"The password is in {kept}, unless it was started with another one.")
    print("`runwisp status` shows how it fares, `runwisp stop` ends it.")


def _password(found: Password, kept: str, *, is_fresh: bool) -> str:
    match found.source:
        case Source.VARIABLE:
            return f"The password is the one in {password.VARIABLE}."
        case Source.CREDENTIAL:
            return f"The password is the one in ${password.CREDENTIALS}/{password.FILE}."
        case Source.FILE:
            return (
                f"The password is {found.text} (kept in {kept})" if is_fresh else f"The password is in {kept}"
            )
