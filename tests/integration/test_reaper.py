"""How children end, and what they used."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp import reaper
from runwisp.launch import Launcher
from runwisp.reaper import Death
from tests.integration.forked import forked
from tests.integration.launching import Bench, child

MEBIBYTE = 1024 * 1024


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path)
    bench = Bench(
        Launcher(dict(os.environ), frozenset(), folder + "/data", 1024, folder), folder + "/data", folder
    )
    yield bench
    bench.close()


def death(bench: Bench, run: str) -> Death:
    launched, _ = bench.start(bench.task(run))
    os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
    deaths = list(reaper.reap())
    bench.forget(launched)
    assert [each.pid for each in deaths] == [launched.pid]
    return deaths[0]


def test_nothing_is_reaped_while_nothing_ended(bench: Bench) -> None:
    assert list(reaper.reap()) == []
    bench.start(bench.task("sleep 60"))
    assert list(reaper.reap()) == []


def test_all_that_ended_is_reaped_at_once(bench: Bench) -> None:
    started = [bench.start(bench.task(f"exit {code}"))[0] for code in range(5)]
    for launched in started:
        os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
    assert {each.pid: each.exit_code for each in reaper.reap()} == {
        launched.pid: code for code, launched in enumerate(started)
    }
    for launched in started:
        bench.forget(launched)


TERMINATING = sorted(
    signal.valid_signals()
    - {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
    - {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
)


@pytest.mark.fault("children", "exit by every signal")
@pytest.mark.parametrize(
    "number", [int(number) for number in TERMINATING if number <= 31 or number in (34, 64)]
)
def test_an_end_by_a_signal_is_128_and_its_number(bench: Bench, number: int) -> None:
    end = death(bench, child("exit_by_signal", number))
    assert end.exit_code == 128 + number
    assert end.message.startswith(f"killed by {signal.Signals(number).name}")


def test_cpu_time_is_told(bench: Bench) -> None:
    end = death(bench, f"{sys.executable} -c 'while __import__(\"time\").process_time() < 0.2: pass'")
    assert end.usage.cpu_seconds >= 0.2


def test_a_memory_peak_above_our_own_is_told(bench: Bench) -> None:
    bytes_used = reaper.own_peak() + 50 * MEBIBYTE
    end = death(bench, f"{sys.executable} -c 'b\"x\" * {bytes_used}'")
    assert end.usage.max_rss_bytes
    assert bytes_used <= end.usage.max_rss_bytes < bytes_used + 50 * MEBIBYTE


def test_a_memory_peak_that_may_be_our_own_is_unknown(bench: Bench) -> None:
    assert death(bench, "true").usage.max_rss_bytes is None


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes() -> None:
    def raised() -> object:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        former = reaper.raise_open_files_limit()
        return former == 100 and resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)

    assert forked(raised) is True
