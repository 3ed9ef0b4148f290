"""What the daemon tells its pumps, one after the other, over real links."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runwisp.clock import Wall
from runwisp.daemon.outputs import Outputs
from runwisp.link import Link
from runwisp.run import Run, Trigger, drafted, log_stem
from runwisp.task import Task
from runwisp.wire import FROM_PUMP, TO_PUMP, Closed, Drained, Exited, Hello, Open, Renamed, SystemLine, ToPump

TASK = Task(name="job", run="true", working_dir="/")
AT = Wall(1_767_225_600_000)
RUN_ID = "01M87W4MRX36WP74DAAS7HM20Z"
DRAINED = Drained(RUN_ID, 0, 0, 0, 0, is_held=True)
HELLO = Hello("/logs", 0)


@pytest.fixture
def outputs() -> Iterator[Outputs]:
    outputs = Outputs(HELLO)
    yield outputs
    outputs.close()


@pytest.fixture
def run() -> Run:
    return drafted(RUN_ID, TASK, Trigger.API, AT)


@contextmanager
def a_pump(outputs: Outputs) -> Iterator[Link[ToPump]]:
    """One that does nothing but listen, and is gone at the end."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = Link(pair[0], FROM_PUMP), Link(pair[1], TO_PUMP)
    outputs.attach(ours)
    yield theirs
    outputs.detach(ours)
    ours.close()
    theirs.close()


def told(link: Link[ToPump]) -> list[ToPump]:
    messages = []
    for message, fds in link.receive():
        messages.append(message)
        for fd in fds:
            os.close(fd)
    return messages


def resumptions(messages: list[ToPump]) -> list[bool]:
    return [message.is_resumed for message in messages if isinstance(message, Open)]


def test_a_run_from_a_time_without_pump_is_new_to_the_first_and_all_said_of_it_is_told(
    outputs: Outputs, run: Run
) -> None:
    outputs.open(run, TASK, ())
    outputs.say(run.id, "exec: /no/such: no such file or directory")
    outputs.end(run)
    with a_pump(outputs) as pump:
        hello, opened, line, end = told(pump)
    assert hello == HELLO
    assert isinstance(opened, Open) and not opened.is_resumed
    assert line == SystemLine(run.id, "exec: /no/such: no such file or directory")
    assert isinstance(end, Exited)


def test_a_second_pump_resumes_what_the_first_was_told_and_hears_no_line_twice(
    outputs: Outputs, run: Run
) -> None:
    outputs.open(run, TASK, os.pipe())
    outputs.say(run.id, "once")
    with a_pump(outputs) as pump:
        assert resumptions(told(pump)) == [False]
    with a_pump(outputs) as pump:
        messages = told(pump)
    assert resumptions(messages) == [True]
    assert SystemLine(run.id, "once") not in messages


def test_a_log_of_a_former_life_is_resumed_by_the_very_first_pump(outputs: Outputs, run: Run) -> None:
    outputs.open(run, TASK, (), is_resumed=True)
    with a_pump(outputs) as pump:
        assert resumptions(told(pump)) == [True]


def test_a_log_is_known_to_later_pumps_by_its_new_name(outputs: Outputs, run: Run) -> None:
    outputs.open(run, TASK, ())
    outputs.heard(Renamed(run.id, log_stem(run.id, AT, 8)))
    with a_pump(outputs) as pump:
        _, opened = told(pump)
    assert isinstance(opened, Open) and opened.log_stem == log_stem(run.id, AT, 8)


def test_a_log_that_a_former_pump_finished_is_not_begun_anew_by_the_next(outputs: Outputs, run: Run) -> None:
    """It may have been removed meanwhile."""
    outputs.open(run, TASK, os.pipe())
    outputs.end(run)
    with a_pump(outputs) as pump:
        _, opened, _ = told(pump)
        assert isinstance(opened, Open) and not opened.is_drained
        outputs.heard(DRAINED)
    with a_pump(outputs) as pump:
        _, opened, end = told(pump)
    assert isinstance(opened, Open) and opened.is_drained
    assert isinstance(end, Exited)


def test_pipes_are_kept_until_the_pump_is_done_with_them(outputs: Outputs, run: Run) -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    outputs.open(run, TASK, (read_end,))
    assert outputs.heard(DRAINED)
    assert not outputs.heard(DRAINED), "what a second pump repeats is no news"
    assert outputs.fds_of(run.id) == (read_end,)
    outputs.heard(Closed(run.id, late_lines=0))
    with pytest.raises(OSError):
        os.fstat(read_end)
    outputs.say(run.id, "too late")
