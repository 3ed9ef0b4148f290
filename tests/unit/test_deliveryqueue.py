"""The queue: order, caps, waits, budgets, and what happens when there is no more room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND, Mono, Now, Wall
from runwisp.delivery import Delivery, DeliveryState, Outcome, Verdict
from runwisp.deliveryqueue import DeliveryQueue, GivenUp
from runwisp.event import Event, EventKind
from runwisp.ids import UlidMaker

WALL, MONO = Wall(1_700_000_000_000), Mono(1_000_000)
IDS = UlidMaker(bytes)
SENT = Outcome(Verdict.SENT)
AGAIN = Outcome(Verdict.AGAIN, "connection refused")
REFUSED = Outcome(Verdict.GAVE_UP, "404 Not Found")


def at(length: int) -> Now:
    return Now(Wall(WALL + length), Mono(MONO + length))


def mono(length: int) -> Mono:
    return at(length).mono


def a_queue(size: int = 1024, chance: float = 0) -> DeliveryQueue:
    return DeliveryQueue(size, 5 * MINUTE, lambda: chance)


def a_delivery(address: str = "slack") -> Delivery:
    return Delivery(id=IDS.next(WALL), address=address, event=Event(EventKind.RUN_FAILED, WALL, ""))


def filled(*addresses: str, when: int = 0) -> DeliveryQueue:
    queue = a_queue()
    for address in addresses:
        assert queue.add(a_delivery(address), at(when))
    return queue


def started(queue: DeliveryQueue, when: int = 0) -> list[str]:
    return [each.address for each in queue.start(mono(when))]


def attempt(queue: DeliveryQueue, outcome: Outcome, when: int = 0) -> Delivery | GivenUp:
    [delivery] = queue.start(mono(when))
    return queue.done(delivery, outcome, at(when))


def failed_once(*channels: str) -> DeliveryQueue:
    """With one more to be sent by each."""
    queue = a_queue()
    for channel in channels:
        queue.add(a_delivery(channel), at(0))
        attempt(queue, REFUSED)
    for channel in channels:
        queue.add(a_delivery(channel), at(0))
    return queue


def test_the_order_of_a_channel_is_kept_whatever_its_targets() -> None:
    queue = filled("slack", "slack:#dev", "slack")
    order = []
    while len(queue):
        [delivery] = queue.start(mono(0))
        order.append(delivery.address)
        assert queue.start(mono(0)) == []
        queue.done(delivery, SENT, at(0))
    assert order == ["slack", "slack:#dev", "slack"]


def test_one_that_waits_holds_up_those_behind_it() -> None:
    queue = filled("slack", "slack:#dev")
    waiting = attempt(queue, AGAIN)
    assert isinstance(waiting, Delivery)
    assert (waiting.state, waiting.attempts, waiting.due_at) == (DeliveryState.WAITING, 1, WALL + SECOND)
    assert started(queue, SECOND - 1) == []
    assert queue.next_at(mono(0)) == mono(SECOND)
    assert started(queue, SECOND) == ["slack"]


def test_four_channels_at_once_and_the_next_when_one_is_done() -> None:
    queue = filled("a", "b", "c", "d", "e")
    first, *_ = queue.start(mono(0))
    assert started(queue) == []
    queue.done(first, SENT, at(0))
    assert started(queue) == ["e"]


def test_two_at_once_of_channels_whose_last_attempt_failed_and_the_others_pass_them() -> None:
    queue = failed_once("a", "b", "c")
    assert started(queue) == ["a", "b"]
    queue.add(a_delivery("d"), at(0))
    assert started(queue) == ["d"]


def test_a_channel_that_works_again_is_no_failing_one_any_more() -> None:
    queue = failed_once("a", "b", "c")
    for delivery in queue.start(mono(0)):
        queue.done(delivery, SENT, at(0))
    for channel in "ab":
        queue.add(a_delivery(channel), at(0))
    assert sorted(started(queue)) == ["a", "b", "c"]


@pytest.mark.parametrize("asked", [None, 0, SECOND])
def test_waits_double_until_the_budget_is_used_up_and_no_attempt_comes_later(asked: int | None) -> None:
    """Also where the service asks for less."""
    queue = filled("slack")
    attempts, when = [], 0
    while len(queue):
        outcome = attempt(queue, replace(AGAIN, retry_after=asked), when)
        attempts.append(when)
        if isinstance(outcome, Delivery):
            wake = queue.next_at(mono(when))
            assert wake is not None
            when = wake - MONO
    assert attempts == [seconds * SECOND for seconds in (0, 1, 3, 7, 15, 31, 63, 123, 183, 243)]
    assert isinstance(outcome, GivenUp)
    assert (outcome.delivery.state, outcome.delivery.attempts) == (DeliveryState.GAVE_UP, 10)
    assert (outcome.reason, outcome.is_refused) == ("connection refused", False)


def test_chance_shortens_a_wait() -> None:
    queue = a_queue(chance=0.5)
    queue.add(a_delivery(), at(0))
    attempt(queue, AGAIN)
    assert queue.next_at(mono(0)) == mono(875)


def test_what_a_service_asks_for_is_obeyed_by_all_that_goes_through_its_channel() -> None:
    queue = filled("slack", "slack:#dev")
    waiting = attempt(queue, Outcome(Verdict.AGAIN, "429", 30 * SECOND))
    assert isinstance(waiting, Delivery)
    assert started(queue, 30 * SECOND - 1) == []
    assert started(queue, 30 * SECOND) == ["slack"]


def test_a_service_that_is_asked_too_much_is_left_alone_also_when_that_is_longer_than_the_budget() -> None:
    queue = filled("slack", "slack")
    given_up = attempt(queue, Outcome(Verdict.AGAIN, "429 Too Many Requests", 10 * MINUTE))
    assert isinstance(given_up, GivenUp)
    assert given_up.reason == "429 Too Many Requests; it is to be left alone for 10m"
    [other] = queue.give_up(mono(0), 9)
    assert other.reason == "429 Too Many Requests"
    queue.add(a_delivery(), at(6 * MINUTE))
    assert started(queue, 10 * MINUTE - 1) == []
    assert started(queue, 10 * MINUTE) == ["slack"]


def test_no_service_silences_its_channel_for_long() -> None:
    queue = DeliveryQueue(1024, 2 * HOUR, lambda: 0)
    queue.add(a_delivery(), at(0))
    attempt(queue, Outcome(Verdict.AGAIN, "429", 24 * HOUR))
    assert started(queue, HOUR - 1) == []
    assert started(queue, HOUR) == ["slack"]


def test_what_a_service_asks_for_is_obeyed_by_the_next_one_when_the_first_is_given_up() -> None:
    queue = filled("slack")
    when = 0
    while len(queue) and (wake := queue.next_at(mono(when)) or mono(when)):
        when = wake - MONO
        outcome = attempt(queue, Outcome(Verdict.AGAIN, "429", 10 * SECOND), when)
    assert isinstance(outcome, GivenUp)
    queue.add(a_delivery(), at(when))
    assert started(queue, when + 10 * SECOND - 1) == []
    assert started(queue, when + 10 * SECOND) == ["slack"]


def test_one_that_is_refused_is_given_up_and_the_next_one_is_tried() -> None:
    queue = filled("slack", "slack:#dev")
    given_up = attempt(queue, REFUSED)
    assert isinstance(given_up, GivenUp)
    assert (given_up.reason, given_up.is_refused) == ("404 Not Found", True)
    assert started(queue) == ["slack:#dev"]


def test_those_that_waited_behind_one_given_up_have_used_up_their_budget_too() -> None:
    queue = filled("slack", "slack", "slack")
    when = 0
    while isinstance(attempt(queue, AGAIN, when), Delivery):
        when = (queue.next_at(mono(when)) or MONO) - MONO
    assert len(queue) == 2
    assert queue.next_at(mono(5 * MINUTE)) == mono(5 * MINUTE)
    assert started(queue, 5 * MINUTE) == []
    [one] = queue.give_up(mono(5 * MINUTE), 1)
    [two] = queue.give_up(mono(5 * MINUTE), 1)
    assert {one.reason, two.reason} == {"connection refused"}
    assert len(queue) == 0
    assert queue.next_at(mono(5 * MINUTE)) is None


def test_what_is_hopeless_and_was_not_given_up_yet_wakes_at_once() -> None:
    """Not only when the service may be asked again."""
    queue = filled("slack", "slack", "slack")
    attempt(queue, Outcome(Verdict.AGAIN, "429", 10 * MINUTE))
    assert len(queue.give_up(mono(0), 1)) == 1
    assert queue.next_at(mono(0)) == mono(0)


def test_behind_a_channel_that_is_only_slow_nothing_is_given_up_untried() -> None:
    queue = filled("slack", "slack")
    [delivery] = queue.start(mono(0))
    queue.done(delivery, SENT, at(HOUR))
    assert queue.give_up(mono(HOUR), 9) == []
    assert started(queue, HOUR) == ["slack"]


def test_a_full_queue_drops_the_new_one_and_counts_it() -> None:
    queue = a_queue(size=2)
    assert [queue.add(a_delivery(), at(0)) for _ in range(5)] == [True, True, False, False, False]
    assert (len(queue), queue.dropped) == (2, 3)
    attempt(queue, SENT)
    assert queue.add(a_delivery(), at(0))


def test_a_former_life_is_gone_on_with_in_order_and_has_its_whole_budget_again() -> None:
    former = filled("slack", "slack:#dev")
    attempt(former, AGAIN)
    queue = a_queue()
    queue.restore(list(former), at(HOUR))
    assert isinstance(attempt(queue, AGAIN, HOUR), Delivery)
    assert attempt(queue, SENT, HOUR + 10 * SECOND) == move_to_sent(next(iter(former)))
    assert started(queue, HOUR + 10 * SECOND) == ["slack:#dev"]


def move_to_sent(delivery: Delivery) -> Delivery:
    return replace(delivery, state=DeliveryState.SENT, attempts=3, due_at=None)


def test_one_that_waited_in_a_former_life_waits_for_the_rest_of_its_time() -> None:
    waiting = attempt(filled("slack"), Outcome(Verdict.AGAIN, "429", 30 * SECOND))
    assert isinstance(waiting, Delivery)
    queue = a_queue()
    queue.restore([waiting], at(10 * SECOND))
    assert queue.next_at(mono(10 * SECOND)) == mono(30 * SECOND)


def test_a_clock_that_was_wrong_keeps_nothing_waiting_for_ever() -> None:
    waiting = attempt(filled("slack"), Outcome(Verdict.AGAIN, "429", 30 * SECOND))
    assert isinstance(waiting, Delivery)
    queue = a_queue()
    queue.restore([waiting], Now(Wall(WALL - 24 * HOUR), MONO))
    wake = queue.next_at(MONO)
    assert wake is not None
    assert wake <= mono(5 * MINUTE)


def test_what_waits_for_others_wakes_nobody() -> None:
    queue = filled("a", "b", "c", "d", "e")
    queue.start(mono(0))
    assert queue.next_at(mono(0)) is None
