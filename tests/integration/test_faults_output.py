"""Output that is too much, too fast or no text, and logs that others delete, cut or lock."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runwisp.logfile import LogFiles
from runwisp.logreader import Line, LogReader
from runwisp.run import EndReason, Run
from tests.faults.recording import Seen
from tests.integration.running import Daemon, House, child
from tests.integration.waiting import wait_for

MB = 1_000_000
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def lines_of(house: House, run: Run) -> list[Line]:
    with LogReader(LogFiles(str(house.data / "logs"), run.task_name, run.log_stem)) as reader:
        return list(reader.page(1, 1_000_000, 1 << 30).lines)


def peak_rss(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def ticking(house: House, job: str, keys: str = "") -> Daemon:
    """A task that prints once the file ``go`` is there, beside one that fires each second."""
    wait = "while ! test -e go; do sleep 0.01; done"
    return house.start(
        f"[tasks.job]\nrun_on_start = true\nrun = '''{wait}; {job}'''\n{keys}"
        '[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n'
    )


def check_ticks(house: House) -> None:
    """Nothing of it delayed a firing so much that it was lost."""
    times = [run.scheduled_for or 0 for run in house.runs("tick")]
    assert times == list(range(times[0], times[-1] + 1, 1000))


# Too much


@pytest.mark.fault("children", "1 GB without a newline")
@pytest.mark.parametrize(
    "size", [64 * MB, pytest.param(1000 * MB, marks=pytest.mark.faults)], ids=["64MB", "1GB"]
)
def test_a_line_without_an_end_costs_no_memory_and_every_byte_is_counted(
    house: House, size: int, seen: Seen
) -> None:
    daemon = ticking(house, f"head -c {size} /dev/zero", 'log_max_size = "4MB"\n')
    house.ended("tick")
    pump = daemon.pump_pid
    (house.folder / "go").touch()
    wait_for(lambda: house.log(house.runs("job")[0]))
    run = house.ended_at_last("job")
    assert (run.end_reason, run.log_bytes) == (EndReason.SUCCESS, size)
    peak = peak_rss(pump)
    assert daemon.pump_pid == pump
    assert peak < 64
    kept = sum(
        path.stat().st_size for path in (house.data / "logs/job").glob("*.log*") if path.suffix != ".idx"
    )
    assert kept < 5 * MB
    assert all(
        line.is_continued or line.n == 1 for line in lines_of(house, run)[1:] if line.stream.word == "stdout"
    )
    check_ticks(house)
    seen(f"{size // MB} MB counted, {kept / MB:.1f} MB kept, peak memory of the pump {peak:.0f} MiB")


@pytest.mark.fault("children", "100 MB/s")
@pytest.mark.parametrize(
    "size", [200 * MB, pytest.param(2000 * MB, marks=pytest.mark.faults)], ids=["200MB", "2GB"]
)
def test_a_task_that_prints_as_fast_as_it_can_is_kept_up_with_and_delays_no_firing(
    house: House, size: int, seen: Seen
) -> None:
    daemon = ticking(house, child("spew", size), 'log_max_size = "20MB"\n')
    house.ended("tick")
    pump = daemon.pump_pid
    began = time.monotonic()
    (house.folder / "go").touch()
    run = house.ended_at_last("job")
    rate = size / MB / (time.monotonic() - began)
    assert (run.end_reason, run.log_bytes, run.log_lines) == (EndReason.SUCCESS, size, size // 100)
    own = [line for line in lines_of(house, run) if line.stream.word == "stdout"]
    assert {line.text for line in own} == {"x" * 99}
    assert run.log_dropped_lines == size // 100 - len(own)
    check_ticks(house)
    late = max(tick.created_at - (tick.scheduled_for or 0) for tick in house.runs("tick"))
    peak = peak_rss(pump)
    what = f"{size // MB} MB at {rate:.0f} MB/s, all counted"
    seen(f"{what}; pump {peak:.0f} MiB at most; firings {late} ms late at most")


# No text


@pytest.mark.fault("children", "NUL, invalid UTF-8, progress bars and ANSI escapes")
def test_output_that_is_no_text_is_kept_byte_by_byte(house: House, seen: Seen) -> None:
    house.start(
        f"[tasks.raw]\nrun_on_start = true\nrun = '{child('raw_bytes')}'\n"
        f"[services.bar]\nrun = '{child('progress_bar')}'\n"
    )
    raw, bar = house.run_of("raw"), house.running("bar")[0]
    house.logs(bar, "100% done")
    expected = {
        raw: bytes(range(256)) * 40 + b"\n\0\xff\xfe\x1b[31m\xc3",
        bar: b"".join(b"\r%3d%% done" % percent for percent in range(0, 101, 10)),
    }
    for run, text in expected.items():
        assert log_of(house, run).read_bytes() == text
    assert raw.log_bytes == len(expected[raw])
    seen(f"{sum(map(len, expected.values())):,} bytes as they were printed: every value, and a progress bar")


# Logs that somebody else touches


def counting(house: House, keys: str = "") -> Run:
    house.start(f"[tasks.job]\nrun_on_start = true\nrun = '{child('count_up', 'enough')}'\n{keys}")
    [run] = house.running("job")
    house.logs(run, "20\n")
    return run


def ended(house: House) -> Run:
    (house.folder / "enough").touch()
    run = house.run_of("job")
    assert (run.end_reason, run.exit_code) == (EndReason.SUCCESS, 0)
    return run


def log_of(house: House, run: Run) -> Path:
    return house.data / "logs" / run.task_name / f"{run.log_stem}.log"


@pytest.mark.fault("pump", "log file deleted under it")
@pytest.mark.fault("pump", "log file truncated under it")
@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: os.truncate(path, 0)], ids=["deleted", "truncated"]
)
def test_a_log_that_is_taken_away_goes_on_with_a_line_that_says_how_much_is_lost(
    house: House, spoil: object, seen: Seen
) -> None:
    run = counting(house)
    assert callable(spoil)
    spoil(log_of(house, run))
    house.logs(run, "The log file was removed or cut short by somebody else")
    size = len(house.log(run))
    wait_for(lambda: len(house.log(run)) > size + 20)
    run = ended(house)
    lines = lines_of(house, run)
    told = next(line.text for line in lines if line.stream.word == "system")
    lost = int(told.partition(": ")[2].split()[0])
    printed = [int(line.text) for line in lines if line.text.isdecimal()]
    assert printed == list(range(printed[0], printed[-1] + 1)), "nothing is missing after the gap"
    assert run.log_lines == printed[-1] + 1
    assert lost == printed[0] - 1 == run.log_dropped_lines
    seen(f"“{told}”, and all {len(printed)} lines after it")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody can make, rename or remove a file in it."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@as_root
@pytest.mark.fault("pump", "log file made unwritable under it")
@pytest.mark.fault("pump", "a rotation that fails half way")
def test_a_folder_of_logs_that_becomes_read_only_ends_no_task_and_is_written_again(
    house: House, seen: Seen
) -> None:
    """The log cannot rotate there; lines are counted until it can."""
    count = "test -e quiet || { n=$((n + 1)); echo $n; }; sleep 0.005"
    house.start(
        "[tasks.job]\nrun_on_start = true\nlog_max_size = '4KB'\n"
        f"run = 'n=0; while ! test -e enough; do {count}; done; echo last'\n"
    )
    [run] = house.running("job")
    house.logs(run, "20\n")
    with locked(house.data / "logs/job"):
        house.daemons[0].says("Read-only file system")
    (house.folder / "quiet").touch()
    text = house.logs(run, "Log output resumed: ")
    assert "Log output stopped: Read-only file system" in text
    run = ended(house)
    assert run.log_dropped_lines
    own = [line.text for line in lines_of(house, run) if line.stream.word == "stdout"]
    assert own[-1] == "last"
    assert run.log_lines == len(own) + run.log_dropped_lines
    seen(f"of {run.log_lines} lines {run.log_dropped_lines} were dropped and counted, {len(own)} kept")
