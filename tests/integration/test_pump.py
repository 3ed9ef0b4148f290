"""The pump as a process of its own, with real pipes, real children and real disks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from runwisp.clock import Mono, Now, Wall
from runwisp.diskguard import DiskGuard
from runwisp.logfile import INDEX, LOG, META
from runwisp.logindex import HEADER, RECORD
from runwisp.logline import LINE_MAX, Stream
from runwisp.logmeta import read_note
from runwisp.logreader import Line, LogReader
from runwisp.logwriter import LogWriter
from runwisp.pump.stream import Block, Output, Shared, output_of
from runwisp.wire import Drained, Open, Overflowed, Pressure, Remove, Removed, Renamed
from tests.integration.pumphouse import ROOT, TASK, PumpHouse

CHILDREN = Path(__file__).parents[1] / "children"
DISK_LOW = "Log output stopped: disk space critically low"


@pytest.fixture
def pump() -> Iterator[PumpHouse]:
    directory = tempfile.mkdtemp()
    with PumpHouse(f"{directory}/logs") as house:
        yield house
    shutil.rmtree(directory)


def child(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(CHILDREN / f"{name}.py"), *arguments)


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def lines_of(pump: PumpHouse, run_id: str = "RUN1") -> list[Line]:
    with LogReader(pump.files(run_id)) as reader:
        return list(reader.page(1, 1_000_000, 1 << 30).lines)


def shown(pump: PumpHouse, run_id: str = "RUN1") -> list[tuple[str, str]]:
    return [(line.stream.word, line.text) for line in lines_of(pump, run_id)]


def has_grown(pump: PumpHouse, run_id: str, size: int) -> bool | None:
    return len(pump.text(run_id)) > size or None


def test_what_a_run_prints_is_in_its_log_when_it_is_said_to_be_drained(pump: PumpHouse) -> None:
    started = pump.spawn(*shell("echo out; echo err >&2; printf 'no newline'"))
    drained = pump.reap(started)
    assert (drained.log_lines, drained.log_bytes, drained.is_held) == (3, 18, False)
    assert sorted(shown(pump)) == [("stderr", "err"), ("stdout", "no newline"), ("stdout", "out")]
    assert b"[ERR] err\n" in pump.text()
    pump.wait_until(lambda: pump.is_asleep() or None)
    pump.listen(0)
    assert not pump.messages, "that no pipe is held was told already"


def test_a_run_that_prints_nothing_makes_no_file(pump: PumpHouse) -> None:
    drained = pump.reap(pump.spawn("/bin/true"))
    assert drained == Drained("RUN1", 0, 0, 0, 0, is_held=False)
    assert not os.path.exists(pump.logs_dir)


def test_a_run_without_pipes_has_its_system_lines(pump: PumpHouse) -> None:
    pump.open()
    pump.say("exec: /no/such: no such file or directory")
    pump.exited()
    drained = pump.wait_for(Drained)
    assert (drained.log_lines, drained.is_held) == (0, False)
    assert shown(pump) == [("system", "exec: /no/such: no such file or directory")]


def test_a_task_that_prints_the_prefixes_fools_no_reader(pump: PumpHouse) -> None:
    pump.reap(pump.spawn(*shell("echo '[SYSTEM] all is well'; echo '[ERR] is it?'")))
    assert shown(pump) == [("stdout", "[SYSTEM] all is well"), ("stdout", "[ERR] is it?")]


def test_an_unfinished_line_shows_while_its_program_waits(pump: PumpHouse) -> None:
    pump.spawn(*child("progress_bar"))
    pump.wait_until(lambda: pump.text().endswith(b"\r100% done") or None)
    assert pump.text().count(b"\r") == 11


def test_a_line_that_is_finished_in_time_is_not_torn_by_the_other_stream(pump: PumpHouse) -> None:
    script = "import os\nfor n in range(200): os.write(1, b'a'); os.write(2, b'err\\n'); os.write(1, b'b\\n')"
    pump.reap(pump.spawn(sys.executable, "-c", script))
    assert shown(pump).count(("stdout", "ab")) == 200


@pytest.mark.fault("children", "NUL, invalid UTF-8, progress bars and ANSI escapes")
def test_every_byte_is_kept_as_it_is(pump: PumpHouse) -> None:
    pump.reap(pump.spawn(*child("raw_bytes")))
    assert pump.text() == bytes(range(256)) * 40 + b"\n\x00\xff\xfe\x1b[31m\xc3"
    assert lines_of(pump)[-1].text == "\0\ufffd\ufffd\x1b[31m\ufffd"


@pytest.mark.fault("children", "1 GB without a newline")
def test_output_without_a_newline_is_cut_into_continued_lines(pump: PumpHouse) -> None:
    size = 32 * 1024 * 1024
    drained = pump.reap(pump.spawn(*shell(f"head -c {size} /dev/zero; echo; echo end")))
    assert drained.log_lines == size // LINE_MAX + 1
    lines = lines_of(pump)
    assert [line.is_continued for line in lines[:3]] == [False, True, True]
    assert lines[-1].text == "end"
    assert not lines[-1].is_continued
    assert pump.text() == b"\0" * size + b"\nend\n"


@pytest.mark.fault("children", "close stdout and go on")
def test_closing_an_output_and_going_on_ends_nothing(pump: PumpHouse) -> None:
    started = pump.spawn(
        *shell("echo out; exec >&-; echo err >&2; exec 2>&-; read line </dev/null; sleep 0.1")
    )
    drained = pump.reap(started)
    assert (drained.log_lines, drained.is_held) == (2, False)


@pytest.mark.fault("children", "exit before their output is read")
def test_output_read_after_the_exit_is_complete(pump: PumpHouse) -> None:
    pump.process.send_signal(signal.SIGSTOP)
    started = pump.spawn(*shell("seq 1 5000"))
    started.process.wait()
    pump.exited()
    pump.process.send_signal(signal.SIGCONT)
    assert pump.wait_for(Drained).log_lines == 5000


@pytest.mark.fault("children", "setsid and keep the pipe")
def test_a_held_pipe_delays_the_end_by_two_seconds_and_what_comes_later_is_counted(pump: PumpHouse) -> None:
    script = "echo early; (trap '' TERM; read go <&3; echo late; echo later) & exit 0"
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    started = pump.spawn(
        "/bin/sh", "-c", script.replace("<&3", f"</proc/self/fd/{read_end}"), pass_fds=(read_end,)
    )
    drained = pump.reap(started)
    assert drained.is_held
    assert drained.log_lines == 1
    assert "still held open" in lines_of(pump)[-1].text
    os.write(write_end, b"\n")
    os.close(write_end)
    os.close(read_end)
    assert pump.closed().late_lines == 2
    assert b"late" not in pump.text()


def test_what_a_pipe_held_at_the_exit_is_read_however_late_the_pump_is() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"backlog\n")
    with tempfile.TemporaryDirectory() as directory:
        shared = Shared(directory, DiskGuard(directory, 0), Block(), lambda _: None)
        opened = Open("RUN1", TASK, "stem", 0, "drop_old", False, '{"id": "RUN1"}')
        output = output_of(opened, [read_end], shared)
        begin = Now(Wall(0), Mono(0))
        late = Now(Wall(60_000), Mono(60_000))
        output.start(begin)
        output.exited('{"id": "RUN1"}', begin)
        output.settle(late)
        assert not output.messages
        output.read(output.pipes[0], late)
        output.settle(late)
        [drained] = output.messages
        assert isinstance(drained, Drained)
        assert (drained.log_lines, drained.is_held) == (1, True)
        output.let_go()
    os.close(write_end)


def test_the_count_of_lines_that_are_not_kept_is_noted_within_a_second() -> None:
    read_end, write_end = os.pipe()
    begin, later = Now(Wall(0), Mono(0)), Now(Wall(1000), Mono(1000))
    with tempfile.TemporaryDirectory() as directory:
        shared = Shared(directory, DiskGuard(directory, 0), Block(), lambda _: None)
        opened = Open("RUN1", TASK, "stem", 1024, "drop_new", False, '{"id": "RUN1"}')
        output = output_of(opened, [read_end], shared)
        output.start(begin)
        for _ in range(2):
            os.write(write_end, b"x\n" * 1000)
            output.read(output.pipes[0], begin)
        assert output.next_at() == later.mono
        output.settle(later)
        assert output.next_at() is None
        note = read_note(output.writer.files, "RUN1")
        assert note and note.counts == output.writer.counts
        assert note.counts.dropped > 1000
        output.let_go()
        output.leave()
    os.close(write_end)


def test_a_full_log_ends_its_task_once_where_that_is_asked_for(pump: PumpHouse) -> None:
    started = pump.spawn(*child("spew", "300000"), log_max_size=20_000, log_on_full="kill_task")
    assert pump.wait_for(Overflowed).run_id == "RUN1"
    drained = pump.reap(started)
    assert drained.log_lines == 3000
    assert 0 < drained.log_lines - drained.log_dropped_lines < 200
    assert not [message for message in pump.messages if isinstance(message, Overflowed)]
    assert sum(pump.sizes().values()) == drained.log_disk_bytes


def test_a_taken_name_is_told(pump: PumpHouse) -> None:
    pump.reap(pump.spawn(*shell("echo first")))
    pump.reap(pump.spawn(*shell("echo second"), run_id="01RUN2", log_stem=pump.files().stem))
    assert pump.wait_for(Renamed) == Renamed("01RUN2", "20260101_000000_1RUN2")


def test_removed_logs_are_gone_and_so_is_an_empty_folder(pump: PumpHouse) -> None:
    pump.reap(pump.spawn(*shell("echo one")))
    pump.link.send(Remove(7, (f"{TASK}/{pump.files().stem}", f"{TASK}/never_was")))
    assert pump.wait_for(Removed) == Removed(7, "")
    assert os.listdir(pump.logs_dir) == []


def test_a_log_that_cannot_be_removed_is_told_and_keeps_none_of_the_others(pump: PumpHouse) -> None:
    pump.reap(pump.spawn(*shell("echo one")))
    elsewhere = tempfile.mkdtemp()
    os.symlink(elsewhere, f"{pump.logs_dir}/linked")
    pump.link.send(Remove(1, ("linked/stem", f"{TASK}/{pump.files().stem}")))
    assert pump.wait_for(Removed) == Removed(1, "linked/stem: Not a directory")
    assert os.listdir(pump.logs_dir) == ["linked"]
    os.rmdir(elsewhere)


def test_what_nobody_has_thought_of_ends_the_log_of_one_run_and_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here an index in which somebody has written."""
    read_end, write_end = os.pipe()
    with PumpHouse(str(tmp_path / "logs")) as pump:
        started = pump.spawn("cat", f"/proc/self/fd/{read_end}", pass_fds=(read_end,), log_max_size=4096)
        os.close(read_end)
        os.write(write_end, b"x\n")
        pump.wait_until(lambda: pump.text() or None)
        index = pump.files().open(INDEX, os.O_WRONLY)
        os.pwrite(index, b"\xff" * RECORD.size, HEADER.size)
        os.close(index)
        os.write(write_end, b"y\n" * 5000)
        assert pump.wait_for(Pressure).why == "ValueError: 255 is not a valid Stream"
        assert pump.reap(pump.spawn(*shell("echo well"), run_id="RUN2")).log_dropped_lines == 0
        os.close(write_end)
        drained = pump.reap(started)
        assert drained.log_lines == 5001
        assert drained.log_dropped_lines > 0
        assert json.loads(pump.files().read(META))["finalized"] is True
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.fault("pump", "SIGKILL while 100 tasks print")
def test_no_task_sees_a_broken_pipe_when_the_pump_is_killed_and_the_gap_is_marked(pump: PumpHouse) -> None:
    read_end, write_end = os.pipe()
    script = (
        "import itertools, os, select\n"
        "for n in itertools.count():\n"
        "    os.write(1, b'%d\\n' % n * 20)\n"
        f"    if select.select([{read_end}], [], [], 0.001)[0]: break\n"
        "os.write(1, b'last\\n')\n"
    )
    names = [f"RUN{number}" for number in range(8)]
    for name in names:
        pump.spawn(sys.executable, "-c", script, run_id=name, pass_fds=(read_end,))
    os.close(read_end)
    for _ in range(3):
        sizes = {name: len(pump.text(name)) for name in names}
        for name, size in sizes.items():
            pump.wait_until(partial(has_grown, pump, name, size))
        pump.kill()
        pump.start()
        for started in pump.children:
            pump.open(started.run_id, tuple(started.fds), is_resumed=True)
        pump.wait_until(lambda: pump.is_reading() or None)
    os.close(write_end)
    for started in pump.children:
        told = pump.reap(started)
        assert started.process.returncode == 0
        found = shown(pump, started.run_id)
        gaps = [text for stream, text in found if stream == "system"]
        assert len(gaps) == 3
        assert all(text.startswith("Log capture was interrupted") for text in gaps)
        own = [text for stream, text in found if stream == "stdout"]
        assert own[:20] == ["0"] * 20
        assert own[-1] == "last"
        assert len(own) == told.log_lines - told.log_dropped_lines


