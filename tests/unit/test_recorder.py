"""While the history cannot be written the newest states wait, and are written when it can be again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest

from runwisp import recorder
from runwisp.clock import Wall
from runwisp.delivery import Delivery, DeliveryState
from runwisp.errors import HistoryError, HistoryMalformed, HistoryUnwritable, Obstacle
from runwisp.event import Event, EventKind, Severity
from runwisp.firing import Mark
from runwisp.history import History, Tiding
from runwisp.ids import spelled
from runwisp.notice import Notice
from runwisp.recorder import Recorder
from runwisp.run import Phase, Run, Trigger, drafted, started
from runwisp.series import Series
from runwisp.task import Task

TASK = Task(name="backup", run="true", working_dir="/")
FULL = HistoryUnwritable("database or disk is full", "Free space.", Obstacle.FULL)


class Ledger(History):
    """A history in memory that fails while ``trouble`` is set."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.saved_marks: dict[str, Mark] = {}
        self.notices: dict[str, Notice] = {}
        self.outbox: list[Delivery | Series] = []
        self.trouble: HistoryError | None = None
        self.saves = 0
        self.full_for = 0
        """How many times room has to be made until there is some."""

    def save(self, runs: Iterable[Run], marks: Iterable[Mark] = (), tidings: Collection[Tiding] = ()) -> None:
        self.saves += 1
        if self.full_for:
            raise FULL
        if self.trouble:
            raise self.trouble
        self.runs.update((run.id, run) for run in runs)
        self.saved_marks.update((mark.task_name, mark) for mark in marks)
        for tiding in tidings:
            if isinstance(tiding, Notice):
                self.notices[tiding.id] = tiding
            else:
                self.outbox.append(tiding)

    def make_room(self) -> None:
        if self.trouble:
            raise self.trouble
        self.full_for = max(0, self.full_for - 1)


def a_run(number: int) -> Run:
    return drafted(spelled(number), TASK, Trigger.CRON, Wall(number))


def a_notice(number: int) -> Notice:
    return Notice(
        id=spelled(number),
        task_name="backup",
        kind=EventKind.RUN_FAILED,
        severity=Severity.ERROR,
        title="backup failed",
        body="exit code 1",
        run_id=None,
        end_reason=None,
        count=1,
        times=(Wall(1),),
        created_at=Wall(1),
        updated_at=Wall(1),
    )


def a_mark(at: int) -> Mark:
    return Mark("backup", "0 3 * * *", Wall(0), Wall(at))


def test_what_can_be_written_is_durable_at_once() -> None:
    ledger = Ledger()
    recorder = Recorder(ledger)
    assert recorder.save([a_run(1)], [a_mark(5)])
    assert not recorder.is_degraded
    assert ledger.runs.keys() == {spelled(1)}
    assert ledger.saved_marks == {"backup": a_mark(5)}


def test_a_full_disk_on_which_room_can_be_made_refuses_nothing() -> None:
    ledger = Ledger()
    recorder = Recorder(ledger)
    ledger.full_for = 1
    assert recorder.save([a_run(1)])
    ledger.full_for = 2
    assert not recorder.save([a_run(2)])
    saves = ledger.saves
    assert recorder.retry()
    assert ledger.saves == saves + 1, "the first room is not the -wal's"
    assert ledger.runs.keys() == {spelled(1), spelled(2)}


def test_the_newest_state_of_each_run_and_mark_is_written_once_it_can_be() -> None:
    ledger = Ledger()
    recorder = Recorder(ledger)
    ledger.trouble = FULL
    assert not recorder.save([a_run(1)], [a_mark(1)])
    assert not recorder.save([started(a_run(1), Wall(2)), a_run(2)], [a_mark(2)])
    assert recorder.is_degraded
    assert recorder.reason == "database or disk is full"
    assert recorder.waiting == 2
    assert not recorder.retry()
    ledger.trouble = None
    assert recorder.retry()
    assert not recorder.is_degraded
    assert recorder.reason == ""
    assert [run.phase for run in ledger.runs.values()] == [Phase.RUNNING, Phase.PENDING]
    assert ledger.saved_marks["backup"] == a_mark(2)
    assert recorder.waiting == recorder.dropped == 0


def test_while_degraded_only_a_retry_tries() -> None:
    """A locked database takes a second to say no: not at every save."""
    ledger = Ledger()
    recorder = Recorder(ledger)
    ledger.trouble = FULL
    for number in range(5):
        recorder.save([a_run(number)], [])
    assert ledger.saves == 1


def test_a_save_beside_waiting_ones_keeps_their_order() -> None:
    """Written at once it would be overwritten by the older state of the same run later."""
    ledger = Ledger()
    recorder = Recorder(ledger)
    ledger.trouble = FULL
    recorder.save([a_run(1)], [])
    ledger.trouble = None
    assert not recorder.save([started(a_run(1), Wall(2))], [])
    assert recorder.retry()
    assert ledger.runs[spelled(1)].phase is Phase.RUNNING


def test_no_more_than_the_newest_wait_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 3)
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    for number in range(1, 4):
        keeper.save([a_run(number)], [])
    keeper.save([replace(a_run(1), message="again")], [])
    keeper.save([a_run(4)], [])
    assert keeper.dropped == 1
    ledger.trouble = None
    assert keeper.retry()
    assert list(ledger.runs) == [spelled(3), spelled(1), spelled(4)]


