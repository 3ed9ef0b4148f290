"""A search that gets nowhere ends by itself; one that not even the kernel can end keeps nobody waiting."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runwisp.clock import Wall
from runwisp.errors import SearchBusy, SearchStuck, SearchTooLong
from runwisp.logcap import LogOnFull
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logsearch import Found, Query
from runwisp.logwriter import LogWriter
from runwisp.web import searching
from runwisp.web.searching import Errand, searched
from tests.integration.conftest import child_pids
from tests.integration.running import is_alive
from tests.integration.waiting import wait_for

NOW = Wall(1_700_000_000_000)


@pytest.fixture
def errand(tmp_path: Path) -> Errand:
    """A search that gets nowhere for two seconds of the processor."""
    writer = LogWriter(
        LogFiles(str(tmp_path), "task", "stem"), run_id="RUN", cap=0, on_full=LogOnFull.DROP_OLD, meta="{}"
    )
    line = b"a" * 60_000 + b"\n"
    writer.write(Stream.STDOUT, line, 0, len(line), NOW)
    writer.finish("{}", NOW)
    return Errand(str(tmp_path), "task", [("RUN", "stem")], Query("(a+)+b", is_regex=True), 10, None)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as workers:
        yield workers


def test_a_search_whose_time_is_long_over_ends_and_says_so(
    errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "WITHIN", 10)
    with pytest.raises(SearchStuck, match="the disk does not give the logs in time"):
        searched(errand)
    assert not child_pids()


def test_workers_are_not_kept_by_searches_that_cannot_be_ended_and_no_more_of_these_begin(
    errand: Errand, workers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a process that waits for a disk, nothing comes to an end for one that is stopped."""
    with monkeypatch.context() as impatient:
        impatient.setattr(searching, "PATIENCE", 2000)
        stuck = [workers.submit(searched, errand) for _ in range(2)]
        wait_for(lambda: len(child_pids()) == 2)
        pids = child_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(SearchBusy):
            searched(errand)
        assert all(isinstance(each.exception(30), SearchStuck) for each in stuck)
    assert all(is_alive(pid) for pid in pids)
    with pytest.raises(SearchBusy):
        searched(errand)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not child_pids())
    with pytest.raises(SearchTooLong):
        wait_for(lambda: _unless_busy(errand))


def _unless_busy(errand: Errand) -> Found | None:
    try:
        return searched(errand)
    except SearchBusy:
        return None