@pytest.mark.fault("pump", "SIGKILL while 100 tasks print")
def test_what_a_killed_pump_may_have_read_and_lost_is_marked_though_nothing_follows(pump: PumpHouse) -> None:
    read_end, write_end = os.pipe()
    started = pump.spawn("cat", f"/proc/self/fd/{read_end}", pass_fds=(read_end,))
    os.close(read_end)
    pump.wait_until(lambda: pump.is_reading() or None)
    pump.kill()
    pump.start()
    pump.open(fds=tuple(started.fds), is_resumed=True)
    os.close(write_end)
    pump.reap(started)
    [(stream, text)] = shown(pump)
    assert stream == "system"
    assert text.startswith("Log capture was interrupted")


def test_a_finished_log_is_not_taken_up_again_for_what_holds_its_pipe(pump: PumpHouse) -> None:
    started = pump.spawn(*shell("echo early; sleep 100 & exit 0"))
    first = pump.reap(started)
    assert first.is_held
    text = pump.text()
    pump.kill()
    pump.start()
    pump.open(fds=tuple(started.fds), is_resumed=True)
    pump.exited()
    assert pump.wait_for(Drained) == first
    assert pump.text() == text


def test_a_log_that_was_removed_does_not_come_back_for_what_holds_its_pipe(pump: PumpHouse) -> None:
    read_end, write_end = os.pipe()
    script = f"echo early; (trap '' TERM; read go </proc/self/fd/{read_end}; echo late) & exit 0"
    started = pump.spawn(*shell(script), pass_fds=(read_end,))
    os.close(read_end)
    assert pump.reap(started).is_held
    pump.files().remove()
    pump.kill()
    pump.start()
    pump.open(fds=tuple(started.fds), is_resumed=True, is_drained=True)
    pump.exited()
    assert pump.wait_for(Drained).is_held
    os.close(write_end)
    assert pump.closed().late_lines == 1
    assert os.listdir(pump.logs_dir) == []


