"""The ticker: what is due, what was missed, and what becomes of it when the clock is set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import DAY, HOUR, MINUTE, SECOND, Millis, Mono, Now, Wall, wall_of
from runwisp.daemon.ticker import Ticker
from runwisp.firing import Anchored, ClockStepped, Firing, Mark, Missed, Ticked
from runwisp.task import CatchUp, Task

BOOTED = Mono(5_000_000)


def wall(text: str) -> Wall:
    found = datetime.fromisoformat(text)
    return wall_of(found if found.tzinfo else found.replace(tzinfo=UTC))


def task(
    name: str,
    expression: str | None = "* * * * *",
    catch_up: CatchUp = CatchUp.LATEST,
    max_catch_up_runs: int = 100,
    timezone: str = "UTC",
) -> Task:
    return Task(
        name=name,
        run="true",
        working_dir="/",
        cron=expression,
        catch_up=catch_up,
        max_catch_up_runs=max_catch_up_runs,
        timezone=timezone,
    )


@dataclass
class Daemon:
    """Stands in for the loop: keeps both clocks, saves every mark, and calls the ticker when it asks."""

    tasks: Iterable[Task]
    wall: Wall
    marks: dict[str, Mark] = field(default_factory=dict)
    mono: Mono = BOOTED
    wakes: int = 0

    def __post_init__(self) -> None:
        self.ticker = Ticker(self.tasks, dict(self.marks))

    @property
    def now(self) -> Now:
        return Now(self.wall, self.mono)

    def start(self) -> list[Ticked]:
        return self.saved(self.ticker.start(self.now))

    def due(self) -> list[Ticked]:
        return self.saved(self.ticker.due(self.now))

    def run(self, length: Millis) -> list[Ticked]:
        """Let time pass, called as it asks to be."""
        end = self.mono + length
        found: list[Ticked] = []
        while (at := self.ticker.next_at(self.now)) is not None and at <= end:
            self.pass_by(at - self.mono)
            self.wakes += 1
            found += self.due()
        self.pass_by(end - self.mono)
        return found

    def pass_by(self, length: Millis) -> None:
        self.wall = Wall(self.wall + length)
        self.mono = Mono(self.mono + length)

    def step(self, length: Millis) -> None:
        """Somebody sets the clock."""
        self.wall = Wall(self.wall + length)

    def after_downtime(self, length: Millis) -> Daemon:
        """The next life of the daemon, on a machine that was booted again."""
        return Daemon(self.tasks, Wall(self.wall + length), self.marks, Mono(7))

    def saved(self, ticked: list[Ticked]) -> list[Ticked]:
        for each in ticked:
            if not isinstance(each, ClockStepped):
                self.marks[each.mark.task_name] = each.mark
        return ticked


def started(tasks: Iterable[Task], at: str, marks: Mapping[str, Mark] | None = None) -> Daemon:
    daemon = Daemon(tuple(tasks), wall(at), dict(marks or {}))
    daemon.start()
    return daemon


def told(ticked: Iterable[Ticked]) -> list[str]:
    """One short word for each, as a person would tell it."""
    words = []
    for each in ticked:
        match each:
            case Firing():
                words.append(f"{each.mark.task_name} {clock(each.scheduled_for)} {each.cause}")
            case Missed():
                span = f"{clock(each.first)}-{clock(each.last)}"
                words.append(f"{each.mark.task_name} {each.count} missed {span}")
            case Anchored():
                words.append(f"{each.mark.task_name} anchored")
            case ClockStepped():
                words.append(f"stepped {each.step}")
    return words


def clock(at: Wall) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S").removesuffix(":00")


def test_a_new_schedule_is_anchored_and_fires_nothing_at_once() -> None:
    daemon = Daemon([task("a", "@daily")], wall("2025-01-01T10:00"))
    assert told(daemon.start()) == ["a anchored"]
    assert daemon.marks["a"] == Mark("a", "@daily UTC", wall("2025-01-01T10:00"))


def test_a_tick_fires_on_time_and_moves_the_mark() -> None:
    daemon = started([task("a", "0 11 * * *")], "2025-01-01T10:00")
    assert told(daemon.run(2 * HOUR)) == ["a 11:00 on_time"]
    assert daemon.marks["a"].last_fired_at == wall("2025-01-01T11:00")


def test_tasks_of_one_minute_fire_in_the_order_of_the_file() -> None:
    daemon = started([task(name) for name in "qwerty"], "2025-01-01T10:00:30")
    assert [word[0] for word in told(daemon.run(MINUTE))] == list("qwerty")


def test_it_is_called_at_the_tick_and_not_later() -> None:
    daemon = started([task("a", "* * * * *")], "2025-01-01T10:00:59.300")
    assert daemon.ticker.next_at(daemon.now) == daemon.mono + 700
    daemon.pass_by(700)
    assert told(daemon.due()) == ["a 10:01 on_time"]


def test_a_call_too_early_gives_nothing_and_asks_to_be_called_again() -> None:
    daemon = started([task("a")], "2025-01-01T10:00:59.300")
    daemon.pass_by(699)
    assert daemon.due() == []
    assert daemon.ticker.next_at(daemon.now) == daemon.mono + 1


def test_it_sleeps_ten_seconds_at_a_time_and_for_ever_without_a_schedule() -> None:
    daemon = started([task("a", "@yearly"), task("by hand", None)], "2025-01-01T10:00")
    daemon.run(HOUR)
    assert daemon.wakes == HOUR // (10 * SECOND)
    idle = started([task("by hand", None), task("never", "0 0 30 2 *")], "2025-01-01T10:00")
    assert idle.ticker.next_at(idle.now) is None
    assert idle.due() == []


def test_every_goes_on_from_its_last_firing_through_a_restart() -> None:
    daemon = started([task("a", "@every 7m")], "2025-01-01T10:00:03")
    assert told(daemon.run(8 * MINUTE)) == ["a 10:07:03 on_time"]
    again = daemon.after_downtime(MINUTE)
    assert told(again.start()) == []
    assert told(again.run(6 * MINUTE)) == ["a 10:14:03 on_time"]


def test_every_does_not_drift_when_called_late() -> None:
    daemon = started([task("a", "@every 1m")], "2025-01-01T10:00:03")
    daemon.pass_by(MINUTE + 400)
    assert told(daemon.due()) == ["a 10:01:03 on_time"]
    assert told(daemon.run(MINUTE)) == ["a 10:02:03 on_time"]


def test_latest_catches_up_once_and_counts_the_rest() -> None:
    daemon = started([task("a", "0 * * * *")], "2025-01-01T10:30").after_downtime(5 * HOUR)
    assert told(daemon.start()) == ["a 4 missed 11:00-14:00", "a 15:00 catch_up"]
    assert daemon.marks["a"].last_fired_at == wall("2025-01-01T15:00")
    assert told(daemon.run(HOUR)) == ["a 16:00 on_time"]


def test_latest_has_nothing_to_count_when_one_was_missed() -> None:
    daemon = started([task("a", "@daily")], "2025-01-01T10:30").after_downtime(DAY)
    assert told(daemon.start()) == ["a 00:00 catch_up"]


def test_all_catches_up_the_newest_up_to_its_bound() -> None:
    tasks = [task("a", "0 * * * *", CatchUp.ALL, 3)]
    daemon = started(tasks, "2025-01-01T10:30").after_downtime(5 * HOUR)
    assert told(daemon.start()) == [
        "a 2 missed 11:00-12:00",
        "a 13:00 catch_up",
        "a 14:00 catch_up",
        "a 15:00 catch_up",
    ]


def test_skip_catches_up_nothing_but_counts() -> None:
    daemon = started([task("a", "0 * * * *", CatchUp.SKIP)], "2025-01-01T10:30").after_downtime(5 * HOUR)
    assert told(daemon.start()) == ["a 5 missed 11:00-15:00"]
    assert daemon.marks["a"].last_fired_at == wall("2025-01-01T15:00")


def test_a_downtime_without_a_firing_leaves_no_trace() -> None:
    for policy in CatchUp:
        daemon = started([task("a", "0 20 * * *", policy)], "2025-01-01T10:30").after_downtime(5 * HOUR)
        assert daemon.start() == []


def test_what_is_caught_up_goes_by_time_and_then_by_the_file() -> None:
    tasks = [task("z", "*/30 * * * *", CatchUp.ALL), task("a", "0 * * * *", CatchUp.ALL)]
    daemon = started(tasks, "2025-01-01T10:10").after_downtime(2 * HOUR)
    assert told(daemon.start()) == [
        "z 10:30 catch_up",
        "z 11:00 catch_up",
        "a 11:00 catch_up",
        "z 11:30 catch_up",
        "z 12:00 catch_up",
        "a 12:00 catch_up",
    ]


def test_every_mark_of_a_catch_up_lets_the_next_life_go_on_right_there() -> None:
    """A daemon that dies half way through its catch-up neither repeats nor loses what is left."""
    tasks = (task("a", "0 * * * *", CatchUp.ALL, 3),)
    first = started(tasks, "2025-01-01T10:30").after_downtime(5 * HOUR)
    ticked = first.start()
    for done in range(1, len(ticked)):
        mark = ticked[done - 1]
        assert isinstance(mark, Missed | Firing)
        again = Daemon(tasks, first.wall, {"a": mark.mark})
        assert told(again.start()) == told(ticked[done:])


def test_ten_years_of_downtime_stay_bounded() -> None:
    daemon = started([task("a", "* * * * *", CatchUp.ALL)], "2015-01-01T00:00:30").after_downtime(3653 * DAY)
    ticked = daemon.start()
    assert isinstance(ticked[0], Missed)
    assert ticked[0].count == 3653 * 24 * 60 - 100
    assert len(ticked) == 101


def test_an_edited_schedule_is_anchored_anew_and_never_floods() -> None:
    daemon = started([task("a", "0 0 * * *")], "2025-01-01T10:00")
    daemon.run(3 * DAY)
    edited = Daemon([task("a", "* * * * *", CatchUp.ALL)], Wall(daemon.wall + DAY), daemon.marks)
    assert told(edited.start()) == ["a anchored"]
    moved = Daemon([task("a", "0 0 * * *", timezone="Asia/Tokyo")], Wall(daemon.wall + DAY), daemon.marks)
    assert told(moved.start()) == ["a anchored"]


def test_other_spacing_and_for_every_another_zone_are_no_edit() -> None:
    daemon = started([task("a", "0  0 * * *"), task("b", "@every 1h")], "2025-01-01T10:00")
    tasks = [task("a", " 0 0 *\t* *"), task("b", "@every 1h", timezone="Asia/Tokyo")]
    assert Daemon(tasks, daemon.wall, daemon.marks).start() == []


def test_an_anchor_later_than_the_last_firing_counts() -> None:
    mark = Mark("a", "0 * * * * UTC", wall("2025-01-01T14:10"), wall("2025-01-01T10:00"))
    daemon = Daemon([task("a", "0 * * * *", CatchUp.ALL)], wall("2025-01-01T15:10"), {"a": mark})
    assert told(daemon.start()) == ["a 15:00 catch_up"]


def test_the_second_pass_of_an_autumn_night_is_recorded_as_skipped() -> None:
    daemon = started([task("a", "30 2 * * *", timezone="Europe/Berlin")], "2025-10-25T22:00")
    assert told(daemon.run(4 * HOUR)) == ["a 00:30 on_time", "a 01:30 dst_skipped"]
    assert daemon.marks["a"].last_fired_at == wall("2025-10-26T01:30")


def test_a_skipped_second_pass_during_a_downtime_is_not_made_up_for() -> None:
    for policy in CatchUp:
        tasks = [task("a", "30 2 * * *", policy, timezone="Europe/Berlin")]
        daemon = started(tasks, "2025-10-26T00:00")
        daemon.run(HOUR)
        again = daemon.after_downtime(HOUR)
        assert again.start() == []
        assert again.run(12 * HOUR) == []


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@pytest.mark.parametrize("step", [SECOND, 30 * SECOND, MINUTE])
def test_a_clock_set_forward_by_up_to_a_minute_fires_what_is_due(step: Millis) -> None:
    daemon = started([task("a", "1 10 * * *", CatchUp.SKIP)], "2025-01-01T10:00:59.500")
    daemon.step(step)
    assert told(daemon.run(10 * SECOND)) == ["a 10:01 on_time"]


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CatchUp.LATEST, ["a 9 missed 10:01-10:09", "a 10:10 catch_up"]),
        (CatchUp.ALL, [f"a 10:{minute:02} catch_up" for minute in range(1, 11)]),
        (CatchUp.SKIP, ["a 10 missed 10:01-10:10"]),
    ],
)
def test_a_clock_set_forward_by_more_is_handled_as_a_downtime(policy: CatchUp, expected: list[str]) -> None:
    daemon = started([task("a", "* * * * *", policy)], "2025-01-01T10:00:05")
    daemon.step(10 * MINUTE)
    assert told(daemon.run(10 * SECOND)) == expected
    assert told(daemon.run(MINUTE)) == ["a 10:11 on_time"]


@pytest.mark.fault("daemon", "suspend")
def test_being_suspended_is_as_a_clock_set_forward() -> None:
    daemon = started([task("a", "0 * * * *")], "2025-01-01T10:30")
    daemon.step(5 * HOUR)
    assert told(daemon.due()) == ["a 4 missed 11:00-14:00", "a 15:00 catch_up"]


def test_being_stopped_for_long_is_as_a_clock_set_forward() -> None:
    """SIGSTOP, or a machine that stalls: both clocks go on, nobody looks."""
    daemon = started([task("a", "* * * * *", CatchUp.SKIP)], "2025-01-01T10:00:30")
    daemon.pass_by(10 * MINUTE)
    assert told(daemon.due()) == ["a 10 missed 10:01-10:10"]


def test_being_called_a_little_late_is_no_downtime() -> None:
    daemon = started([task("a", "* * * * *", CatchUp.SKIP)], "2025-01-01T10:00:55")
    daemon.pass_by(MINUTE + 9 * SECOND)
    assert told(daemon.due()) == ["a 10:01 on_time", "a 10:02 on_time"]


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@pytest.mark.parametrize("step", [SECOND, 10 * MINUTE, HOUR, 3 * HOUR])
def test_a_clock_set_back_by_up_to_three_hours_fires_nothing_twice(step: Millis) -> None:
    daemon = started([task("a"), task("b", "@every 30s")], "2025-01-01T10:00:20")
    before = told(daemon.run(2 * MINUTE))
    daemon.step(-step)
    after = told(daemon.run(step + 2 * MINUTE))
    assert before == [
        *("b 10:00:50 on_time", "a 10:01 on_time", "b 10:01:20 on_time"),
        *("b 10:01:50 on_time", "a 10:02 on_time", "b 10:02:20 on_time"),
    ]
    assert after == [
        *("b 10:02:50 on_time", "a 10:03 on_time", "b 10:03:20 on_time"),
        *("b 10:03:50 on_time", "a 10:04 on_time", "b 10:04:20 on_time"),
    ]


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
def test_a_clock_set_back_by_more_anchors_everything_anew() -> None:
    daemon = started([task("a"), task("b", "@every 30s")], "2025-01-01T10:00:20")
    daemon.run(2 * MINUTE)
    daemon.step(-5 * HOUR)
    ticked = daemon.run(10 * SECOND)
    assert told(ticked) == [f"stepped {-5 * HOUR}", "a anchored", "b anchored"]
    assert daemon.marks["a"].anchored_at == daemon.wall
    assert told(daemon.run(MINUTE)) == ["a 05:03 on_time", "b 05:03 on_time", "b 05:03:30 on_time"]


def test_a_clock_set_back_step_by_step_adds_up() -> None:
    daemon = started([task("a", "@hourly")], "2025-01-01T10:00:20")
    daemon.step(-2 * HOUR)
    assert daemon.run(10 * SECOND) == []
    daemon.step(-2 * HOUR)
    assert told(daemon.run(10 * SECOND))[1:] == ["a anchored"]


def test_a_clock_set_back_while_the_daemon_was_down_counts_the_same() -> None:
    for step, expected in ((-2 * HOUR, 0), (-5 * HOUR, 2)):
        daemon = started([task("a", "@hourly")], "2025-01-01T09:30")
        daemon.run(HOUR)
        again = daemon.after_downtime(step)
        assert len(again.start()) == expected
        fired = told(again.run(4 * HOUR))
        assert fired[0] == ("a 11:00 on_time" if expected == 0 else "a 06:00 on_time")


def test_a_clock_set_there_and_back_changes_nothing() -> None:
    daemon = started([task("a", "@hourly")], "2025-01-01T09:30")
    daemon.run(MINUTE)
    daemon.step(-HOUR)
    assert daemon.run(10 * SECOND) == []
    daemon.step(HOUR)
    assert daemon.run(10 * SECOND) == []
    assert told(daemon.run(HOUR)) == ["a 10:00 on_time"]


steps = st.lists(
    st.tuples(
        st.integers(1, 40 * MINUTE), st.sampled_from([0, 0, SECOND, -SECOND, 10 * MINUTE, -10 * MINUTE, HOUR])
    ),
    max_size=12,
)


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@given(
    steps,
    st.sampled_from(["* * * * *", "@every 70s", "*/7 9-11 * * *"]),
    st.sampled_from(CatchUp),
    st.booleans(),
)
def test_whatever_happens_to_the_clock_each_tick_is_accounted_for_once(
    passages: list[tuple[Millis, Millis]], expression: str, policy: CatchUp, is_restarted: bool
) -> None:
    """Fired or counted as missed, exactly once, and none ahead of its time."""
    daemon = started([task("a", expression, policy, 5)], "2025-01-01T10:00:20")
    anchor = daemon.wall
    ticks, reached = 0, anchor
    last = Wall(0)
    for length, step in passages:
        ticked = daemon.run(length)
        reached = max(reached, daemon.wall)
        daemon.step(step)
        ticked += daemon.due()
        if is_restarted:
            daemon = daemon.after_downtime(0)
            ticked += daemon.start()
        reached = max(reached, daemon.wall)
        for each in ticked:
            assert isinstance(each, Firing | Missed)
            first, final = (each.scheduled_for,) * 2 if isinstance(each, Firing) else (each.first, each.last)
            assert last < first <= final <= reached
            last = final
            ticks += 1 if isinstance(each, Firing) else each.count
    whole = Daemon(
        [task("a", expression, CatchUp.SKIP)], reached, {"a": Mark("a", daemon.marks["a"].schedule, anchor)}
    )
    missed = whole.start()
    assert ticks == sum(each.count for each in missed if isinstance(each, Missed))
