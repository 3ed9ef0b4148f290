"""A run in its .meta file: everything comes back, and nothing that was not put there gets in."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given

from runwisp.clock import Wall
from runwisp.ids import spelled
from runwisp.logcap import LogTotals
from runwisp.run import Phase, Run, Trigger, with_totals
from runwisp.runmeta import FIELDS, NUMBERS, TEXTS, TOTALS, WORDS, meta_of, run_of
from runwisp.task import Kind
from tests.unit.anyrun import runs

A_RUN = Run(
    id=spelled(1),
    task_name="backup",
    kind=Kind.TASK,
    phase=Phase.RUNNING,
    triggered_by=Trigger.CRON,
    created_at=Wall(0),
    log_stem="19700101_000000_0001",
)


@given(runs())
def test_every_run_comes_back_from_json_with_the_totals_of_the_pump(run: Run) -> None:
    totals = {name: getattr(run, name) for name in TOTALS}
    assert run_of(json.loads(json.dumps(meta_of(run))), totals) == run


@given(runs())
def test_what_the_pump_counts_is_not_told_twice(run: Run) -> None:
    assert not set(meta_of(run)) & set(TOTALS)


def test_totals_that_are_not_there_yet_count_nothing() -> None:
    assert run_of(meta_of(A_RUN), {}) == with_totals(A_RUN, LogTotals())


def test_every_field_of_a_run_has_a_kind_of_value() -> None:
    assert set(FIELDS) >= {*WORDS, *TEXTS, *NUMBERS, *TOTALS}
    words_of_run = {
        each.name for each in fields(Run) if any(word.__name__ in each.type for word in WORDS.values())
    }
    assert words_of_run == set(WORDS)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"id": "short"},
        {"id": 7},
        {"id": "I" * 26},
        {"phase": "asleep"},
        {"phase": "ended"},
        {"end_reason": "success"},
        {"kind": None},
        {"created_at": "yesterday"},
        {"created_at": 1.5},
        {"created_at": True},
        {"created_at": 2**48},
        {"retry_of_run_id": "\ud800"},
        {"exit_code": None},
        {"cpu_seconds": "1"},
        {"message": ["a"]},
    ],
    ids=str,
)
def test_what_no_run_can_be_is_refused(spoiled: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        run_of({**meta_of(A_RUN), **spoiled}, {})


@pytest.mark.parametrize(
    "name", [each.name for each in fields(Run) if each.name in ("id", "task_name", "phase")]
)
def test_what_a_run_must_have_is_missed(name: str) -> None:
    meta = meta_of(A_RUN)
    del meta[name]
    with pytest.raises(ValueError, match=name):
        run_of(meta, {})


@pytest.mark.parametrize("count", [-1, 2**54, "1", None, 1.0, True])
def test_a_total_that_is_no_count_is_refused(count: object) -> None:
    with pytest.raises(ValueError, match="not a count"):
        run_of(meta_of(A_RUN), {"log_lines": count})


def test_keys_that_another_version_added_are_passed_over() -> None:
    assert run_of({**meta_of(A_RUN), "colour": "blue"}, {"rotations": 3}) == A_RUN
