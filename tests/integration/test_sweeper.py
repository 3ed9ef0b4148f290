"""When retention gets its turn, and who hears of a history that it finds malformed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runwisp import store
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemon.retention import Keep, Retention
from runwisp.daemon.sweeper import MOST_PUT_OFF, SWEEP_TIMER, Sweeper
from runwisp.daemonlog import Format, Level, Log
from runwisp.errors import HistoryMalformed
from runwisp.history import History
from runwisp.notifier import NotifySettings
from runwisp.timers import Timers
from tests.integration.rows import T0, a_data_dir, an_ended, history_in, opened, scribble

BEGINNING = Now(T0, Mono(0))


class Sweeping:
    """A sweeper whose clock jumps from deadline to deadline; ``firing_in``: so far off is the next firing."""

    def __init__(self, history: History, firing_in: Millis | None = None) -> None:
        self.found: list[HistoryMalformed] = []
        self.timers = Timers()
        self.now = BEGINNING
        next_firing: Callable[[Now], Mono | None] = lambda now: (  # noqa: E731
            None if firing_in is None else after(now.mono, firing_in)
        )
        retention = Retention(
            history, {}, Keep(1, None), 0, "/none", tell=lambda _: None, notify=NotifySettings()
        )
        log = Log(2, Level.INFO, Format.TEXT, lambda: T0, is_journal=False)
        self.sweeper = Sweeper(
            retention, self.timers, log, next_firing, lambda _: None, malformed=self.found.append
        )
        self.sweeper.begin(self.now)

    def go_on(self, length: Millis) -> None:
        until = after(self.now.mono, length)
        while (at := self.timers.next_at()) is not None and at <= until:
            self.now = Now(self.now.wall, at)
            for timer in self.timers.due(at):
                assert timer != SWEEP_TIMER
                self.sweeper.due(timer, self.now)


def test_a_step_waits_for_a_firing_that_is_near_but_not_for_ever(tmp_path: Path) -> None:
    with history_in(a_data_dir(tmp_path)) as history:
        history.save([an_ended() for _ in range(5)])
        sweeping = Sweeping(history, firing_in=100)
        sweeping.go_on(MOST_PUT_OFF // 2)
        assert history.run_count("backup") == 5
        sweeping.go_on(MOST_PUT_OFF + SECOND)
        assert history.run_count("backup") == 1


def test_who_sweeps_over_a_damaged_page_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHECKED_WHOLE", 0)
    data = a_data_dir(tmp_path)
    with history_in(data) as history:
        history.save([an_ended() for _ in range(300)])
    whole = Path(data.database).read_bytes()
    told = 0
    for page in range(os.path.getsize(data.database) // 4096):
        Path(data.database).write_bytes(whole)
        scribble(data.database, page)
        with opened(data, now=T0 + page) as found:
            if found.set_aside is None:
                sweeping = Sweeping(found.history)
                sweeping.go_on(SECOND)
                told += len(sweeping.found)
    assert told