def test_the_pump_reads_to_the_last_byte_when_the_daemon_is_gone(pump: PumpHouse) -> None:
    read_end, write_end = os.pipe()
    pump.spawn(
        sys.executable,
        "-c",
        f"import os; print('a'); os.read({read_end}, 1); print('b')",
        pass_fds=(read_end,),
    )
    os.close(read_end)
    pump.wait_until(lambda: pump.is_reading() or None)
    pump.link.close()
    os.write(write_end, b"x")
    os.close(write_end)
    assert pump.process.wait(20) == 0
    assert pump.text() == b"a\nb\n"


def test_a_log_that_another_pump_still_writes_is_taken_up_when_that_one_is_done(pump: PumpHouse) -> None:
    read_end, write_end = os.pipe()
    script = f"import os; print('a', flush=True); os.read({read_end}, 1); print('b')"
    pump.spawn(sys.executable, "-c", script, pass_fds=(read_end,))
    os.close(read_end)
    pump.wait_until(lambda: pump.text() or None)
    pump.link.close()
    with PumpHouse(pump.logs_dir) as other:
        other.open(is_resumed=True)
        other.say("the daemon was killed")
        other.exited()
        other.open("RUN2")
        other.exited("RUN2")
        assert other.wait_for(Drained).run_id == "RUN2"
        os.write(write_end, b"x")
        os.close(write_end)
        assert other.wait_for(Drained).log_lines == 2
        assert shown(other) == [("stdout", "a"), ("stdout", "b"), ("system", "the daemon was killed")]


