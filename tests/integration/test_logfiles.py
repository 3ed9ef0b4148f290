"""Logs as they are written and read back: every line, its stream, its number, at every cap and rotation."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import logindex, logsegments
from runwisp.clock import Wall
from runwisp.errors import LogUnavailable
from runwisp.logcap import LogOnFull
from runwisp.logfile import INDEX, LOG, META, PREV, SUFFIXES, LogFiles
from runwisp.logindex import HEADER, RECORD, Records, unpacked_header
from runwisp.logline import LINE_MAX, Stream
from runwisp.logmeta import Note, write_note
from runwisp.logreader import Line, LogReader
from runwisp.logwriter import DISK_LOW, INTERRUPTED, LogState, LogWriter

NOW = Wall(1_700_000_000_000)
RUN = "01HF0000000000000000RUN001"


@pytest.fixture
def logs_dir() -> Iterator[str]:
    directory = tempfile.mkdtemp()
    yield f"{directory}/logs"
    shutil.rmtree(directory)


def files_in(logs_dir: str) -> LogFiles:
    return LogFiles(logs_dir, "task", "20260101_000000_N001")


def writer_in(
    logs_dir: str, cap: int = 0, on_full: LogOnFull = LogOnFull.DROP_OLD, line_max: int = LINE_MAX
) -> LogWriter:
    meta = json.dumps({"id": RUN})
    return LogWriter(files_in(logs_dir), run_id=RUN, cap=cap, on_full=on_full, meta=meta, line_max=line_max)


def put(writer: LogWriter, data: bytes, stream: Stream = Stream.STDOUT, now: Wall = NOW) -> None:
    writer.write(stream, data, 0, len(data), now)


def read_all(logs_dir: str) -> list[Line]:
    with LogReader(files_in(logs_dir)) as reader:
        return list(reader.page(1, 1_000_000).lines)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


@dataclass
class Model:
    """What readers are to give, worked out one byte at a time."""

    line_max: int
    lines: list[tuple[Stream, bytes, bool]] = field(default_factory=list)
    is_amid: bool = False
    is_interrupted: dict[Stream, bool] = field(default_factory=dict)
    room: int = 0

    def write(self, stream: Stream, data: bytes) -> None:
        if data and self.is_amid and self.lines[-1][0] is not stream:
            self.is_interrupted[self.lines[-1][0]] = True
            self.is_amid = False
        for value in data:
            byte = bytes([value])
            if not self.is_amid:
                self._begin(stream, is_continued=self.is_interrupted.pop(stream, False), has_prefix=True)
            elif self.room == 0 and byte != b"\n":
                self._begin(stream, is_continued=True, has_prefix=False)
            if byte == b"\n":
                self.is_amid = False
            else:
                _, text, is_continued = self.lines[-1]
                self.lines[-1] = (stream, text + byte, is_continued)
                self.room -= 1

    def _begin(self, stream: Stream, *, is_continued: bool, has_prefix: bool) -> None:
        self.lines.append((stream, b"", is_continued))
        self.is_amid = True
        self.room = self.line_max - (len("[ERR] ") if stream is Stream.STDERR and has_prefix else 0)


pieces = [b"\n", b"a", b"bcd\n", b"\r", b"\xff\x00", b"[ERR] ", b"[SYSTEM] x\n", b"12345678"]
chunks = st.lists(st.sampled_from(pieces), min_size=1)
writes = st.lists(
    st.tuples(st.sampled_from([Stream.STDOUT, Stream.STDERR]), chunks.map(b"".join)), max_size=12
)


@given(writes, st.sampled_from([7, 8, 13, 100]))
def test_readers_give_what_was_printed_however_it_was_cut_into_blocks(
    printed: list[tuple[Stream, bytes]], line_max: int
) -> None:
    model = Model(line_max)
    with tempfile.TemporaryDirectory() as directory:
        writer = writer_in(directory, line_max=line_max)
        for stream, data in printed:
            put(writer, data, stream)
            model.write(stream, data)
        totals = writer.finish("{}", NOW)
        assert totals.log_lines == len(model.lines)
        assert totals.log_bytes == sum(len(data) for _, data in printed)
        if not model.lines:
            assert not os.path.exists(f"{directory}/task")
            return
        lines = read_all(directory)
        assert [(line.stream, line.text, line.is_continued) for line in lines] == [
            (stream, text.decode(errors="replace"), is_continued)
            for stream, text, is_continued in model.lines
        ]
        assert [line.n for line in lines] == list(range(1, len(lines) + 1))


long_writes = st.lists(
    st.tuples(
        st.sampled_from([Stream.STDOUT, Stream.STDOUT, Stream.STDERR]),
        st.tuples(st.integers(1, 80), st.integers(1, 60)).map(
            lambda size: (b"x" * size[0] + b"\n") * size[1]
        ),
    ),
    max_size=12,
)


@given(long_writes, st.integers(1, 5000), st.sampled_from(LogOnFull))
def test_a_cap_is_never_passed_and_every_line_is_kept_or_counted_as_dropped(
    printed: list[tuple[Stream, bytes]], cap: int, on_full: LogOnFull
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        writer = writer_in(directory, cap=cap, on_full=on_full)
        files = files_in(directory)
        for stream, data in printed:
            put(writer, data, stream)
            sizes = sum(len(files.read(name)) for name in (LOG, PREV) if exists(files, name))
            assert sizes <= max(cap, 1024)
        totals = writer.finish("{}", NOW)
        assert totals.log_lines == sum(data.count(b"\n") for _, data in printed)
        if not printed:
            return
        lines = read_all(directory)
        own = [line for line in lines if line.stream is not Stream.SYSTEM]
        assert len(own) == totals.log_lines - totals.log_dropped_lines
        numbers = [line.n for line in lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        said = [line for line in lines if line.stream is Stream.SYSTEM and str(max(cap, 1024)) in line.text]
        assert bool(said) == bool(totals.log_dropped_lines)
        if totals.log_dropped_lines:
            assert f" {totals.log_dropped_lines} lines were dropped in all" in lines[-1].text


@given(long_writes.filter(bool), st.integers(1024, 4000), st.integers(-50, 400), st.integers(1, 50))
def test_a_page_is_a_slice_of_the_whole_at_every_rotation(
    printed: list[tuple[Stream, bytes]], cap: int, first: int, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        writer = writer_in(directory, cap=cap)
        reader = None
        for stream, data in printed:
            put(writer, data, stream)
            reader = reader or LogReader(files_in(directory))
            whole = reader.page(1, 1_000_000)
            page = reader.page(first, limit)
            wanted = max(1, whole.total_lines + 1 + first) if first < 0 else first
            assert page.lines == tuple(line for line in whole.lines if line.n >= wanted)[:limit]
            assert whole.lines[0].n == whole.first_available == page.first_available
            assert whole.lines[-1].n == whole.total_lines
            assert not page.is_truncated
        assert reader
        reader.close()
        writer.finish("{}", NOW)


def exists(files: LogFiles, suffix: str) -> bool:
    return os.path.exists(f"{files.logs_dir}/{files.task_name}/{files.stem}{suffix}")


def path_of(files: LogFiles, suffix: str) -> str:
    return f"{files.logs_dir}/{files.task_name}/{files.stem}{suffix}"


@pytest.mark.parametrize("umask", [0, 0o277])
def test_files_are_private_whatever_the_umask(logs_dir: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        writer = writer_in(logs_dir, cap=1024)
        put(writer, b"x" * 99 + b"\n" + b"y\n" * 500)
        writer.finish("{}", NOW)
    finally:
        os.umask(before)
    for suffix in SUFFIXES:
        assert stat.S_IMODE(os.stat(path_of(files_in(logs_dir), suffix)).st_mode) == 0o600
    for folder in (logs_dir, f"{logs_dir}/task"):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_no_symlink_is_followed(logs_dir: str) -> None:
    os.mkdir(logs_dir)
    elsewhere = tempfile.mkdtemp()
    os.symlink(elsewhere, f"{logs_dir}/task")
    writer = writer_in(logs_dir)
    put(writer, b"secret\n")
    assert writer.state is LogState.STOPPED
    assert os.listdir(elsewhere) == []
    assert writer.finish("{}", NOW).log_dropped_lines == 1
    os.rmdir(elsewhere)


def test_a_taken_name_is_not_written_to_but_made_longer(logs_dir: str) -> None:
    first = writer_in(logs_dir)
    put(first, b"first\n")
    first.finish("{}", NOW)
    second = writer_in(logs_dir)
    put(second, b"second\n")
    second.finish("{}", NOW)
    assert second.files.stem == "20260101_000000_UN001"
    assert texts(read_all(logs_dir)) == ["first"]
    with LogReader(second.files) as reader:
        assert texts(list(reader.page(1, 10).lines)) == ["second"]


def test_names_that_lead_elsewhere_are_refused() -> None:
    for task_name, stem in (("..", "s"), ("a/b", "s"), ("t", "../x"), ("", "s"), ("t", "a\0b"), ("t", ".")):
        with pytest.raises(ValueError, match="not the name of a log"):
            LogFiles("/logs", task_name, stem)


def test_a_removed_log_takes_its_folder_only_when_nothing_else_is_there(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=1024)
    put(writer, b"y\n" * 900)
    writer.finish("{}", NOW)
    os.mkdir(f"{logs_dir}/task/other")
    files_in(logs_dir).remove()
    assert os.listdir(f"{logs_dir}/task") == ["other"]
    os.rmdir(f"{logs_dir}/task/other")
    files_in(logs_dir).remove()
    assert os.listdir(logs_dir) == []
    files_in(logs_dir).remove()


@pytest.mark.fault("pump", "log file deleted under it")
def test_a_log_that_is_removed_while_it_is_written_starts_anew_and_says_so(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\ntwo\n")
    os.unlink(path_of(files_in(logs_dir), LOG))
    put(writer, b"three\n")
    assert texts(read_all(logs_dir)) == [
        "The log file was removed or cut short by somebody else: 2 lines were lost",
        "three",
    ]
    totals = writer.finish("{}", NOW)
    assert (totals.log_lines, totals.log_dropped_lines) == (3, 2)


@pytest.mark.fault("pump", "log file truncated under it")
def test_a_log_that_is_cut_short_while_it_is_written_starts_anew_and_says_so(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\ntwo\n")
    os.truncate(path_of(files_in(logs_dir), LOG), 5)
    put(writer, b"three\n")
    lines = read_all(logs_dir)
    assert [(line.n, line.text.split(":")[0]) for line in lines] == [
        (3, "The log file was removed or cut short by somebody else"),
        (4, "three"),
    ]
    writer.finish("{}", NOW)


def test_what_was_cut_off_a_log_before_it_rotated_is_told_as_gone_and_is_no_part_of_its_text(
    logs_dir: str,
) -> None:
    writer = writer_in(logs_dir, cap=20_000)
    put(writer, b"".join(b"line %06d\n" % number for number in range(1000)))
    os.truncate(path_of(files_in(logs_dir), LOG), 120)
    put(writer, b"after\n")
    writer.finish("{}", NOW)
    with LogReader(files_in(logs_dir)) as reader:
        assert [size for _, size in reader.segments()] == [
            os.fstat(fd).st_size for fd, _ in reader.segments()
        ]
        first, _ = reader.since(0, 2000)
        rest, gone = reader.since(first[-1].n, 2000)
        assert [line.n for line in first] == [*range(first[0].n, first[-1].n + 1)]
        assert texts(rest)[-1] == "after" and gone == rest[0].n - first[-1].n - 1 > 0


def test_what_somebody_else_appends_is_cut_off(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    with open(path_of(files_in(logs_dir), LOG), "ab") as file:
        file.write(b"foreign\n")
    put(writer, b"two\n")
    assert texts(read_all(logs_dir)) == ["one", "two"]
    writer.finish("{}", NOW)


def test_a_removed_index_is_made_anew(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    put(writer, b"two\n", Stream.STDERR)
    os.unlink(path_of(files_in(logs_dir), INDEX))
    put(writer, b"three\n")
    lines = read_all(logs_dir)
    assert [(line.stream, line.text) for line in lines] == [
        (Stream.STDOUT, "one"),
        (Stream.STDERR, "two"),
        (Stream.STDOUT, "three"),
    ]
    writer.finish("{}", NOW)


def test_an_index_that_cannot_be_opened_again_for_a_moment_is_kept(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    put(writer, b"two\n", Stream.STDERR, Wall(NOW + 5000))
    writer.park()
    before = read_all(logs_dir)
    opened = LogFiles.open
    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "open", lambda *given: failing() if given[1] == INDEX else opened(*given))
        put(writer, b"lost\n")
        assert writer.state is LogState.STOPPED
        assert writer.is_parked
    writer.resume(NOW)
    writer.finish("{}", NOW)
    assert read_all(logs_dir)[:2] == before


def test_a_truncated_index_is_made_anew_and_numbers_go_on(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\ntwo\n")
    os.truncate(path_of(files_in(logs_dir), INDEX), 3)
    put(writer, b"three\n")
    assert [(line.n, line.text) for line in read_all(logs_dir)] == [(1, "one"), (2, "two"), (3, "three")]
    writer.finish("{}", NOW)


@pytest.mark.fault("pump", "a rotation that fails half way")
def test_a_rotation_that_fails_stops_the_log_and_it_goes_on_later(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir, cap=2048)
    put(writer, b"x\n" * 300)
    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "supersede", failing)
        put(writer, b"y\n" * 300)
    assert writer.state is LogState.STOPPED
    put(writer, b"lost\n")
    writer.resume(NOW)
    put(writer, b"z\n")
    totals = writer.finish("{}", NOW)
    lines = texts(read_all(logs_dir))
    assert lines[-1] == "z"
    assert "Log output stopped: disk space critically low" in lines
    assert f"Log output resumed: {totals.log_dropped_lines} lines were dropped" in lines
    assert totals.log_lines == 602


def failing(*_: object, **__: object) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.fault("pump", "a rotation that fails half way")
@pytest.mark.parametrize("is_new_log_there", [False, True])
def test_a_rotation_that_died_half_way_is_read_and_gone_on_with(
    logs_dir: str, is_new_log_there: bool
) -> None:
    writer = writer_in(logs_dir, cap=100_000)
    put(writer, b"one\n")
    put(writer, b"two\n", Stream.STDERR)
    writer.park()
    files = files_in(logs_dir)
    os.rename(path_of(files, LOG), path_of(files, PREV))
    if is_new_log_there:
        os.close(files.open(LOG, os.O_WRONLY | os.O_CREAT))
    assert [(line.n, line.stream.word, line.text) for line in read_all(logs_dir)] == [
        (1, "stdout", "one"),
        (2, "stderr", "two"),
    ]
    successor = writer_in(logs_dir, cap=100_000)
    successor.take_up(NOW)
    put(successor, b"three\n")
    totals = successor.finish("{}", NOW)
    assert [(line.n, line.text) for line in read_all(logs_dir)] == [
        (1, "one"),
        (2, "two"),
        (3, INTERRUPTED),
        (4, "three"),
    ]
    assert (totals.log_lines, totals.log_bytes) == (3, len(b"one\n[ERR] two\nthree\n"))


def test_a_killed_writer_is_followed_by_one_that_marks_the_gap(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\nunfinished")
    writer.park()
    with open(path_of(files_in(logs_dir), INDEX), "ab") as file:
        file.write(b"half a record")
    successor = writer_in(logs_dir)
    successor.take_up(NOW)
    put(successor, b"next\n")
    totals = successor.finish("{}", NOW)
    assert [(line.n, line.stream.word, line.text) for line in read_all(logs_dir)] == [
        (1, "stdout", "one"),
        (2, "stdout", "unfinished"),
        (3, "system", INTERRUPTED),
        (4, "stdout", "next"),
    ]
    assert (totals.log_lines, totals.log_dropped_lines) == (3, 0)
    size = os.path.getsize(path_of(files_in(logs_dir), INDEX))
    assert (size - HEADER.size) % RECORD.size == 0


@pytest.mark.parametrize("end", [LogWriter.leave, lambda writer: writer.finish("{}", NOW)])
def test_a_log_is_its_writers_until_the_last_note_is_written(
    logs_dir: str, end: Callable[[LogWriter], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    was_taken = []

    def look(files: LogFiles, run: str, note: Note) -> tuple[int, bool]:
        was_taken.append(writer_in(logs_dir).is_taken())
        return write_note(files, run, note)

    monkeypatch.setattr("runwisp.logwriter.write_note", look)
    end(writer)
    assert was_taken == [True]
    assert not writer_in(logs_dir).is_taken()


@given(long_writes.filter(lambda printed: len(printed) > 1), st.integers(1024, 4000), st.data())
def test_counts_and_numbers_survive_a_killed_writer(
    printed: list[tuple[Stream, bytes]], cap: int, data: st.DataObject
) -> None:
    killed_after = data.draw(st.integers(1, len(printed) - 1))
    with tempfile.TemporaryDirectory() as directory:
        writer = writer_in(directory, cap=cap)
        for stream, block in printed[:killed_after]:
            put(writer, block, stream)
        writer.park()
        successor = writer_in(directory, cap=cap)
        successor.take_up(NOW)
        for stream, block in printed[killed_after:]:
            put(successor, block, stream)
        totals = successor.finish("{}", NOW)
        assert totals.log_lines == sum(block.count(b"\n") for _, block in printed)
        exact = sum(len(block) for _, block in printed)
        extra = len("[ERR] ") * totals.log_lines + 200 * (successor.counts.rotations + 1)
        assert exact <= totals.log_bytes <= exact + extra
        lines = read_all(directory)
        own = [line for line in lines if line.stream is not Stream.SYSTEM]
        assert len(own) == totals.log_lines - totals.log_dropped_lines
        numbers = [line.n for line in lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("spoil", [os.unlink, lambda path: os.truncate(path, 0)], ids=["removed", "emptied"])
def test_a_log_that_is_gone_when_its_writer_dies_goes_on_after_the_lines_that_were_in_it(
    logs_dir: str, spoil: Callable[[str], None]
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    put(writer, b"two\n", Stream.STDERR)
    writer.park()
    spoil(path_of(files_in(logs_dir), LOG))
    successor = writer_in(logs_dir)
    successor.take_up(NOW)
    put(successor, b"three\n")
    totals = successor.finish("{}", NOW)
    lines = read_all(logs_dir)
    assert texts(lines)[1:] == ["three"]
    assert lines[0].n > 1, "no number is given twice"
    assert totals.log_lines - totals.log_dropped_lines == 1


def test_zeros_in_the_place_of_the_last_records_are_cut_off(logs_dir: str) -> None:
    """As a machine leaves them that lost its power."""
    writer = writer_in(logs_dir, cap=40_000)
    for number in range(500):
        put(writer, b"out %d\n" % number)
        put(writer, b"err %d\n" % number, Stream.STDERR)
    writer.park()
    index = path_of(files_in(logs_dir), INDEX)
    with open(index, "r+b") as file:
        file.seek(-3 * RECORD.size, os.SEEK_END)
        file.write(bytes(3 * RECORD.size))
    successor = writer_in(logs_dir, cap=40_000)
    successor.take_up(NOW)
    put(successor, b"next\n")
    assert successor.finish("{}", NOW).log_lines == 1001
    lines = read_all(logs_dir)
    assert [line.n for line in lines] == list(range(lines[0].n, lines[0].n + len(lines)))


@pytest.mark.parametrize("content", [b"", RECORD.pack(1, 0, NOW, max(Stream) + 1, 0), b"\xff" * RECORD.size])
def test_an_index_that_does_not_tell_of_its_log_is_left_alone(logs_dir: str, content: bytes) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    writer.park()
    index = path_of(files_in(logs_dir), INDEX)
    os.truncate(index, HEADER.size)
    with open(index, "ab") as file:
        file.write(content)
    successor = writer_in(logs_dir)
    successor.take_up(NOW)
    put(successor, b"two\n")
    successor.finish("{}", NOW)
    assert successor.files.stem != writer.files.stem
    with LogReader(successor.files) as reader:
        assert texts(list(reader.page(1, 10).lines))[-1] == "two"


def test_a_write_that_fails_leaves_nothing_in_the_index(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"before\n")
    with monkeypatch.context() as patch:
        patch.setattr(logsegments, "write_all", failing)
        put(writer, (b"x" * 99 + b"\n") * 3000)
    writer.resume(NOW)
    put(writer, (b"y" * 99 + b"\n") * 3000)
    put(writer, b"error\n", Stream.STDERR)
    writer.finish("{}", NOW)
    lines = read_all(logs_dir)
    assert [line.n for line in lines] == list(range(1, 3005))
    assert texts(lines[:3]) == [
        "before",
        "Log output stopped: disk space critically low",
        "Log output resumed: 3000 lines were dropped",
    ]
    assert lines[-1].stream is Stream.STDERR


def test_a_file_system_that_fails_at_the_closing_stops_the_log_and_nothing_else(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does, which writes only then."""
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    closed = os.close

    def close(fd: int) -> None:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        closed(fd)
        if is_file:
            failing()

    with monkeypatch.context() as patch:
        patch.setattr("os.close", close)
        writer.park()
    assert writer.is_parked
    put(writer, b"lost\n")
    assert writer.stopped_by == DISK_LOW
    writer.resume(NOW)
    put(writer, b"two\n")
    with monkeypatch.context() as patch:
        patch.setattr("os.close", close)
        writer.finish("{}", NOW)
    assert writer.stopped_by == "Input/output error"
    assert texts(read_all(logs_dir)) == [
        "one",
        "Log output stopped: disk space critically low",
        "Log output resumed: 1 lines were dropped",
        "two",
    ]


