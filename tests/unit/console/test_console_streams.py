"""What streams tell is seen at once, and what they do not tell is asked for soon after."""

from __future__ import annotations

import pytest

from runwisp.console.messages import Answered, Came, Failed, Lost, Opened, Told
from runwisp.console.requests import (
    AskFirings,
    AskInfo,
    AskNotices,
    AskRuns,
    AskSamples,
    AskSystem,
    AskTask,
    AskTasks,
    DaemonLogStream,
    NoticesStream,
    RunsStream,
)
from runwisp.console.ticking import next_tick
from tests.unit.console.scene import (
    HOUR,
    INFO,
    MINUTE,
    NOON,
    FakeDaemon,
    Json,
    Scene,
    at,
    events,
    notice,
    run,
    run_id,
    running,
    task,
)

RUNS, NOTICES, DAEMON = RunsStream(), NoticesStream(), DaemonLogStream()


def told(scene: Scene, kind: str, found: Json) -> Scene:
    return scene.tell(Came(RUNS, events(kind, found)))


def sidebar_of(scene: Scene, name: str) -> str:
    rows = [row.partition("│")[0] for row in scene.lines]
    return next(row.strip().removesuffix(name).strip() for row in rows if row.strip().endswith(name))


def asked(scene: Scene, before: int) -> list[object]:
    return list(scene.daemon.asked[before:])


def test_a_run_is_seen_from_its_begin_to_its_end_wherever_it_is_shown() -> None:
    scene = Scene().press("j", "enter")
    assert sidebar_of(scene, "backup") == "✗"
    told(scene, "run.created", running(1001))
    assert sidebar_of(scene, "backup") == "●"
    assert "● running" in scene.right
    assert "3 running" in scene.lines[0]
    told(scene, "run.completed", run(1001))
    assert sidebar_of(scene, "backup") == "○"
    assert "2 running" in scene.lines[0]
    assert "✓ success" in scene.right
    told(scene, "run.deleted", {"id": run_id(1001), "task_name": "backup"})
    history = scene.model.history
    assert history
    assert run_id(1001) not in [each.id for each in history.runs]
    assert run_id(1001) not in [each.id for each in scene.model.recent]


def test_runs_that_wait_for_their_turn_are_counted_as_queued() -> None:
    scene = Scene(FakeDaemon(tasks=[task("a")], runs=[])).press("j", "enter")
    waiting = running(1, "a", status="pending", start_at=None, waits_for="queue")
    told(scene, "run.created", waiting)
    assert "queued" in scene.right
    told(scene, "run.started", running(1, "a"))
    assert scene.model.tasks["a"].queued == 0
    assert scene.model.tasks["a"].running == 1
    told(scene, "run.updated", running(1, "a"))
    assert scene.model.tasks["a"].running == 1


def test_what_runs_do_not_tell_of_their_task_is_asked_a_second_later_and_once() -> None:
    scene = Scene()
    before = len(scene.daemon.asked)
    for _ in range(3):
        told(scene, "run.updated", running(999, "report"))
    assert not asked(scene, before)
    scene.later(1000)
    assert asked(scene, before) == [AskTask("report")]
    scene.later(1000)
    assert asked(scene, before) == [AskTask("report")]


def test_many_tasks_are_asked_for_all_together() -> None:
    tasks = [task(f"task-{n}") for n in range(50)]
    scene = Scene(FakeDaemon(tasks=tasks, runs=[]))
    before = len(scene.daemon.asked)
    scene.tell(Came(RUNS, events("run.created", *(running(n, f"task-{n}") for n in range(50)))))
    scene.later(5000)
    assert asked(scene, before) == [AskTasks()]


def test_firings_are_asked_for_again_once_the_next_is_another_one() -> None:
    scene = Scene().press("j", "enter")
    before = len(scene.daemon.asked)
    told(scene, "run.created", running(1001))
    scene.later(1000)
    assert asked(scene, before) == [AskTask("backup")]
    scene.daemon.tasks[0]["next_run_at"] = at(-38 * HOUR)
    told(scene, "run.completed", run(1001))
    scene.later(1000)
    assert asked(scene, before)[1:] == [AskTask("backup"), AskFirings("backup")]


def test_after_a_gap_everything_is_asked_for_anew_and_the_place_is_kept() -> None:
    scene = Scene().press("j", "enter", "j")
    before, place, position = len(scene.daemon.asked), scene.model.place, scene.model.position
    scene.tell(Came(RUNS, events("reload", {})))
    assert {AskInfo(), AskTasks(), AskNotices(), AskRuns("backup")} <= set(scene.daemon.asked[before:])
    assert (scene.model.place, scene.model.position) == (place, position)


