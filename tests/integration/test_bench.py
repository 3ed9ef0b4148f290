"""Every row of the bench runs, as small as it can be: one round of RunWisp and of the machine's own limit.

The peers are left out, as a test installs nothing; and so is punctuality, which waits for a minute to begin.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docutils.core import publish_doctree

from tests.bench import (
    asked,
    bringup,
    capture,
    crowd,
    followers,
    idle,
    million,
    page,
    restart,
    short_runs,
)
from tests.bench.figures import OURS, Result, Target, from_json, in_turns, to_json
from tests.bench.rows import Kept

ROWS: dict[str, Callable[[tuple[str, ...]], list[Result]]] = {
    "idle": lambda only: idle.measure(1, services=2, watch_for=0.1, only=only),
    "bringup": lambda only: bringup.measure(1, services=3, only=only),
    "restart": lambda only: restart.measure(1, kills=1, only=only),
    "capture": lambda only: capture.measure(1, size=1_000_000, only=only),
    "crowd": lambda only: crowd.measure(1, count=2, size=3_000_000, only=only),
    "short_runs": lambda only: short_runs.measure(1, count=20, width=5, only=only),
    "followers": lambda only: followers.measure(1, count=2, seconds=0.2, only=only),
    "asked": lambda only: asked.measure(1, services=2, seconds=0.1, only=only),
    "million": lambda only: million.measure(1, count=200, asked=2, only=only),
}
RESULT = Result(
    "a row", "s", "limit", Target(2, is_most=True), {OURS: [3.0, 1.0, 4.0], "limit": [2.0, 1.0, 1.0]}
)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_gives_a_figure_of_every_contender(name: str) -> None:
    for result in ROWS[name]((OURS, LIMITS[name])):
        assert {*result.figures} == {OURS, LIMITS[name]}
        assert all(len(figures) == 1 for figures in result.figures.values())
        assert result.limit in result.figures


LIMITS = {
    "idle": idle.LIMIT,
    "bringup": bringup.LIMIT,
    "restart": restart.LIMIT,
    "capture": capture.LIMIT,
    "crowd": crowd.LIMIT,
    "short_runs": short_runs.LIMIT,
    "followers": followers.LIMIT,
    "asked": asked.LIMIT,
    "million": million.LIMIT,
}


def test_a_ratio_is_taken_round_by_round() -> None:
    ratios = RESULT.ratios(OURS)
    assert ratios
    assert (ratios.least, ratios.middle, ratios.most) == (1.0, 1.5, 4.0)
    assert RESULT.target
    assert RESULT.target.is_met(1.5)
    assert not RESULT.target.is_met(4.0)


def test_contenders_take_turns_and_begin_in_turn() -> None:
    order: list[str] = []

    def measured(name: str) -> dict[str, float]:
        order.append(name)
        return {"what": float(len(order))}

    found = in_turns({"a": lambda: measured("a"), "b": lambda: measured("b")}, 2)
    assert order == ["a", "b", "b", "a"]
    assert found == {"what": {"a": [1.0, 4.0], "b": [2.0, 3.0]}}


def test_the_page_is_valid_and_says_which_target_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_version", lambda _: "1.0")
    text = page.page([Kept(at=0.0, load=0.5, results=[RESULT])])
    assert publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2})
    assert "a row  <= 2 x  1.5 x     met" in text


def test_what_was_found_is_read_back_as_it_was() -> None:
    assert from_json(to_json(RESULT)) == RESULT
