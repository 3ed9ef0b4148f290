"""What a turn saves, each run once."""

from __future__ import annotations

from dataclasses import replace

from runwisp.clock import Wall
from runwisp.daemon.effects import AmendRun, SaveRun, newest_runs
from runwisp.ids import spelled
from runwisp.run import Run, Trigger, drafted
from tests.unit.history import a_task


def a_run(number: int) -> Run:
    return drafted(spelled(number), a_task(), Trigger.CRON, Wall(number))


def test_the_newest_state_of_a_run_is_saved() -> None:
    run = a_run(1)
    newer = replace(run, log_lines=5)
    assert newest_runs([SaveRun(run), SaveRun(newer)]) == ({run.id: newer}, {})


def test_what_is_amended_in_the_turn_that_saves_it_is_saved_so() -> None:
    run, other = a_run(1), a_run(2)
    newer = replace(run, log_lines=5)
    saved, amended = newest_runs([SaveRun(run), AmendRun(newer), AmendRun(other)])
    assert (saved, amended) == ({run.id: newer}, {other.id: other})
