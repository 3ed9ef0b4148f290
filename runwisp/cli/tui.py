"""``runwisp tui``: the console of a running daemon, here or elsewhere."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from getpass import getpass

from runwisp import password
from runwisp.cli.attached import attach
from runwisp.client import Client
from runwisp.console.tty import INSTEAD, Tty, refusal
from runwisp.errors import NoPassword, NoTerminal
from runwisp.localurl import local_url
from runwisp.paths import DataDir
from runwisp.printable import printable
from runwisp.signin import log_in, signed_in, signed_in_at

HELP = (
    "Show the console of a running daemon: its tasks, runs and logs, live. The password comes from "
    "RUNWISP_PASSWORD, systemd's credentials or the data directory; where there is none it is asked for."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", metavar="FILE", help="where the password is, one line")
    parser.add_argument(
        "--url", help="a daemon elsewhere, as http://HOST:PORT or https://HOST, in place of --host and --port"
    )


def run(flags: argparse.Namespace) -> int:
    if why_not := refusal(os.environ):
        raise NoTerminal(why_not, INSTEAD)
    tty = Tty()
    secret = password.read(flags.password_file) if flags.password_file else ""
    data = DataDir(flags.data)
    data.become_owner()
    return attach(tty, _client(flags, data, secret), None)


def _client(flags: argparse.Namespace, data: DataDir, secret: str) -> Client:
    """Logged in. ``secret``: the password that was given, if one was."""
    url = flags.url or local_url(flags.host, flags.port)
    if secret:
        return log_in(
            Client(url), secret, f"The one in {flags.password_file} is another one than the daemon's."
        )
    ask = partial(_asked, f"Password of the daemon at {printable(url)}: ")
    if flags.url:
        return signed_in_at(url, data, os.environ, ask)
    return signed_in(flags.host, flags.port, data, os.environ, ask)


def _asked(prompt: str, wrong: str) -> str:
    """Not an empty one, which costs an attempt and is none. Raises: NoPassword."""
    if wrong:
        print(wrong, file=sys.stderr)
    while not (typed := _typed(prompt)):
        pass
    return typed


def _typed(prompt: str) -> str:
    """Empty for what cannot be one."""
    try:
        return getpass(prompt)
    except UnicodeDecodeError:
        print("\nThat is not UTF-8.", file=sys.stderr)
        return ""
    except EOFError:
        print(file=sys.stderr)
        raise NoPassword(
            "no password was typed",
            f"Type it, or set {password.VARIABLE}, or name a file with --password-file.",
        ) from None
