"""The running daemon as commands reach it, and what they look for there.

Called by the commands that speak with the daemon.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from runwisp.client import Client, path
from runwisp.errors import UnknownRun
from runwisp.paths import DataDir
from runwisp.printable import printable
from runwisp.signin import signed_in
from runwisp.values import is_name

ULID_LETTERS = 26
PAGE = 1000
LOOKED_THROUGH = 10_000
"""Runs of a task among which a part of an id is looked for."""

SHORT = 8
"""Letters at the end of an id that tell runs apart where all of it has no place; they are the random ones."""

JSON = Any
"""What the API answers, as its OpenAPI document describes it."""


def reached(flags: argparse.Namespace) -> Client:
    """Raises: whatever ``signed_in`` does."""
    data = DataDir(flags.data)
    data.become_owner()
    return signed_in(flags.host, flags.port, data, os.environ)


def task_name(text: str) -> str:
    """A type of arguments: what a task or service may be called."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(f"no task can be called {printable(text)!r}")
    return text


def runs_of(client: Client, task: str | None, **query: object) -> Iterator[JSON]:
    """Newest first, page by page as they are asked for. Raises: UnknownTask."""
    where = path("tasks", task, "runs") if task is not None else path("runs")
    before = None
    while True:
        page = client.get(where, limit=PAGE, before=before, **query)
        yield from page["runs"]
        before = page.get("next_cursor")
        if before is None:
            return


def run_named(client: Client, task: str, word: str) -> JSON:
    """A run by its id, or by letters at the end or beginning of it that no other has.

    Raises: UnknownTask, UnknownRun.
    """
    wanted = word.upper()
    if len(wanted) == ULID_LETTERS:
        return client.get(path("tasks", task, "runs", wanted))
    found = [
        run
        for run in islice(runs_of(client, task), LOOKED_THROUGH)
        if run["id"].endswith(wanted) or run["id"].startswith(wanted)
    ]
    match found:
        case [run]:
            return run
        case []:
            raise UnknownRun(
                f'no run of "{task}" has an id that ends in "{word}"', f"See `runwisp runs {task}`."
            )
        case _:
            raise UnknownRun(f'several runs of "{task}" have "{word}" in their id', _choice(found))


def short(run: Mapping[str, JSON]) -> str:
    return str(run["id"])[-SHORT:]


def _choice(found: Sequence[Mapping[str, JSON]]) -> str:
    lines = [f"  {run['id']}  {run['created_at']}" for run in found[:10]]
    return "\n".join(["Write more letters:", *lines, *(["  ..."] if len(found) > 10 else [])])
