"""Carries out what ``update`` wants of the daemon, and hands back what comes of it.

Owns the threads that wait for the network, so that the loop never does. Knows the daemon over HTTP only.
Called by ``main``.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import assert_never

from runwisp.client import Client, path
from runwisp.clock import Wall
from runwisp.console.browser import Browser
from runwisp.console.following import Event, Following, Listener
from runwisp.console.messages import (
    Act,
    Answered,
    Came,
    Done,
    Failed,
    Fetch,
    Follow,
    Lost,
    Message,
    NoBrowser,
    NotDone,
    OpenBrowser,
    Opened,
    PasswordTold,
    Refused,
    Retry,
    SaveLog,
    TellPassword,
    Told,
    Unfollow,
)
from runwisp.console.requests import Action, Ask, AskSearch, Stream, acted, asked, followed
from runwisp.console.saving import save
from runwisp.errors import RunWispError

Errand = Fetch | Act | SaveLog | OpenBrowser
LAST_OF_A_LOG = b"done"
Wish = Errand | Follow | Unfollow | Retry | TellPassword


class Remote:
    """The daemon, as the loop sees it. ``fd`` is readable while there is something to ``take``."""

    def __init__(self, client: Client, browser: Browser) -> None:
        self._client = client
        self._browser = browser
        self._arrived: deque[Message] = deque()
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_closed = False
        self._lock = threading.Lock()
        self._streams: dict[Stream, Following] = {}
        self._reading, self._searching, self._acting = self._lane(), self._lane(), self._lane()

    def take(self) -> list[Message]:
        """What has come since."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        found: list[Message] = []
        with suppress(IndexError):
            while True:
                found.append(self._arrived.popleft())
        return found

    def carry_out(self, wish: Wish) -> None:
        """Does not wait: what comes of it is taken later."""
        match wish:
            case Fetch(AskSearch()) | SaveLog():
                self._searching.put(wish)
            case Fetch():
                self._reading.put(wish)
            case Act() | OpenBrowser():
                self._acting.put(wish)
            case Follow(stream):
                self._follow(stream)
            case Unfollow(stream):
                if following := self._streams.pop(stream, None):
                    following.end()
            case Retry():
                for following in tuple(self._streams.values()):
                    following.retry()
            case TellPassword():
                self._tell(PasswordTold(self._client.password))
            case _ as never:
                assert_never(never)

    def close(self) -> None:
        """Nothing is told any more. What was asked for goes on, and nobody waits for it."""
        with self._lock:
            self._is_closed = True
            os.close(self.fd)
        for following in tuple(self._streams.values()):
            following.end()

    def wake(self) -> None:
        """Has the loop look, from any thread."""
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self.fd, 1)

    def _tell(self, message: Message) -> None:
        self._arrived.append(message)
        self.wake()

    # What is asked once

    def _lane(self) -> SimpleQueue[Errand]:
        """A thread that does one errand after the other. What may take long has one of its own, so that
        nothing else waits for it."""
        errands: SimpleQueue[Errand] = SimpleQueue()
        threading.Thread(target=self._work, args=(errands,), daemon=True).start()
        return errands

    def _work(self, errands: SimpleQueue[Errand]) -> None:
        while not self._is_closed:
            self._tell(self._done(errands.get()))

    def _done(self, errand: Errand) -> Message:
        match errand:
            case Fetch(ask):
                return self._fetched(ask)
            case Act(action):
                return self._acted(action)
            case SaveLog():
                return self._saved(errand)
            case OpenBrowser():
                return self._opened_browser()
            case _ as never:
                assert_never(never)

    def _fetched(self, ask: Ask) -> Message:
        parts, query = asked(ask)
        try:
            return Answered(ask, self._client.get(path(*parts), **query))
        except RunWispError as error:
            return Refused(ask, error.code, str(error))

    def _acted(self, action: Action) -> Message:
        method, parts = acted(action)
        ask = self._client.delete if method == "DELETE" else self._client.post
        try:
            return Done(action, ask(path(*parts)))
        except RunWispError as error:
            return NotDone(action, error.code, str(error))

    def _saved(self, wish: SaveLog) -> Message:
        where = path("tasks", wish.name, "runs", wish.run_id, "log", "raw")
        try:
            return Told(f"Saved in {save(self._client.bytes_of(where), wish.path)}")
        except RunWispError as error:
            return Told(str(error), is_bad=True)

    def _opened_browser(self) -> Message:
        shown = self._client.url
        if self._client.is_local:  # on another machine a ticket is of no use
            try:
                shown = self._client.post(path("auth", "launch-ticket"))["url"]
            except RunWispError as error:
                return Told(str(error), is_bad=True)
        return Told("Opened in the browser.") if self._browser.open(shown) else NoBrowser(shown)

    # What goes on being told

    def _follow(self, stream: Stream) -> None:
        if stream in self._streams:
            return
        parts, query = followed(stream)
        listener = Listener(
            opened=lambda: self._tell(Opened(stream)),
            came=partial(self._came, stream),
            lost=partial(self._lost, stream),
            failed=partial(self._failed, stream),
        )
        where = path(*parts)
        self._streams[stream] = Following(self._client, where, listener, last=LAST_OF_A_LOG, **query)

    def _came(self, stream: Stream, events: Sequence[Event]) -> None:
        self._tell(Came(stream, events))

    def _lost(self, stream: Stream, error: RunWispError, retry_at: Wall) -> None:
        self._tell(Lost(stream, str(error), retry_at))

    def _failed(self, stream: Stream, error: RunWispError) -> None:
        self._streams.pop(stream, None)
        self._tell(Failed(stream, error.code, str(error)))