def test_a_long_queue_is_written_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "BATCH", 2)
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    keeper.save([a_run(number) for number in range(5)], [])
    ledger.trouble = None
    assert [keeper.retry(), keeper.is_degraded] == [False, True]
    assert [keeper.retry(), keeper.retry(), keeper.is_degraded] == [False, True, False]
    assert len(ledger.runs) == 5


def test_a_mark_is_written_with_the_last_part_so_that_it_never_speaks_for_a_row_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "BATCH", 2)
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    keeper.save([a_run(number) for number in range(4)], [a_mark(3)])
    ledger.trouble = None
    assert not keeper.retry()
    assert not ledger.saved_marks
    assert keeper.retry()
    assert ledger.saved_marks == {"backup": a_mark(3)}


def test_the_last_try_writes_all_that_waits_or_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "BATCH", 2)
    ledger = Ledger()
    keeper = Recorder(ledger)
    assert keeper.finish()
    ledger.trouble = FULL
    keeper.save([a_run(number) for number in range(5)], [a_mark(4)])
    assert not keeper.finish()
    assert keeper.waiting == 5
    ledger.trouble = None
    assert keeper.finish()
    assert (len(ledger.runs), ledger.saved_marks) == (5, {"backup": a_mark(4)})


def test_a_new_database_is_not_malformed_while_a_long_queue_is_written_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "BATCH", 2)
    bad, good = Ledger(), Ledger()
    keeper = Recorder(bad)
    bad.trouble = HistoryMalformed("malformed")
    keeper.save([a_run(number) for number in range(3)], [])
    keeper.go_on(good)
    assert not keeper.retry()
    assert keeper.is_degraded and not keeper.is_malformed


def test_a_malformed_database_needs_another_one_to_go_on() -> None:
    bad, good = Ledger(), Ledger()
    recorder = Recorder(bad)
    bad.trouble = HistoryMalformed("malformed")
    assert not recorder.save([a_run(1)], [a_mark(1)])
    assert recorder.is_malformed
    assert recorder.is_degraded
    recorder.go_on(good)
    assert recorder.retry()
    assert not recorder.is_malformed
    assert good.runs.keys() == {spelled(1)}
    assert recorder.save([a_run(2)], [])


def test_a_bug_is_not_taken_for_a_full_disk() -> None:
    ledger = Ledger()
    ledger.trouble = HistoryError("something else")
    with pytest.raises(HistoryError):
        Recorder(ledger).save([a_run(1)], [])


def test_notices_wait_with_the_rows_they_tell_of_and_only_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runwisp.recorder.MOST_NOTICES", 2)
    ledger = Ledger()
    recorder = Recorder(ledger)
    ledger.trouble = FULL
    for number in (1, 2, 3):
        recorder.save([a_run(number)], tidings=[a_notice(number)])
    assert not ledger.notices
    ledger.trouble = None
    assert recorder.retry()
    assert list(ledger.notices) == [spelled(2), spelled(3)]
    ledger.notices.clear()
    recorder.save([a_run(4)], tidings=[a_notice(4)])
    assert list(ledger.notices) == [spelled(4)]


# Messages on their way


def a_delivery(number: int, **rest: Any) -> Delivery:
    event = Event(EventKind.RUN_FAILED, Wall(1), "backup ended: failed", "backup")
    return Delivery(id=spelled(number), address="slack", event=event, **rest)


def the_series(count: int, *, is_over: bool = False) -> Series:
    event = a_delivery(0).event
    return Series(address="slack", opened_at=Wall(1), event=event, run=None, count=count, is_over=is_over)


def test_messages_wait_too_in_their_newest_state_and_are_written_with_the_first_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "BATCH", 1)
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    keeper.save([a_run(1), a_run(2)], tidings=[a_delivery(1), the_series(1)])
    waiting = a_delivery(1, state=DeliveryState.WAITING, attempts=1)
    keeper.save((), tidings=[waiting, the_series(2)])
    ledger.trouble = None
    assert not keeper.retry()
    assert ledger.outbox == [waiting, the_series(2)]
    assert keeper.retry()
    assert ledger.outbox == [waiting, the_series(2)]


def test_a_message_that_came_and_went_while_nothing_could_be_written_leaves_nothing() -> None:
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    before = a_delivery(1, state=DeliveryState.SENT, attempts=1)
    keeper.save((), tidings=[before, a_delivery(2)])
    assert keeper.unsent == 1
    keeper.save((), tidings=[a_delivery(2, state=DeliveryState.WAITING, attempts=1)])
    keeper.save((), tidings=[a_delivery(2, state=DeliveryState.SENT, attempts=2)])
    assert keeper.unsent == 0
    ledger.trouble = None
    assert keeper.retry()
    assert ledger.outbox == [before]


def test_a_series_that_is_over_gives_way_to_the_next_of_the_same() -> None:
    ledger = Ledger()
    keeper = Recorder(ledger)
    ledger.trouble = FULL
    keeper.save((), tidings=[the_series(9, is_over=True), the_series(1)])
    ledger.trouble = None
    assert keeper.retry()
    assert ledger.outbox == [the_series(1)]
