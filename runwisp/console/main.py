"""The console: one loop over what is typed, what the daemon says and what time it is.

Owns nothing but the loop: ``update`` decides, ``view`` says what is to be seen, ``remote`` asks the daemon.
Called by ``runwisp`` and ``runwisp tui``.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable

from runwisp import host
from runwisp.client import Client
from runwisp.clock import Millis, Mono, after
from runwisp.console import tty as device
from runwisp.console.browser import Browser
from runwisp.console.messages import Command, Message, Quit, Redraw, Resized, Suspend, Tick
from runwisp.console.remote import Remote
from runwisp.console.screen import Screen
from runwisp.console.tty import Tty
from runwisp.console.update import Turn, begin, next_tick, update
from runwisp.console.view import view
from runwisp.frozen import frozen
from runwisp.loop import READ, WRITE, Loop

ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
SIGNALS = (*ENDING, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
ENDED_BY_SIGNAL = 128
HUNG_UP = ENDED_BY_SIGNAL + signal.SIGHUP

ESCAPE_SETTLES_AFTER: Millis = 50
"""A key that begins with an escape comes in one piece, or, over a slow line, in two."""


@frozen
class Left:
    """How the console was left. ``wants_stop``: the daemon that was started for it is to end as well."""

    code: int = 0
    wants_stop: bool = False

    @property
    def is_hung_up(self) -> bool:
        """Whether there is no terminal any more."""
        return self.code == HUNG_UP


class Console:
    """From the first screen to the last."""

    def __init__(self, tty: Tty, loop: Loop, remote: Remote, screen: Screen, opening: Turn) -> None:
        self._tty = tty
        self._loop = loop
        self._remote = remote
        self._screen = screen
        self._left: Left | None = None
        self._broken: BaseException | None = None
        self._messages: list[Message] = []
        self._model, commands = opening
        self._drawn: object = None
        self._settles_at: Mono | None = None
        for command in commands:
            self._carry_out(command)

    def run(self) -> Left:
        """Raises: whatever broke a thread, which is a bug."""
        self._loop.catch(SIGNALS)
        self._loop.watch(self._remote.fd, READ, lambda: self._messages.extend(self._remote.take()))
        self._screen.enter()
        try:
            while self._left is None:
                self._draw()
                self._wait()
                self._turn()
            return self._left
        finally:
            self._screen.leave()

    def broke(self, args: threading.ExceptHookArgs) -> None:
        """A thread did: it is raised where it is seen."""
        self._broken = args.exc_value
        self._remote.wake()

    def _draw(self) -> None:
        """What changes while the terminal is taking the last screen is seen in the next."""
        if self._model is not self._drawn and not self._tty.is_writing:
            self._screen.draw(view(self._model), has_mouse=self._model.has_mouse)
            self._drawn = self._model

    def _wait(self) -> None:
        events = READ | WRITE if self._tty.is_writing else READ
        self._loop.watch(self._tty.fd, events, self._serve_terminal)
        deadlines = [at for at in (next_tick(self._model), self._settles_at) if at is not None]
        self._loop.wait(host.now(), min(deadlines, default=None))

    def _serve_terminal(self) -> None:
        self._tty.go_on()
        typed = self._screen.typed()
        if typed is None:
            self._left = Left(HUNG_UP)
            return
        self._messages += typed
        is_waiting = self._screen.is_waiting
        self._settles_at = after(host.now().mono, ESCAPE_SETTLES_AFTER) if is_waiting else None

    def _turn(self) -> None:
        if self._broken:
            raise self._broken
        self._take_signals()
        now = host.now()
        if self._settles_at is not None and now.mono >= self._settles_at:
            self._settles_at = None
            self._messages += self._screen.settled()
        due = next_tick(self._model)
        if self._messages or (due is not None and now.mono >= due):
            self._feed([Tick(now), *self._messages])
        self._messages = []

    def _feed(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._model, commands = update(self._model, message)
            for command in commands:
                self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Quit(wants_stop):
                self._left = Left(wants_stop=wants_stop)
            case Suspend():
                device.stop_all()  # which comes back as a signal
            case Redraw():
                self._redraw()
            case _:
                self._remote.carry_out(command)

    def _take_signals(self) -> None:
        while self._loop.signals:  # more may come while we are stopped
            signum = self._loop.signals.pop(0)
            if signum in ENDING:
                self._left = Left(ENDED_BY_SIGNAL + signum)
                return
            if signum == signal.SIGTSTP:
                self._stop()
            else:  # it has another size, or somebody else wrote on it while we were stopped
                self._resize()

    def _stop(self) -> None:
        self._screen.leave()
        if device.stop_here():
            while signal.SIGCONT not in self._loop.signals:
                self._loop.wait(host.now())
        self._screen.enter()
        self._resize()

    def _resize(self) -> None:
        self._messages.append(Resized(*self._tty.size()))
        self._redraw()

    def _redraw(self) -> None:
        self._screen.redraw()
        self._drawn = None


def main(tty: Tty, client: Client, *, has_started_daemon: bool) -> Left:
    """Shows the console until a person leaves it, or the terminal goes.

    ``client`` is logged in. Whatever happens, the terminal is afterwards as it was.
    """
    screen = Screen(tty, os.environ)
    columns, rows = tty.size()
    browser, loop = Browser(os.environ), Loop()
    remote = Remote(client, browser)
    former = threading.excepthook
    try:
        opening = begin(
            url=client.url,
            columns=columns,
            rows=rows,
            is_unicode=screen.is_unicode,
            has_colour=screen.has_colour,
            has_started_daemon=has_started_daemon,
            now=host.now(),
        )
        console = Console(tty, loop, remote, screen, opening)
        threading.excepthook = console.broke
        return console.run()
    finally:
        threading.excepthook = former
        remote.close()
        loop.release()
        loop.close()
        browser.close()
        tty.close()
