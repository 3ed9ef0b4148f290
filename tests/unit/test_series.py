"""What repeats itself is told the first time, every so often, and once more when its window closes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND, Wall
from runwisp.delivery import Delivery
from runwisp.event import Event, EventKind
from runwisp.ids import UlidMaker
from runwisp.notifier import NotifySettings
from runwisp.run import EndReason, Phase, Run, Trigger
from runwisp.series import Coalescing, Series
from runwisp.task import Kind

T0 = Wall(1_700_000_000_000)
RUN = Run(
    id="01HF7YAT000000000000000000",
    task_name="backup",
    kind=Kind.TASK,
    phase=Phase.ENDED,
    triggered_by=Trigger.CRON,
    created_at=T0,
    log_stem="x",
    end_reason=EndReason.FAILED,
)
Told = list[Delivery | Series]


def coalescing(*former: Series, **settings: object) -> Coalescing:
    return Coalescing(NotifySettings(**settings), UlidMaker(bytes), former)  # type: ignore[arg-type]


def failed(
    with_: Coalescing,
    at: int = 0,
    address: str = "slack",
    run: Run = RUN,
    kind: EventKind = EventKind.RUN_FAILED,
) -> Told:
    return with_.happened(address, Event(kind, Wall(T0 + at), "failed", run.task_name, run.id), run)


def deliveries(told: Told) -> list[Delivery]:
    return [each for each in told if isinstance(each, Delivery)]


def series(told: Told) -> list[Series]:
    return [each for each in told if isinstance(each, Series)]


def test_two_minutes_of_failures_every_second_are_the_first_every_tenth_and_a_summary() -> None:
    outbound = coalescing()
    told = [each for second in range(120) for each in deliveries(failed(outbound, second * SECOND))]
    assert [each.count for each in told] == [1, *range(10, 121, 10)]
    assert [each.since for each in told] == [None, *[T0] * 12]
    assert not any(each.is_summary for each in told)
    assert outbound.close_old(Wall(T0 + HOUR - 1)) == []
    [summary] = deliveries(closed := outbound.close_old(Wall(T0 + HOUR)))
    assert (summary.count, summary.since, summary.is_summary) == (120, T0, True)
    assert summary.event.at == T0 + 119 * SECOND
    assert [each.is_over for each in series(closed)] == [True]
    assert outbound.next_at() is None


def test_every_delivery_has_an_id_of_its_own() -> None:
    outbound = coalescing(occurrence_ring=1)
    assert len({each.id for _ in range(5) for each in deliveries(failed(outbound))}) == 5


def test_what_happened_once_has_no_summary() -> None:
    outbound = coalescing()
    failed(outbound)
    assert deliveries(outbound.close_old(Wall(T0 + HOUR))) == []


def test_after_the_window_it_is_told_at_once_again_and_the_summary_comes_before() -> None:
    outbound = coalescing()
    failed(outbound)
    failed(outbound, MINUTE)
    told = failed(outbound, HOUR)
    assert [(each.count, each.is_summary) for each in deliveries(told)] == [(2, True), (1, False)]
    assert [(each.is_over, each.count) for each in series(told)] == [(True, 2), (False, 1)]
    assert outbound.next_at() == T0 + 2 * HOUR


def test_each_address_task_kind_and_end_reason_is_a_series_of_its_own() -> None:
    outbound = coalescing()
    other = replace(RUN, task_name="mail")
    overflow = replace(RUN, end_reason=EndReason.LOG_OVERFLOW)
    timeout = failed(outbound, kind=EventKind.RUN_TIMEOUT)
    told = [failed(outbound), failed(outbound, run=other), failed(outbound, run=overflow), timeout]
    told.append(failed(outbound, address="slack:#dev"))
    assert [[each.count for each in deliveries(each)] for each in told] == [[1]] * 5


def test_a_former_life_is_gone_on_with() -> None:
    first = coalescing()
    [former] = series([*failed(first), *failed(first)])[-1:]
    second = coalescing(former)
    assert deliveries(failed(second, MINUTE)) == []
    [summary] = deliveries(second.close_old(Wall(T0 + HOUR)))
    assert summary.count == 3


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    outbound = coalescing()
    [first] = deliveries(failed(outbound))
    failed(outbound, SECOND)
    [after] = series(outbound.failed(first))
    assert (after.told, after.count) == (0, 2)
    [next_one] = deliveries(failed(outbound, 2 * SECOND))
    assert next_one.count == 3
    assert deliveries(failed(outbound, 3 * SECOND)) == []


def test_a_summary_that_could_not_be_told_does_not_count_against_what_came_after() -> None:
    outbound = coalescing()
    failed(outbound)
    failed(outbound)
    [summary, _] = deliveries(failed(outbound, HOUR))
    assert outbound.failed(summary) == []


@pytest.mark.parametrize("settings", [{"coalesce_outbound": False}, {"coalesce_window": 0}])
def test_switched_off_everything_is_told(settings: dict[str, object]) -> None:
    outbound = coalescing(**settings)
    told = [each for _ in range(3) for each in failed(outbound)]
    assert [each.count for each in deliveries(told)] == [1, 1, 1]
    assert series(told) == []


def test_switched_off_a_former_series_is_closed() -> None:
    former = Series(
        address="slack", opened_at=T0, event=Event(EventKind.RUN_FAILED, T0, ""), run=RUN, count=7
    )
    [summary] = deliveries(coalescing(former, coalesce_outbound=False).close_old(Wall(T0 + 1)))
    assert summary.count == 7


def test_failed_deliveries_are_never_coalesced() -> None:
    outbound = coalescing()
    told = [failed(outbound, kind=EventKind.NOTIFY_DELIVERY_FAILED) for _ in range(3)]
    assert [len(deliveries(each)) for each in told] == [1, 1, 1]
    assert not [each for each in told if series(each)]


def test_a_clock_set_back_does_not_keep_a_window_open_for_ever() -> None:
    outbound = coalescing()
    failed(outbound, 10 * HOUR)
    told = failed(outbound)
    assert [each.count for each in deliveries(told)] == [1]
