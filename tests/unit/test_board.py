"""What web tells of tasks is what the daemon said last, and the history is read only when it changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from runwisp.clock import Wall
from runwisp.errors import HistoryMalformed, UnknownTask
from runwisp.historyreader import Glance, HistoryReader, Lately
from runwisp.paths import DataDir
from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor, drafted, ended, started
from runwisp.runmeta import row_of
from runwisp.task import AnyTask, Service, Task
from runwisp.web.board import Board
from runwisp.webwire import (
    Briefing,
    Deliveries,
    Health,
    HealthChanged,
    HistoryRenewed,
    Processes,
    RunSaved,
    RunsDeleted,
    TaskChanged,
    ToWeb,
)

BACKUP = Task(name="backup", run="true", working_dir="/", cron="0 3 * * *", env={"A": "[redacted]"})
PROXY = Service(name="proxy", run="true", working_dir="/", instances=3)
T0 = Wall(1_700_000_000_000)


class Remembered(HistoryReader):
    """A history that is asked nothing but this, and counts how often."""

    def __init__(self) -> None:
        super().__init__(DataDir("/nowhere"))
        self.asked: list[str] = []
        self.renewals = 0
        self.told = Lately(None, (), None, None)
        self.error: Exception | None = None

    def lately(self, task_name: str) -> Lately:
        self.asked.append(task_name)
        if self.error:
            raise self.error
        return self.told

    def renew(self) -> None:
        self.renewals += 1


def told(definition: AnyTask) -> dict[str, Any]:
    """As the daemon tells it."""
    names = [*definition.__dataclass_fields__]
    values = {name: getattr(definition, name) for name in names if name != "kind"}
    spelled = {"exit_codes": sorted(definition.exit_codes), "stop_signal": definition.stop_signal.name}
    found: dict[str, Any] = json.loads(json.dumps(values | spelled | {"kind": definition.kind}))
    return found


def a_briefing(*definitions: AnyTask, unfinished: Iterable[Run] = ()) -> Briefing:
    return Briefing(
        data_dir="/data",
        fingerprint="f",
        host="127.0.0.1",
        port=1,
        started_at=T0,
        started_mono=0,
        config_path="/runwisp.toml",
        config_digest="",
        config_loaded_at=T0,
        timezone="UTC",
        timezone_source="config",
        external_url=None,
        token_secret="",
        revoked_tokens=(),
        trusted_proxies=(),
        definitions=tuple(map(told, definitions)),
        tasks=tuple((each.name, None, False) for each in definitions),
        unfinished=tuple(map(row_of, unfinished)),
        processes=(("daemon", 1), ("web", 2)),
        deliveries=(3, 0),
        health=Health.OK,
        health_reason="",
        log_lines=(),
        log_level="info",
        log_format="text",
    )


class Fixture:
    def __init__(self, *definitions: AnyTask, unfinished: Iterable[Run] = ()) -> None:
        self.history = Remembered()
        self.board = Board(a_briefing(*definitions, unfinished=unfinished), self.history)

    def hear(self, message: ToWeb) -> dict[str, Any]:
        self.board.hear(message)
        return self.first()

    def saved(self, run: Run) -> dict[str, Any]:
        return self.hear(RunSaved(row_of(run)))

    def first(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.board.tasks())[0]
        return found


def a_run(definition: AnyTask = BACKUP, number: int = 0) -> Run:
    return drafted(f"{number:026}", definition, Trigger.API, T0)


def test_every_task_is_told_as_it_is_defined_in_the_order_of_the_file() -> None:
    tasks = json.loads(Fixture(PROXY, BACKUP).board.tasks())
    assert [task["name"] for task in tasks] == ["proxy", "backup"]
    backup = tasks[1]
    assert backup["cron"] == backup["schedule"] == "0 3 * * *"
    assert backup["graceful_stop"] == 5_000_000_000
    assert backup["env"] == {"A": "[redacted]"}
    assert "timeout" not in backup
    assert "instances" not in backup
    assert tasks[0]["schedule"] == "service x3"
    assert "cron" not in tasks[0]


@pytest.mark.parametrize(
    ("definition", "schedule"),
    [
        (Task(name="a", run="b", working_dir="/"), "manual"),
        (Task(name="a", run="b", working_dir="/", run_on_start=True), "daemon start"),
        (Task(name="a", run="b", working_dir="/", run_on_start=True, cron="@daily"), "@daily"),
        (Service(name="a", run="b", working_dir="/"), "service x1"),
    ],
)
def test_the_schedule_is_in_words(definition: AnyTask, schedule: str) -> None:
    assert Fixture(definition).first()["schedule"] == schedule


def test_a_run_is_counted_while_it_runs() -> None:
    fixture = Fixture(BACKUP)
    pending, running = a_run(), started(a_run(), T0)
    assert fixture.first()["running"] == 0
    assert fixture.saved(pending)["running"] == 0
    assert fixture.saved(running)["running"] == 1
    assert fixture.saved(replace(running, pid=5))["running"] == 1
    assert fixture.saved(ended(running, EndReason.SUCCESS, 0, "", T0))["running"] == 0


def test_only_what_waits_for_its_turn_is_queued() -> None:
    fixture = Fixture(BACKUP)
    waiting = replace(a_run(), waits_for=WaitsFor.QUEUE)
    assert fixture.saved(waiting)["queued"] == 1
    assert fixture.saved(replace(a_run(number=1), waits_for=WaitsFor.RETRY, due_at=T0))["queued"] == 1
    found = fixture.saved(started(waiting, T0))
    assert (found["queued"], found["running"]) == (0, 1)


def test_what_was_unfinished_when_web_started_is_counted() -> None:
    fixture = Fixture(BACKUP, unfinished=[started(a_run(number=n), T0) for n in range(3)])
    assert fixture.first()["running"] == 3


def test_the_next_run_and_a_stop_by_hand_are_told() -> None:
    fixture = Fixture(PROXY)
    assert "next_run_at" not in fixture.first()
    found = fixture.hear(TaskChanged("proxy", T0, True))
    assert found["next_run_at"] == "2023-11-14T22:13:20.000Z"
    assert found["stopped"] is True
    assert "next_run_at" not in fixture.hear(TaskChanged("proxy", None, False))


def test_what_the_history_tells_is_read_once_for_all_changes_since_somebody_looked() -> None:
    fixture = Fixture(BACKUP, PROXY)
    fixture.board.tasks()
    assert fixture.history.asked == ["backup", "proxy"]
    for number in range(50):
        fixture.board.hear(RunSaved(row_of(started(a_run(number=number), T0))))
    fixture.board.tasks()
    fixture.board.tasks()
    assert fixture.history.asked == ["backup", "proxy", "backup"]


def test_a_change_of_the_schedule_reads_no_history() -> None:
    fixture = Fixture(BACKUP)
    fixture.first()
    assert fixture.hear(TaskChanged("backup", T0, False))["next_run_at"]
    assert fixture.history.asked == ["backup"]


def test_nothing_is_made_anew_while_nothing_changes() -> None:
    board = Fixture(BACKUP).board
    assert board.tasks() is board.tasks()
    board.hear(HealthChanged(Health.OK, ""))
    assert board.tasks() is board.tasks()


def test_what_the_history_tells_is_told() -> None:
    fixture = Fixture(BACKUP)
    last = ended(started(a_run(), T0), EndReason.FAILED, 3, "exited with code 3", T0)
    glance = Glance(last.id, Phase.ENDED, EndReason.FAILED, 3)
    fixture.history.told = Lately(last, (glance,), 0.25, 1500)
    found = fixture.saved(last)
    assert found["last_run"]["message"] == "exited with code 3"
    assert found["recent_runs"] == [
        {"id": last.id, "status": "ended", "end_reason": "failed", "exit_code": 3}
    ]
    assert found["success_rate"] == 0.25
    assert found["median_duration"] == 1_500_000_000


def test_deleted_runs_and_a_new_history_are_read_anew() -> None:
    fixture = Fixture(BACKUP, PROXY)
    fixture.first()
    fixture.hear(RunsDeleted("backup", ("0" * 26,)))
    assert fixture.history.asked == ["backup", "proxy", "backup"]
    fixture.hear(HistoryRenewed())
    assert fixture.history.renewals == 1
    assert fixture.history.asked[3:] == ["backup", "proxy"]


def test_a_history_that_failed_is_asked_again() -> None:
    fixture = Fixture(BACKUP)
    fixture.history.error = HistoryMalformed("broken")
    with pytest.raises(HistoryMalformed):
        fixture.board.tasks()
    fixture.history.error = None
    assert fixture.first()["running"] == 0


def test_a_run_of_a_task_that_is_gone_changes_nothing() -> None:
    fixture = Fixture(BACKUP)
    before = fixture.board.tasks()
    fixture.board.hear(RunSaved(row_of(started(a_run(replace(BACKUP, name="former")), T0))))
    assert fixture.board.tasks() is before


def test_one_task_is_told_alone_and_an_unknown_one_is_asked_back_for() -> None:
    board = Fixture(BACKUP, PROXY).board
    assert json.loads(board.task("proxy"))["name"] == "proxy"
    assert board.names() == ("backup", "proxy")
    assert board.definition("backup")["graceful_stop"] == 5000
    with pytest.raises(UnknownTask, match='did you mean "backup"'):
        board.task("bakup")


def test_health_and_processes_are_those_told_last() -> None:
    board = Fixture(BACKUP).board
    assert (board.health, board.processes) == (Health.OK, (("daemon", 1), ("web", 2)))
    board.hear(HealthChanged(Health.DEGRADED, "the disk is full"))
    board.hear(Processes((("daemon", 1), ("web", 3))))
    assert board.deliveries == Deliveries(waiting=3, dropped=0)
    board.hear(Deliveries(waiting=1024, dropped=7))
    assert board.deliveries == Deliveries(waiting=1024, dropped=7)
    assert (board.health, board.health_reason) == (Health.DEGRADED, "the disk is full")
    assert board.processes == (("daemon", 1), ("web", 3))


def test_whoever_asks_after_a_change_was_heard_sees_it_however_many_ask() -> None:
    fixture = Fixture(BACKUP)
    stale: list[tuple[int, int]] = []
    heard = 0
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            at_least = heard
            running = json.loads(fixture.board.tasks())[0]["running"]
            if running < at_least:
                stale.append((running, at_least))

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for number in range(1, 500):
        fixture.board.hear(RunSaved(row_of(started(a_run(number=number), T0))))
        heard = number
    is_over.set()
    for looker in lookers:
        looker.join()
    assert not stale
    assert fixture.first()["running"] == 499