BEGIN, LATE = Now(Wall(0), Mono(0)), Now(Wall(60_000), Mono(60_000))


@contextmanager
def waiting_for_another_pump() -> Iterator[tuple[LogWriter, Output]]:
    """The writer of another pump, which holds the log of a run, and our output, which waits for it."""
    with tempfile.TemporaryDirectory() as directory:
        shared = Shared(directory, DiskGuard(directory, 0), Block(), lambda _: None)
        opened = Open("RUN1", TASK, "stem", 0, "drop_old", False, '{"id": "RUN1"}')
        other = output_of(opened, [], shared).writer
        other.write(Stream.STDOUT, b"one\n", 0, 4, BEGIN.wall)
        output = output_of(replace(opened, is_resumed=True), [], shared)
        output.start(BEGIN)
        yield other, output


def test_a_log_that_another_pump_goes_on_writing_is_left_to_it_and_told_as_it_stands() -> None:
    with waiting_for_another_pump() as (other, output):
        output.settle(LATE)
        assert not output.messages, "the run may not have ended yet"
        output.exited('{"id": "RUN1"}', LATE)
        output.settle(LATE)
        [drained] = output.messages
        assert isinstance(drained, Drained)
        assert drained.log_lines == 1
        assert drained.log_disk_bytes > 0
        assert output.is_over
        assert other.files.read(LOG) == b"one\n"
        other.write(Stream.STDOUT, b"two\n", 0, 4, LATE.wall)
        other.finish("{}", LATE.wall)
        assert other.files.read(LOG) == b"one\ntwo\n"