def test_a_log_that_cannot_be_taken_up_at_first_is_gone_on_with_once_it_can(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\ntwo\n")
    writer.park()
    successor = writer_in(logs_dir)
    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "open", failing)
        successor.take_up(NOW)
        put(successor, b"lost\n")
        successor.system("lost as well", NOW)
        successor.resume(NOW)
        assert successor.state is LogState.STOPPED
    for _ in range(2):
        successor.resume(NOW)
    put(successor, b"three\n")
    totals = successor.finish("{}", NOW)
    assert successor.files == writer.files
    assert [(line.n, line.text.partition(":")[0]) for line in read_all(logs_dir)] == [
        (1, "one"),
        (2, "two"),
        (3, "Log output stopped"),
        (4, "Log capture was interrupted"),
        (5, "Log output resumed"),
        (6, "three"),
    ]
    assert (totals.log_lines, totals.log_dropped_lines) == (5, 2)


def test_a_note_that_could_not_be_written_is_written_with_what_comes_next(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it no other writer knows whose log it is."""
    writer = writer_in(logs_dir)
    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "overwrite", failing)
        put(writer, b"one\n")
    put(writer, b"two\n")
    writer.park()
    successor = writer_in(logs_dir)
    successor.take_up(NOW)
    put(successor, b"three\n")
    successor.finish("{}", NOW)
    assert texts(read_all(logs_dir)) == ["one", "two", INTERRUPTED, "three"]


def test_a_log_that_another_writer_has_is_not_written_to_before_that_one_is_done(logs_dir: str) -> None:
    writer, successor = writer_in(logs_dir), writer_in(logs_dir)
    put(writer, b"one\n")
    successor.take_up(NOW)
    put(successor, b"lost\n")
    assert successor.stopped_by == "another process writes this log"
    put(writer, b"two\n")
    assert texts(read_all(logs_dir)) == ["one", "two"]
    writer.leave()
    successor.finish("{}", NOW)


def test_a_full_log_is_still_full_for_the_next_writer_and_what_it_dropped_is_known(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=20_000, on_full=LogOnFull.DROP_NEW)
    put(writer, (b"x" * 300 + b"\n") * 1000)
    writer.note()
    writer.park()
    successor = writer_in(logs_dir, cap=20_000, on_full=LogOnFull.DROP_NEW)
    successor.take_up(NOW)
    put(successor, b"short\n" * 100)
    totals = successor.finish("{}", NOW)
    assert totals.log_lines == 1100
    lines = read_all(logs_dir)
    own = [line for line in lines if line.stream is not Stream.SYSTEM]
    assert {line.text for line in own} == {"x" * 300}
    assert len(own) == totals.log_lines - totals.log_dropped_lines
    assert f" {totals.log_dropped_lines} lines were dropped in all" in lines[-1].text


def test_a_full_log_that_cannot_be_taken_up_at_first_is_full_all_the_same(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir, cap=20_000, on_full=LogOnFull.DROP_NEW)
    put(writer, (b"x" * 300 + b"\n") * 100)
    writer.note()
    writer.park()
    successor = writer_in(logs_dir, cap=20_000, on_full=LogOnFull.DROP_NEW)
    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "open", failing)
        successor.take_up(NOW)
    assert successor.state is LogState.STOPPED
    successor.resume(NOW)
    put(successor, b"short\n")
    totals = successor.finish("{}", NOW)
    said = [line.text for line in read_all(logs_dir) if line.stream is Stream.SYSTEM]
    assert not any("resumed" in text for text in said)
    assert f" {totals.log_dropped_lines} lines were dropped in all" in said[-1]


def test_a_log_whose_records_a_machine_lost_as_it_went_down_is_gone_on_with(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=40_000)
    for number in range(150):
        put(writer, b"%03d" % number + b"y" * 200 + b"\n")
    writer.park()
    index = path_of(files_in(logs_dir), INDEX)
    with open(index, "rb") as file:
        log_start = unpacked_header(file.read(HEADER.size)).log_start
        kept = Records(file.fileno()).from_offset(log_start)
    assert log_start
    os.truncate(index, HEADER.size + kept * RECORD.size)
    successor = writer_in(logs_dir, cap=40_000)
    successor.take_up(NOW)
    put(successor, b"next\n")
    totals = successor.finish("{}", NOW)
    assert successor.files.stem == writer.files.stem
    assert totals.log_lines == 151
    lines = read_all(logs_dir)
    assert [line.n for line in lines] == list(range(lines[0].n, lines[0].n + len(lines)))
    own = [line.text for line in lines if line.stream is not Stream.SYSTEM]
    assert len(own) == totals.log_lines - totals.log_dropped_lines
    assert own[-2:] == ["149" + "y" * 200, "next"]


def test_taking_up_a_log_reads_few_of_its_records_and_writes_none(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log may have more than a million, while all other runs wait."""
    writer = writer_in(logs_dir)
    for number in range(5000):
        put(writer, b"%d\n" % number, Stream(number % 2))
    writer.park()
    index = os.stat(path_of(files_in(logs_dir), INDEX))
    read = Mock(wraps=logindex.unpacked_record)
    successor = writer_in(logs_dir)
    with monkeypatch.context() as patch:
        patch.setattr(logindex, "unpacked_record", read)
        successor.take_up(NOW)
        put(successor, b"next\n")
    assert read.call_count < 200
    assert os.stat(path_of(files_in(logs_dir), INDEX)).st_ino == index.st_ino
    assert successor.finish("{}", NOW).log_lines == 5001
    lines = read_all(logs_dir)
    assert [line.n for line in lines] == list(range(1, 5003))
    assert texts(lines[-3:]) == ["4999", INTERRUPTED, "next"]


@pytest.mark.parametrize("size", [3, 8], ids=["in a line", "between lines"])
def test_records_past_the_end_of_a_log_are_not_gone_on_with(logs_dir: str, size: int) -> None:
    """A writer that dies may leave some: they are written first."""
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    put(writer, b"two\n", Stream.STDERR, Wall(NOW + 5000))
    put(writer, b"three\n", Stream.STDOUT, Wall(NOW + 10_000))
    writer.park()
    os.truncate(path_of(files_in(logs_dir), LOG), size)
    successor = writer_in(logs_dir)
    successor.take_up(Wall(NOW + 15_000))
    put(successor, b"four\n", Stream.STDERR, Wall(NOW + 15_000))
    successor.finish("{}", NOW)
    lines = read_all(logs_dir)
    assert [line.text for line in lines][-2:] == [INTERRUPTED, "four"]
    assert {line.at - NOW for line in lines if line.text in (INTERRUPTED, "four")} == {15_000}
    assert [line.n for line in lines] == sorted({line.n for line in lines})


def test_a_log_of_another_run_is_not_taken_up(logs_dir: str) -> None:
    other = writer_in(logs_dir)
    put(other, b"other\n")
    other.finish(json.dumps({"id": "OTHER"}), NOW)
    writer = writer_in(logs_dir)
    writer.take_up(NOW)
    put(writer, b"mine\n")
    writer.finish("{}", NOW)
    assert writer.files.stem != other.files.stem
    assert texts(read_all(logs_dir)) == ["other"]


def test_a_missing_log_is_said_to_be_unavailable(logs_dir: str) -> None:
    with pytest.raises(LogUnavailable, match="log no longer available"):
        LogReader(files_in(logs_dir))
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    writer.finish("{}", NOW)
    os.unlink(path_of(files_in(logs_dir), LOG))
    with pytest.raises(LogUnavailable):
        LogReader(files_in(logs_dir))


def emptied(_: bytes) -> bytes:
    return b""


def of_an_unknown_stream(index: bytes) -> bytes:
    return index[:-8] + b"\x09" + index[-7:]


READINGS: list[Callable[[LogReader], object]] = [
    lambda reader: reader.page(1, 10),
    lambda reader: reader.since(0, 10),
    lambda reader: reader.finished_lines,
    lambda reader: [reader.page(1, 0), reader.total_lines, reader.first_available, list(reader.lines(1))],
]


@pytest.mark.parametrize("damaged", [emptied, of_an_unknown_stream])
@pytest.mark.parametrize("reading", READINGS)
def test_an_index_that_is_damaged_under_a_reader_makes_its_log_unavailable(
    logs_dir: str, damaged: Callable[[bytes], bytes], reading: Callable[[LogReader], object]
) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    writer.park()
    with LogReader(files_in(logs_dir)) as reader:
        index = Path(path_of(files_in(logs_dir), INDEX))
        index.write_bytes(damaged(index.read_bytes()))
        with pytest.raises(LogUnavailable, match="log no longer available"):
            reading(reader)


def test_an_index_that_is_cut_while_lines_are_read_makes_its_log_unavailable(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    writer.park()
    with LogReader(files_in(logs_dir)) as reader:
        os.truncate(path_of(files_in(logs_dir), INDEX), HEADER.size)
        with pytest.raises(LogUnavailable, match="log no longer available"):
            list(reader.lines(1))


def test_a_copied_directory_reads_the_same(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=4096)
    put(writer, b"".join(b"line %d\n" % number for number in range(500)))
    put(writer, b"last\n", Stream.STDERR)
    writer.finish("{}", NOW)
    shutil.copytree(logs_dir, f"{logs_dir}-copy")
    assert read_all(f"{logs_dir}-copy") == read_all(logs_dir)


def test_files_that_are_not_those_of_the_index_are_opened_twice_and_then_not_again(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_in(logs_dir, cap=4096)
    put(writer, b"".join(b"line %d\n" % number for number in range(500)))
    writer.finish("{}", NOW)
    os.unlink(path_of(files_in(logs_dir), LOG))
    opened: list[str] = []
    whole = LogFiles.open

    def counted(files: LogFiles, suffix: str, flags: int) -> int:
        opened.append(suffix)
        return whole(files, suffix, flags)

    monkeypatch.setattr(LogFiles, "open", counted)
    with LogReader(files_in(logs_dir)) as reader:
        assert opened == [INDEX, LOG, PREV] * 2
        opened.clear()
        assert reader.since(0, 10)[0] and reader.finished_lines
        assert set(opened) <= {META}


def test_a_page_is_bounded_by_bytes_and_says_so(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, (b"x" * 60_000 + b"\n") * 20)
    writer.finish("{}", NOW)
    with LogReader(files_in(logs_dir)) as reader:
        page = reader.page(1, 20, page_bytes=100_000)
    assert page.is_truncated
    assert [line.n for line in page.lines] == [1, 2]


def test_a_follower_gets_every_line_once_across_rotations(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=8192)
    put(writer, b"0\n")
    got: list[str] = []
    with LogReader(files_in(logs_dir)) as reader:
        for number in range(1, 2000):
            put(writer, b"%d\nopen" % number)
            put(writer, b"\n")
            lines, missed = reader.since(len(got), 1000)
            assert not missed
            got += texts(lines)
        put(writer, b"unfinished")
        assert reader.since(len(got), 10) == ([], 0)
        writer.finish("{}", NOW)
        got += texts(reader.since(len(got), 10)[0])
    own = [text for text in got if not text.startswith("Log cap")]
    assert own.pop() == "unfinished"
    assert own == ["0", *(text for number in range(1, 2000) for text in (str(number), "open"))]


def test_a_reader_that_comes_in_the_midst_of_a_rotation_sees_what_comes_after_it(
    logs_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[LogReader] = []
    whole = LogFiles.supersede

    def watched(files: LogFiles, suffix: str, by: str) -> None:
        whole(files, suffix, by)
        if not readers:
            readers.append(LogReader(files))

    writer = writer_in(logs_dir, cap=2048)
    put(writer, b"line\n" * 100)
    monkeypatch.setattr(LogFiles, "supersede", watched)
    put(writer, b"line\n" * 200)
    put(writer, b"last\n")
    writer.finish("{}", NOW)
    [reader] = readers
    with reader:
        assert texts(reader.since(writer.last_line - 1, 10)[0]) == ["last"]


def test_a_follower_that_is_too_slow_is_told_how_much_it_missed(logs_dir: str) -> None:
    writer = writer_in(logs_dir, cap=2048)
    put(writer, b"x\n")
    with LogReader(files_in(logs_dir)) as reader:
        put(writer, b"y\n" * 3000)
        lines, missed = reader.since(1, 10)
        assert missed == lines[0].n - 2 > 0
    writer.finish("{}", NOW)


def test_the_meta_file_tells_the_run_the_totals_and_the_end(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    assert json.loads(files_in(logs_dir).read(META))["finalized"] is False
    writer.finish('{"id": "R", "end": 1}', NOW)
    meta = json.loads(files_in(logs_dir).read(META))
    assert meta["run"] == {"id": "R", "end": 1}
    assert meta["log"]["log_lines"] == 1
    assert meta["finalized"] is True


def test_time_comes_from_the_index(logs_dir: str) -> None:
    writer = writer_in(logs_dir)
    put(writer, b"one\n")
    put(writer, b"two\n", now=Wall(NOW + 999))
    put(writer, b"three\n", now=Wall(NOW + 1000))
    writer.finish("{}", NOW)
    assert [line.at - NOW for line in read_all(logs_dir)] == [0, 0, 1000]
