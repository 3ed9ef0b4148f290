"""A run: its phases, its end reasons and what each means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runwisp.clock import Wall
from runwisp.errors import IllegalMove
from runwisp.event import SEVERITIES, EventKind, Severity
from runwisp.run import (
    MEANINGS,
    MOVES,
    EndReason,
    Phase,
    Run,
    Trigger,
    WaitsFor,
    drafted,
    ended,
    log_stem,
    started,
)
from runwisp.task import Kind
from tests.unit.history import NEW_YEAR, a_service, a_task

ULID = "01KDVDNA00ABCDEFGHJKMNPQRS"


def a_draft() -> Run:
    return drafted(ULID, a_task(), Trigger.CRON, NEW_YEAR)


def test_every_end_reason_means_what_the_table_of_the_guide_says() -> None:
    """Reason: retried, listed as failed, event."""
    table = {str(reason): (m.is_retried, m.is_failed, m.event) for reason, m in MEANINGS.items()}
    assert table == {
        "success": (False, False, "run.succeeded"),
        "failed": (True, True, "run.failed"),
        "timeout": (True, True, "run.timeout"),
        "log_overflow": (True, True, "run.failed"),
        "stopped": (False, False, "run.stopped"),
        "daemon_stopped": (False, False, "run.stopped"),
        "crashed": (True, True, "run.crashed"),
        "skipped": (False, True, "run.skipped"),
        "queue_full": (False, True, "run.skipped"),
        "dst_skipped": (False, False, None),
        "missed": (False, True, "run.missed"),
    }


def test_every_event_is_as_grave_as_the_guide_says() -> None:
    errors = {kind for kind, severity in SEVERITIES.items() if severity is Severity.ERROR}
    infos = {kind for kind, severity in SEVERITIES.items() if severity is Severity.INFO}
    assert errors == {EventKind.RUN_FAILED, EventKind.RUN_TIMEOUT, EventKind.RUN_CRASHED}
    assert infos == {"run.started", "run.succeeded", "daemon.started", "daemon.stopped", "notify.test"}
    assert set(SEVERITIES) == set(EventKind)
    assert set(MEANINGS) == set(EndReason)


def test_a_draft_waits_for_nothing_and_is_named_after_its_task_and_moment() -> None:
    run = a_draft()
    assert (run.phase, run.waits_for, run.kind, run.exit_code) == (Phase.PENDING, None, Kind.TASK, -1)
    assert run.log_stem == "20260101_000000_PQRS"
    assert drafted(ULID, a_service(), Trigger.SERVICE, NEW_YEAR).kind is Kind.SERVICE
    assert log_stem(ULID, NEW_YEAR, letters=6) == "20260101_000000_MNPQRS"


def test_a_run_that_started_waits_for_nothing_any_more() -> None:
    waiting = _with(a_draft(), WaitsFor.RETRY)
    run = started(waiting, Wall(NEW_YEAR + 5))
    assert (run.phase, run.start_at, run.waits_for, run.due_at) == (Phase.RUNNING, NEW_YEAR + 5, None, None)


def test_a_run_that_ended_knows_why_and_waits_for_nothing() -> None:
    run = ended(_with(a_draft(), WaitsFor.QUEUE), EndReason.STOPPED, -1, "by hand", Wall(NEW_YEAR + 9))
    assert (run.phase, run.end_reason, run.exit_code, run.message) == (Phase.ENDED, "stopped", -1, "by hand")
    assert (run.end_at, run.waits_for, run.due_at) == (NEW_YEAR + 9, None, None)
    assert run.meaning is MEANINGS[EndReason.STOPPED]


def _with(run: Run, waits_for: WaitsFor) -> Run:
    return replace(run, waits_for=waits_for, due_at=NEW_YEAR)


def _start(run: Run) -> Run:
    return started(run, NEW_YEAR)


def _end(run: Run) -> Run:
    return ended(run, EndReason.SUCCESS, 0, "", NEW_YEAR)


@pytest.mark.parametrize(
    ("run", "move"),
    [
        (_start(a_draft()), _start),
        (_end(a_draft()), _start),
        (_end(a_draft()), _end),
        (_end(_start(a_draft())), _end),
    ],
)
def test_an_illegal_move_raises(run: Run, move: Callable[[Run], Run]) -> None:
    with pytest.raises(IllegalMove):
        move(run)


def test_every_phase_has_its_moves_and_the_end_has_none() -> None:
    assert set(MOVES) == set(Phase)
    assert not MOVES[Phase.ENDED]