def test_a_run_that_waited_for_another_pump_ends_though_its_log_cannot_be_taken_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody has thought of this")

    with waiting_for_another_pump() as (other, output):
        output.exited('{"id": "RUN1"}', BEGIN)
        other.park()
        monkeypatch.setattr(LogWriter, "take_up", fail)
        with pytest.raises(RuntimeError):
            output.settle(LATE)
        output.give_up(RuntimeError())
        output.settle(LATE)
        assert output.is_over


def test_what_was_left_behind_does_not_keep_the_pump(pump: PumpHouse) -> None:
    assert pump.reap(pump.spawn(*shell("sleep 100 & echo x"))).is_held
    pump.link.close()
    assert pump.process.wait(20) == 0


def test_a_copy_goes_where_it_is_to_be_shown_and_is_safe_there(pump: PumpHouse) -> None:
    """A terminal gets colours and text, everything else what was printed."""
    terminal, err = os.openpty(), os.pipe()
    script = "printf 'a\\033[31mred\\033[2J\\n'; printf 'bad\\033[2J\\n' >&2"
    pump.reap(pump.spawn(*shell(script), copies=(terminal[1], err[1])))
    assert all_in(*terminal) == b"a\x1b[31mred\r\n\x1b[0m"
    assert all_in(*err) == b"bad\x1b[2J\n"
    assert b"\x1b[2J" in pump.text()


def all_in(out: int, into: int) -> bytes:
    """Read to its end, of a pipe or of a terminal, whose end is an error; closes both."""
    os.close(into)
    found = b""
    with open(out, "rb", buffering=0) as file, suppress(OSError):
        while data := file.read(4096):
            found += data
    return found


def test_a_reader_of_the_copy_that_goes_away_does_not_end_the_run(pump: PumpHouse) -> None:
    out, err = os.pipe(), os.pipe()
    os.close(out[0])
    drained = pump.reap(pump.spawn(*shell("seq 1 1000"), copies=(out[1], err[1])))
    assert drained.log_lines == 1000
    for fd in (out[1], *err):
        os.close(fd)


