"""The daemon's log on real descriptors: never in the way, never silent about what it lost."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.clock import Wall
from runwisp.daemonlog import Format, Level, Log, is_journal

NEW_YEAR = Wall(1_767_225_600_000)


def log_on(fd: int, level: Level = Level.INFO, shape: Format = Format.TEXT, *, journal: bool = False) -> Log:
    return Log(fd, level, shape, lambda: NEW_YEAR, is_journal=journal)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_text_has_time_level_message_and_fields(pipe: tuple[int, int]) -> None:
    log_on(pipe[1]).warn("slow disk", task="backup")
    assert os.read(pipe[0], 9999) == b"2026-01-01T00:00:00.000Z WARN  slow disk task=backup\n"


def test_json_is_one_object_a_line(pipe: tuple[int, int]) -> None:
    log = log_on(pipe[1], shape=Format.JSON)
    log.info("one")
    log.error("two")
    records = [json.loads(line) for line in os.read(pipe[0], 9999).splitlines()]
    assert [(record["level"], record["message"]) for record in records] == [("info", "one"), ("error", "two")]


def test_the_journal_gets_a_priority_and_keeps_the_time_itself(pipe: tuple[int, int]) -> None:
    log = log_on(pipe[1], Level.DEBUG, journal=True)
    log.debug("a")
    log.info("b")
    log.warn("c")
    log.error("d")
    assert os.read(pipe[0], 9999) == b"<7>a\n<6>b\n<4>c\n<3>d\n"


def test_what_is_below_the_level_is_not_written(pipe: tuple[int, int]) -> None:
    log = log_on(pipe[1], Level.WARN)
    log.debug("no")
    log.info("no")
    log.warn("yes")
    assert os.read(pipe[0], 9999).count(b"\n") == 1


def test_a_reader_that_does_not_read_stops_nothing_and_learns_what_it_missed(pipe: tuple[int, int]) -> None:
    log = log_on(pipe[1])
    for _ in range(20_000):
        log.info("x" * 100)
    kept = 0
    os.set_blocking(pipe[0], False)
    while True:
        try:
            kept += os.read(pipe[0], 65536).count(b"\n")
        except BlockingIOError:
            break
    assert 0 < kept < 20_000
    log.info("after")
    lost, after = os.read(pipe[0], 9999).splitlines()
    assert lost.endswith(f"records of this log were lost count={20_000 - kept}".encode())
    assert after.endswith(b" after")


def test_a_full_disk_and_a_closed_reader_raise_nothing() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    log_on(full).error("nowhere to go")
    os.close(full)
    reader, writer = os.pipe()
    os.close(reader)
    log_on(writer).error("nobody there")
    os.close(writer)


def test_stderr_is_the_journal_only_if_it_is_the_very_stream_of_the_variable(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(ours.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(ours.fileno(), environ)
        assert not is_journal(theirs.fileno(), environ)
        assert not is_journal(ours.fileno(), {})
