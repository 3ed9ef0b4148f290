"""The soak: as short as can be, and for five minutes where tests may take long; an hour is ``make soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.recording import Seen
from tests.integration.running import House
from tests.soak.soak import Size, Soak
from tests.soak.trend import Trend, climb

SHORT = Size(4, tasks=4, services=4, listeners=4, kill_every=1)
LONG = Size(300)


@pytest.mark.fault("load", "a soak")
@pytest.mark.parametrize("size", [SHORT, pytest.param(LONG, marks=pytest.mark.faults)], ids=["short", "long"])
def test_a_long_life_under_load_loses_nothing_and_stays_as_small_as_it_was(
    tmp_path: Path, size: Size, seen: Seen
) -> None:
    with House(tmp_path) as house:
        soak = Soak(house, size)
        soak.run()
    grown = "; ".join(
        f"{trend.name} {trend.samples[-1][1]:.1f} {trend.unit}".strip() + f" ({trend.climb:+.2f})"
        for trend in soak.trends.values()
    )
    counted = ", ".join(f"{name}: {count:,.0f}" for name, count in soak.counted.items())
    seen(f"{size.seconds:.0f} s; {counted}; at the end, and how much it climbed in the last third: {grown}")
    climbs = {f"{trend.name} climbs" for trend in soak.trends.values()}
    if size is SHORT:  # in seconds everything still warms up
        soak.found = [each for each in soak.found if each not in climbs]
    assert not soak.found
    assert soak.counted["runs"] and soak.counted["lines followed"]
    assert soak.killed["pump"] + soak.killed["web"]


def test_what_climbs_is_told_from_what_comes_and_goes() -> None:
    assert climb([(0, 1), (1, 2), (2, 3)]) == pytest.approx(2)
    assert climb([]) == climb([(0, 5)]) == 0
    leaking = Trend("x", "", allowed=2)
    busy = Trend("x", "", allowed=2)
    for at in range(400):
        leaking.add(at, 100 + at / 20 + at % 7)
        busy.add(at, 100 + at % 7)
    assert not leaking.is_flat
    assert leaking.climb == pytest.approx(6.3, abs=0.7)
    assert busy.is_flat