def test_many_writers_at_once_are_all_read_whole(pump: PumpHouse) -> None:
    children = [pump.spawn(*shell("seq 1 20000"), run_id=f"RUN{number}") for number in range(40)]
    assert {pump.reap(started).log_lines for started in children} == {20_000}


def test_the_pump_loads_nothing_heavy() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import runwisp.pump.main; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(ROOT)], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert not loaded & {
        "sqlite3",
        "tomli",
        "tomllib",
        "croniter",
        "logging",
        "ctypes",
        "ssl",
        "http",
        "asyncio",
    }


@pytest.fixture
def small_disk() -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a disk of 1 MiB")
    directory = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)
    os.rmdir(directory)


def free_on(directory: str) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def fill(path: str, leave: int) -> None:
    """Fills a disk with one file but for so many bytes."""
    free = free_on(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(b"\0" * max(0, free - leave))


@pytest.mark.fault("pump", "disk full on a 1 MiB tmpfs, and space coming back")
@pytest.mark.parametrize("min_free_space", [0, 200_000])
def test_a_full_disk_is_marked_counted_and_left_behind_when_space_is_back(
    small_disk: str, min_free_space: int
) -> None:
    go_on = os.pipe()
    script = (
        "import os\n"
        "def lines(n): [os.write(1, b'%099d\\n' % k) for k in range(n)]\n"
        f"lines(15000); os.read({go_on[0]}, 1); lines(10); os.read({go_on[0]}, 1); os.write(1, b'end\\n')"
    )
    with PumpHouse(f"{small_disk}/logs", min_free_space) as pump:
        fill(f"{small_disk}/ballast", 600_000)
        started = pump.spawn(sys.executable, "-c", script, pass_fds=(go_on[0],))
        told = pump.wait_for(Pressure)
        assert told.min_free_bytes == min_free_space
        if min_free_space:
            assert told.free_bytes - 300_000 < min_free_space
            pages = 5 * 4096  # of the log, its index and its meta file, begun but not full
            assert min_free_space - pages < free_on(small_disk), "stopped before the disk was too full"
        pump.wait_until(lambda: pump.pipe_is_empty(started) or None)
        if (
            min_free_space
        ):  # else the line may have to wait for space, should the last page be full to the brim
            assert DISK_LOW in [text for stream, text in shown(pump) if stream == "system"]
        os.unlink(f"{small_disk}/ballast")
        os.write(go_on[1], b"x")
        pump.wait_until(lambda: (b"Log output resumed" in pump.text()) or None)
        os.write(go_on[1], b"x")
        drained = pump.reap(started)
        assert started.process.returncode == 0
        system = [text for stream, text in shown(pump) if stream == "system"]
        own = [text for stream, text in shown(pump) if stream == "stdout"]
        assert system == [DISK_LOW, f"Log output resumed: {drained.log_dropped_lines} lines were dropped"]
        assert own[-1] == "end"
        assert drained.log_lines == 15_011
        assert len(own) == drained.log_lines - drained.log_dropped_lines
        assert own[:100] == [f"{number:099d}" for number in range(100)]
        assert not [message for message in pump.messages if isinstance(message, Pressure)]
    for fd in go_on:
        os.close(fd)


@pytest.mark.fault("pump", "disk full on a 1 MiB tmpfs, and space coming back")
def test_a_disk_that_is_full_from_first_to_last_loses_output_but_no_count(small_disk: str) -> None:
    with PumpHouse(f"{small_disk}/logs") as pump:
        fill(f"{small_disk}/ballast", 0)
        started = pump.spawn(*child("spew", "1000000"))
        drained = pump.reap(started)
        assert started.process.returncode == 0
        assert (drained.log_lines, drained.log_dropped_lines) == (10_000, 10_000)
        os.unlink(f"{small_disk}/ballast")
        assert pump.reap(pump.spawn(*shell("echo well"), run_id="RUN2")).log_dropped_lines == 0
        assert shown(pump, "RUN2") == [("stdout", "well")]