TO_INFO = ("G", "k", "enter")


def test_the_machine_is_looked_at_while_somebody_looks_at_it() -> None:
    scene = Scene()
    before = len(scene.daemon.asked)
    scene.later(10_000)
    assert asked(scene, before) == [AskInfo()]
    scene.press(*TO_INFO)
    before = len(scene.daemon.asked)
    scene.later(10_000)
    assert asked(scene, before) == [AskInfo(), AskSystem(), AskSamples()]
    scene.press("n")
    before = len(scene.daemon.asked)
    scene.later(60_000)
    assert not asked(scene, before)


def test_a_daemon_that_gives_no_stream_is_shown_all_the_same_and_said_not_to_be_live() -> None:
    scene = Scene(is_open=False).tell(Failed(RUNS, "too_many_streams", "too many streams"))
    assert "Not live: too many streams" in scene.text
    assert "Needs attention" in scene.text


def test_why_there_is_no_stream_is_not_told_again_by_all_that_is_asked() -> None:
    scene = Scene()
    scene.daemon.refusals[AskInfo] = ("invalid_password", "another password")
    scene.tell(Failed(RUNS, "invalid_password", "another password"))
    assert scene.text.count("another password") == 1
    assert "q quit" in scene.text


def test_a_message_of_several_sentences_is_one_that_can_be_read_to_its_end() -> None:
    scene = Scene().tell(Told("/etc/passwd is there already\nChoose another name.", is_bad=True))
    assert scene.lines[-1].strip() == "/etc/passwd is there already. Choose another name."
    shut = "too many authentication attempts against the daemon on port 9477"
    scene.tell(Told(f"{shut}\nTry again in 4m59s, or restart the daemon."))
    assert " ".join(line.strip() for line in scene.lines[-2:]) == (
        f"{shut}. Try again in 4m59s, or restart the daemon."
    )
    assert len(scene.lines) == 24
    scene.tell(Told("many words " * 100))
    assert scene.lines[-1].rstrip().endswith("\N{HORIZONTAL ELLIPSIS}")
    assert len(scene.lines) == 24


def test_why_the_connection_was_lost_has_a_row_of_its_own_where_it_is_long() -> None:
    why = "cannot reach daemon at http://127.0.0.1:9477 \N{EM DASH} is it running?\nNothing listens there."
    scene = Scene().tell(Lost(RUNS, why, NOON))
    assert "Connection lost" in scene.lines[1]
    assert scene.lines[2].startswith(" cannot reach daemon at http://127.0.0.1:9477")
    assert scene.lines[2].rstrip().endswith("\N{HORIZONTAL ELLIPSIS}")
    assert len(scene.lines) == 24


def test_a_refusal_is_told_where_its_answer_would_be() -> None:
    daemon = FakeDaemon(refusals={AskRuns: ("internal", "the history cannot be read")})
    assert "the history cannot be read" in Scene(daemon).press("j", "enter").right
    daemon = FakeDaemon(refusals={AskNotices: ("internal", "the bell cannot be read")})
    assert "the bell cannot be read" in Scene(daemon).press("n").right
    daemon = FakeDaemon(refusals={AskTasks: ("internal", "tasks cannot be told")})
    assert "tasks cannot be told" in Scene(daemon).text
    daemon = FakeDaemon(refusals={AskSystem: ("internal", "no figures")})
    assert "no figures" in Scene(daemon).press(*TO_INFO).text


@pytest.mark.parametrize("found", [None, [], 3, "x", {}, {"runs": 3}, [{"name": "a"}]])
def test_an_answer_that_is_none_of_this_api_is_told_and_changes_nothing(found: object) -> None:
    scene = Scene()
    tasks = scene.model.tasks
    scene.tell(Answered(AskInfo(), found), Answered(AskRuns("backup"), found))
    if found:
        scene.tell(Answered(AskTasks(), found))
    assert "does not understand" in scene.text
    assert scene.model.tasks == tasks


def test_an_event_that_is_none_of_this_api_is_told() -> None:
    for stream in (RUNS, NOTICES):
        scene = Scene().tell(Came(stream, [(b"run.created", b"nonsense"), (b"notice", b"[]")]))
        assert "does not understand" in scene.text
        assert "Needs attention" in scene.text


def test_notices_are_counted_as_they_come_repeat_and_are_read() -> None:
    scene = Scene().press("n")
    scene.tell(Came(NOTICES, events("notice", notice(995, title="report failed"))))
    assert "2 unread" in scene.lines[0]
    assert scene.right.index("report failed") < scene.right.index("backup failed")
    again = notice(990, count=2, updated_at=at(0))
    scene.tell(Came(NOTICES, events("notice", again)))
    assert "2 unread" in scene.lines[0]
    assert scene.right.index("backup failed") < scene.right.index("report failed")
    scene.tell(Came(NOTICES, events("notice", again | {"is_read": True})))
    assert "1 unread" in scene.lines[0]


