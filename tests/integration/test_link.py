"""Links over real sockets: order, descriptors, pacing, and the end."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from runwisp.errors import LinkClosed
from runwisp.link import MAX_PACKET, WINDOW, Link
from runwisp.wire import FROM_PUMP, TO_PUMP, Closed, FromPump, Open, SystemLine, ToPump

Ends = tuple[Link[FromPump], Link[ToPump]]
"""The daemon's and the pump's."""


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    links = Link(ours, FROM_PUMP), Link(theirs, TO_PUMP)
    yield links
    for end in links:
        end.close()


def opened(run_id: str) -> Open:
    return Open(run_id, "task", "stem", 0, "drop_old", False, "{}")


def close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def test_messages_arrive_whole_and_in_order_however_slow_the_reader(ends: Ends) -> None:
    ours, theirs = ends
    sent = [SystemLine("run", f"{n} " + "x" * 1000) for n in range(2000)]
    for message in sent:
        ours.send(message)
    assert ours.wants_write
    got: list[ToPump] = []
    while len(got) < len(sent):
        got.extend(message for message, _ in theirs.receive())
        ours.flush()
    assert got == sent
    assert not ours.wants_write


def test_a_descriptor_arrives_as_the_same_file_and_is_not_inherited(ends: Ends) -> None:
    ours, theirs = ends
    read_end, write_end = os.pipe()
    ours.send(opened("run"), (read_end,))
    [(message, [fd])] = theirs.receive()
    os.write(write_end, b"hello")
    assert message == opened("run")
    assert os.read(fd, 10) == b"hello"
    assert not os.get_inheritable(fd)
    close_all([read_end, write_end, fd])


def test_only_a_window_of_packets_with_descriptors_is_under_way(ends: Ends) -> None:
    ours, theirs = ends
    fd = os.open("/dev/null", os.O_RDONLY)
    sent = [opened(str(n)) for n in range(3 * WINDOW)]
    for message in sent:
        ours.send(message, (fd,))
    ours.send(SystemLine("last", ""))
    assert not ours.wants_write, "it waits for the reader, not for the socket"
    got = theirs.receive()
    assert len(got) == WINDOW
    while len(got) < len(sent) + 1:
        ours.receive()
        got += theirs.receive()
    assert [message for message, _ in got] == [*sent, SystemLine("last", "")]
    for _, fds in got:
        close_all(fds)
    os.close(fd)


def test_what_was_sent_before_the_end_is_received_before_the_end(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(Closed("unread", 0))
    ours.send(SystemLine("a", ""))
    ours.close()  # with a packet unread: the other side sees ECONNRESET first
    assert theirs.receive() == [(SystemLine("a", ""), [])]
    with pytest.raises(LinkClosed):
        theirs.receive()


def test_sending_to_an_end_that_is_gone_does_not_raise(ends: Ends) -> None:
    ours, theirs = ends
    theirs.close()
    ours.send(Closed("a", 0))
    ours.send(Closed("b", 0))
    assert not ours.wants_write
    with pytest.raises(LinkClosed):
        ours.receive()


def test_a_message_that_no_packet_holds_is_refused_at_once(ends: Ends) -> None:
    ours, theirs = ends
    ours.send(SystemLine("run", "x" * (MAX_PACKET - 100)))
    with pytest.raises(ValueError, match="no packet holds SystemLine"):
        ours.send(SystemLine("run", "x" * MAX_PACKET))
    assert len(theirs.receive()) == 1
