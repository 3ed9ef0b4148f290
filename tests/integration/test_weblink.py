"""What web is told: all of it in order when it listens, the newest of each thing when it is slow, and when it
hangs no more than a bounded amount."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator
from dataclasses import replace

import pytest

from runwisp.daemon.weblink import WebLink
from runwisp.daemonlog import Format, Level, Log
from runwisp.errors import DaemonSilent
from runwisp.link import Link
from runwisp.run import EndReason, Run, ended, started
from runwisp.web import hub
from runwisp.webwire import (
    FROM_WEB,
    TO_WEB,
    LogLine,
    RunSaved,
    RunsDeleted,
    TaskChanged,
    ToWeb,
    Trigger,
    Welcome,
)
from tests.integration.forked import forked
from tests.integration.rows import T0, a_run


class Pair:
    """The daemon's end, and a web that listens when it is told to."""

    def __init__(self, most_waiting: int = 1000) -> None:
        self.given_up = 0
        self.weblink = WebLink(most_waiting, self.give_up)
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link = Link(ours, FROM_WEB)
        self.web = Link(self.theirs, TO_WEB)
        with open(os.devnull, "rb") as listening:
            self.weblink.attach(self.link, listening.fileno(), [b'{"a": ', b"1}"])
        [(welcome, fds)] = self.web.receive()
        assert isinstance(welcome, Welcome)
        with open(fds[1], "rb") as memory:
            self.briefing = json.load(memory)
        os.close(fds[0])

    def give_up(self) -> None:
        self.given_up += 1

    def heard(self) -> list[ToWeb]:
        """Everything, until nothing more comes."""
        found: list[ToWeb] = []
        while True:
            self.link.flush()
            self.weblink.flush()
            received = [message for message, _ in self.web.receive()]
            if not received:
                return found
            found += received

    def close(self) -> None:
        self.weblink.detach(self.link)
        self.link.close()
        self.web.close()


@pytest.fixture
def pair() -> Generator[Pair, None, None]:
    pair = Pair()
    yield pair
    pair.close()


def states_of(run: Run) -> list[Run]:
    running = started(run, T0)
    return [run, running, ended(running, EndReason.SUCCESS, 0, "", T0)]


def test_the_briefing_comes_with_the_welcome(pair: Pair) -> None:
    assert pair.briefing == {"a": 1}


def test_what_happens_is_told_in_order(pair: Pair) -> None:
    run = a_run()
    pair.weblink.saved(run)
    pair.weblink.tell(LogLine("one"))
    pair.weblink.tell(LogLine("two"))
    pair.weblink.tell(RunsDeleted("backup", (run.id,)))
    kinds = [type(message) for message in pair.heard()]
    assert kinds == [RunSaved, LogLine, LogLine, RunsDeleted]


def test_of_one_thing_only_the_newest_state_is_told(pair: Pair) -> None:
    for state in states_of(a_run()):
        pair.weblink.saved(state)
    pair.weblink.tell(TaskChanged("backup", 1, False), "backup")
    pair.weblink.tell(TaskChanged("backup", 2, False), "backup")
    pair.weblink.tell(TaskChanged("mail", 3, False), "mail")
    saved, *tasks = pair.heard()
    assert isinstance(saved, RunSaved)
    assert saved.run["phase"] == "ended"
    assert tasks == [TaskChanged("backup", 2, False), TaskChanged("mail", 3, False)]


def test_a_slow_web_hears_the_last_of_everything_and_loses_nothing(pair: Pair) -> None:
    runs = [a_run() for _ in range(400)]
    for state in range(3):
        for run in runs:
            pair.weblink.saved(states_of(run)[state])
            pair.weblink.flush()
    last = {
        message.run["id"]: message.run["phase"] for message in pair.heard() if isinstance(message, RunSaved)
    }
    assert last == {run.id: "ended" for run in runs}
    assert not pair.given_up


def test_a_web_that_hangs_is_given_up_and_nothing_is_kept_for_it() -> None:
    pair = Pair(most_waiting=50)
    for number in range(5000):
        pair.weblink.saved(replace(a_run(), message="x" * 100))
        pair.weblink.tell(LogLine(f"line {number}"))
        pair.weblink.flush()
    assert pair.given_up == 1
    assert not pair.weblink.is_up
    pair.close()


def test_without_a_web_nothing_is_kept() -> None:
    pair = Pair()
    pair.close()
    pair.weblink.saved(a_run())
    pair.weblink.tell(LogLine("nobody hears"))
    assert not pair.weblink._waiting


def test_the_descriptors_of_the_welcome_are_closed_once_web_serves_or_is_gone(pair: Pair) -> None:
    def memories() -> list[str]:
        names = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return [name for name in names if os.path.islink(name) and "memfd:briefing" in os.readlink(name)]

    assert len(memories()) == 1
    pair.weblink.welcomed()
    assert not memories()
    other = Pair()
    assert len(memories()) == 1
    other.close()
    assert not memories()


def test_who_waits_in_vain_is_not_told_that_nothing_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PATIENCE", 0.01)

    def asked() -> str:
        _daemon, web = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = Log(2, Level.INFO, Format.TEXT, lambda: T0, is_journal=False)
        with pytest.raises(DaemonSilent) as caught:
            hub.Hub(Link(web, TO_WEB), log).ask(lambda ticket: Trigger(ticket, "backup"))
        return str(caught.value)

    assert "It may still do what was asked: look before you try again" in str(forked(asked))