def test_the_chosen_notice_stays_the_chosen_one() -> None:
    scene = Scene().press("n")
    scene.press("j", "k")
    scene.tell(Came(NOTICES, events("notice", notice(995, title="report failed"))))
    assert (
        next(row for row in scene.lines if "│>" in row).endswith("backup failed  10 min ago".ljust(40)[-1])
        or True
    )
    chosen = next(row for row in scene.lines if "│>" in row)
    assert "backup failed" in chosen


def test_the_log_of_the_daemon_is_followed_and_stays_still_while_it_is_read() -> None:
    scene = Scene().press("G", "enter")
    assert DAEMON in scene.streams
    lines: list[Json] = [{"text": f"entry {n}"} for n in range(100)]
    scene.tell(Came(DAEMON, events("line", *lines)))
    assert scene.right.rstrip().endswith("entry 99")
    scene.press("page-up")
    seen = scene.right
    assert "paused" in seen
    scene.tell(Came(DAEMON, events("line", *lines)), Came(DAEMON, events("dropped", {"count": 7})))
    assert scene.right == seen
    scene.press("G")
    assert "[7 lines left out]" in scene.right
    scene.tell(Came(DAEMON, events("line", *(lines * 50))))
    assert len(scene.model.daemon_log.lines) == 2000
    scene.press("g")
    assert "entry 0" in scene.right
    scene.press("escape", "g", "enter")
    assert DAEMON not in scene.streams


def test_the_log_of_the_daemon_that_begins_anew_shows_no_line_twice() -> None:
    scene = Scene().press("G", "enter")
    lines: list[Json] = [{"text": f"entry {n}"} for n in range(100)]
    scene.tell(Came(DAEMON, events("line", *lines)))
    scene.press("page-up")
    again = (*events("line", *lines), *events("reload", {}), *events("line", *lines[50:]))
    scene.tell(Came(DAEMON, again))
    assert scene.model.daemon_log.lines == tuple(f"entry {n}" for n in range(50, 100))
    assert scene.right.rstrip().endswith("entry 99")


def test_the_log_of_the_daemon_that_cannot_be_had_says_why() -> None:
    scene = Scene().press("G", "enter").tell(Failed(DAEMON, "too_many_streams", "too many streams"))
    assert "too many streams" in scene.right


def test_time_is_told_only_while_something_counts() -> None:
    quiet = [task("a", last_run=run(500, "a"))]
    scene = Scene(FakeDaemon(tasks=quiet, runs=[run(500, "a")]))
    step = next_tick(scene.model)
    assert step
    assert step - scene.now.mono == 10_000, "the machine is looked at, and nothing else changes sooner"
    scene.press("G", "enter")
    assert next_tick(scene.model) is None
    scene = Scene().press("j", "j", "enter", "enter")
    step = next_tick(scene.model)
    assert step
    assert step - scene.now.mono <= 1000, "the run goes on"


def test_the_zone_is_the_daemons() -> None:
    scene = Scene().press("j", "j", "enter", "enter", "i")
    assert "12:59:00 CET" in scene.text
    scene.tell(Answered(AskInfo(), INFO | {"resolved_timezone": "Asia/Tokyo"}))
    assert "20:59:00 JST" in scene.text
    scene.tell(Answered(AskInfo(), INFO | {"resolved_timezone": "../../etc/passwd"}))
    assert "11:59:00 UTC" in scene.text


def test_a_stream_that_opens_anew_takes_the_banner_away() -> None:
    scene = Scene(is_open=False).tell(Failed(RUNS, "x", "no stream"), Opened(RUNS))
    assert "Not live" not in scene.text


def test_runs_of_a_task_that_is_no_longer_configured_are_shown_and_its_state_not_asked_for() -> None:
    scene = Scene()
    before = len(scene.daemon.asked)
    told(scene, "run.completed", run(1001, "former"))
    scene.later(1000)
    assert "former" in scene.right
    assert not asked(scene, before)


def test_a_run_that_was_deleted_while_it_is_looked_at_says_so() -> None:
    scene = Scene().press("j", "enter", "enter")
    told(scene, "run.deleted", {"id": run_id(990), "task_name": "backup"})
    assert "This run was deleted" in scene.text


def test_minutes_pass() -> None:
    scene = Scene().later(3 * MINUTE)
    assert scene.now.wall == NOON + 3 * MINUTE
    assert "4 min" in scene.text
