"""A command of this machine, by /bin/sh as the command of a task is: gets the event as JSON on its stdin."""

from __future__ import annotations

from runwisp.command import shell_argv
from runwisp.deliver import program, record
from runwisp.deliver.dispatch import Dispatch
from runwisp.errors import NotDelivered
from runwisp.notifier import Command

SHELL = "/bin/sh"


def send(dispatch: Dispatch, notifier: Command) -> None:
    """Raises: NotDelivered."""
    ended = program.run("the command", shell_argv(SHELL, notifier.run), record.content(dispatch))
    if ended.code:
        raise NotDelivered(f"the command {ended.told}", is_final=False)
