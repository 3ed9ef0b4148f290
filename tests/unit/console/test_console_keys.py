"""What each key of the console does, and that nothing is changed before it was asked for."""

from __future__ import annotations

from collections import Counter

import pytest

from runwisp.clock import Wall
from runwisp.console.keyboard import INTENTS
from runwisp.console.keys import BINDINGS, Intent, Where
from runwisp.console.messages import (
    Act,
    Done,
    Lost,
    Mouse,
    MouseKind,
    NoBrowser,
    NotDone,
    OpenBrowser,
    Opened,
    PasswordTold,
    Pasted,
    Quit,
    Redraw,
    Resized,
    Retry,
    Suspend,
    TellPassword,
    Told,
)
from runwisp.console.model import Debug, Home, InfoPlace, Model, Notices, Place, RunPlace, TaskPlace
from runwisp.console.requests import (
    MOST_NOTICES,
    MOST_RUNS,
    Action,
    AskNotices,
    AskRuns,
    DeleteRun,
    MarkAllRead,
    MarkNotice,
    RestartService,
    RunsStream,
    StopRun,
    StopTask,
    Trigger,
)
from tests.unit.console.scene import (
    FAILED,
    NOON,
    FakeDaemon,
    Scene,
    notice,
    run,
    run_id,
    service,
    task,
    usual,
)

PROMISED = (
    "up down left right h j k l enter escape / r s f d i n g G ? q page-up page-down "
    "b p tab x w t . , ctrl-z ctrl-l"
)


def keys() -> set[str]:
    return {key for binding in BINDINGS for key in binding.keys}


def place(scene: Scene) -> Place:
    return scene.model.place


@pytest.mark.parametrize("key", [*PROMISED.split(), " "])
def test_every_key_that_is_promised_means_something(key: str) -> None:
    assert key in keys()


def test_no_key_means_two_things_in_one_place() -> None:
    counted = Counter((binding.where, key) for binding in BINDINGS for key in binding.keys)
    assert max(counted.values()) == 1


def test_everything_that_a_key_can_mean_is_done_and_has_a_key() -> None:
    assert set(INTENTS) == set(Intent) == {binding.intent for binding in BINDINGS}


def test_the_help_has_every_key_in_it() -> None:
    scene = Scene(rows=80, columns=200).press("?")
    for binding in BINDINGS:
        assert binding.words in scene.text
    for where in Where:
        assert (where in scene.text) == any(binding.where is where for binding in BINDINGS)


@pytest.mark.parametrize("key", ["escape", "enter"])
def test_an_address_that_no_browser_could_open_is_shown_whole_until_it_was_read(key: str) -> None:
    url = f"http://127.0.0.1:9477/api/auth/launch?ticket={'0123456789' * 5}"
    scene = Scene().tell(NoBrowser(url)).later(60_000)
    assert url in "".join(line[10:70].strip() for line in scene.lines)
    assert "Esc Close" in scene.text
    assert url[:40] not in scene.press(key).text
    assert not scene.done


def test_the_help_is_scrolled_and_left() -> None:
    scene = Scene().press("?", "G")
    assert "Esc closes this" in scene.right
    assert "Everywhere" not in scene.right
    assert "Everywhere" in scene.press("g").right
    for leaving in ("escape", "?", "q", "x"):
        assert not scene.press("?").model.is_helping or scene.press(leaving).model.help_at is None
        scene.model = Scene().press("?").model
    assert not scene.done


@pytest.mark.parametrize(
    ("made", "key", "told", "action"),
    [
        (task("a"), "r", "Run a now?", Trigger("a")),
        (task("a", running=1), "r", "waits until there is room", Trigger("a")),
        (task("a", running=1, on_overlap="skip"), "r", "this run will be refused", Trigger("a")),
        (task("a", running=1, on_overlap="terminate"), "r", "the oldest run is stopped", Trigger("a")),
        (task("a", cron="@daily"), "r", "beside its schedule", Trigger("a")),
        (service("a", stopped=True), "r", "Start a?", Trigger("a")),
        (service("a", running=1), "r", "Restart a?", RestartService("a")),
        (service("a", running=1), "s", "Stop a?", StopTask("a")),
        (task("a", running=1), "s", "Stop a?", StopTask("a")),
        (task("a", queued=1), "s", "waiting runs are stopped", StopTask("a")),
    ],
)
def test_what_changes_something_is_asked_first(
    made: dict[str, object], key: str, told: str, action: Action
) -> None:
    scene = Scene(FakeDaemon(tasks=[made], runs=[])).press("j", "enter", key)
    assert told in scene.text
    assert not scene.done
    for no in ("escape", "n", "q", "ctrl-c"):
        assert scene.press(no).model.question is None
        scene.press(key)
    scene.press("z", "up", " ")
    assert scene.model.question
    assert not scene.done
    scene.press("y")
    assert scene.done == [Act(action)]
    assert scene.press(key, "enter").done == [Act(action)] * 2
    assert scene.press(key, "Y").done == [Act(action)] * 3


@pytest.mark.parametrize(
    ("made", "key", "told"),
    [
        (task("a", api_trigger=False), "r", "it is not started by hand"),
        (service("a", stopped=True, api_trigger=False), "r", "it is not started by hand"),
        (task("a"), "s", "a is not running"),
        (service("a", stopped=True), "s", "a is not running"),
        (task("a"), "x", "Choose a run first"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(made: dict[str, object], key: str, told: str) -> None:
    scene = Scene(FakeDaemon(tasks=[made], runs=[])).press("j", "enter", key)
    assert told in scene.text
    assert scene.model.question is None


def test_keys_act_on_what_is_chosen() -> None:
    scene = Scene().press("j", "j", "r")
    assert "Run report now?" in scene.text
    assert "Choose a task" in Scene().press("r").text
    assert "Stop this run of report?" in Scene().press("tab", "j", "j", "s").text
    chosen = Scene().press("j", "enter", "j", "x", "y")
    assert chosen.done == [Act(DeleteRun("backup", run_id(980)))]
    assert Scene().press("n", "r", "y").done == [Act(Trigger("backup"))]


def test_a_run_is_stopped_while_it_runs_and_deleted_once_it_has_ended() -> None:
    scene = Scene().press("j", "j", "enter", "enter", "s")
    assert "It gets SIGTERM; what is left of it after 10 s is killed." in " ".join(scene.text.split())
    assert scene.press("y").done == [Act(StopRun("report", run_id(999)))]
    assert "stop it first" in scene.press("x").text
    ended = Scene().press("j", "enter", "enter")
    assert "has ended already" in ended.press("s").text
    assert ended.press("x", "y").done == [Act(DeleteRun("backup", FAILED["id"]))]
    ended.tell(Done(DeleteRun("backup", FAILED["id"]), None))
    assert ended.model.place == TaskPlace("backup")
    assert "The run is deleted." in ended.text


def test_what_was_done_and_what_was_not_is_told_in_the_words_of_the_daemon() -> None:
    scene = Scene().tell(Done(StopTask("web"), {"message": "web is being stopped"}))
    assert "web is being stopped" in scene.text
    assert "report: pending." in scene.tell(Done(Trigger("report"), run(1, "report", status="pending"))).text
    scene.tell(NotDone(Trigger("report"), "refused", "the queue of report is full"))
    assert "the queue of report is full" in scene.text
    assert "the queue of report is full" not in scene.later(60_000).text


def test_quitting_ends_at_once_what_nobody_else_started() -> None:
    for key in ("q", "ctrl-c"):
        assert Scene().press(key).done == [Quit()]


@pytest.mark.parametrize(("key", "wants_stop"), [("enter", False), ("k", False), ("s", True), ("S", True)])
def test_quitting_asks_about_the_daemon_that_was_started(key: str, wants_stop: bool) -> None:
    scene = Scene(has_started_daemon=True).press("q")
    assert not scene.done
    assert "Keep it running" in scene.text
    assert scene.press(key).done == [Quit(wants_stop=wants_stop)]


def test_quitting_can_be_thought_over() -> None:
    scene = Scene(has_started_daemon=True).press("q", "escape")
    assert not scene.done
    assert scene.model.question is None


@pytest.mark.parametrize(
    ("key", "command"),
    [("b", OpenBrowser()), ("ctrl-z", Suspend()), ("ctrl-l", Redraw()), ("p", TellPassword())],
)
def test_keys_for_the_world_outside(key: str, command: object) -> None:
    assert Scene().press(key).done == [command]


def test_who_stops_a_run_of_a_service_is_told_that_it_comes_again() -> None:
    scene = Scene().press("j", "j", "j", "enter", "s")
    assert "Stop this run of web?" in scene.text
    assert "The service then starts it again." in scene.text
    assert "starts it again" not in Scene().press("j", "j", "enter", "s").text


def test_a_password_is_shown_only_while_it_is_asked_for() -> None:
    scene = Scene().press("p").tell(PasswordTold("correct horse"))
    assert "correct horse" in scene.text
    assert "correct horse" not in scene.press("p").text
    scene.press("p").tell(PasswordTold("correct horse")).press("n", "escape")
    assert "correct horse" not in scene.text
    assert "correct horse" not in repr(scene.model)
    scene.press("n").tell(PasswordTold("correct horse"))
    assert "correct horse" not in repr(scene.model), "it came when nobody looked any more"


def test_the_sidebar_leads_everywhere() -> None:
    places: list[object] = []
    scene = Scene()
    for _ in range(len(scene.model.sidebar.entries)):
        places.append(scene.press("enter").model.place)
        scene.press("tab", "j")
    names = ["backup", "report", "web", "queue", "mail"]
    assert list(dict.fromkeys(places)) == [Home(), *map(TaskPlace, names), Notices(), InfoPlace(), Debug()]
    assert scene.press("g", "l").model.place == Home()


def test_back_leads_where_one_came_from_and_to_what_was_chosen_there() -> None:
    scene = Scene().press("j", "enter", "j")
    chosen = scene.model.position
    scene.press("enter", "n")
    assert place(scene) == Notices()
    assert place(scene.press("escape")) == RunPlace("backup", run_id(980))
    assert place(scene.press("escape")) == TaskPlace("backup")
    assert scene.model.position == chosen
    assert scene.press("escape").model.focus == "sidebar"


def test_what_is_over_the_rest_goes_first() -> None:
    scene = Scene().press("j", "enter", "enter", "i")
    assert "Run id" in scene.text
    assert "Run id" not in scene.press("escape").text
    assert isinstance(place(scene), RunPlace)
    assert place(scene.press("j", "escape")) == TaskPlace("backup")


def test_the_definition_is_all_of_it_and_can_be_scrolled() -> None:
    scene = Scene().press("j", "enter", "i")
    assert "What it runs" in scene.text
    seen = scene.text
    for _ in range(30):
        scene.press("j")
        seen += scene.text
    for key in ("timeout", "stop_signal", "notify_on_success", "keep_for", "runwisp.toml"):
        assert key in seen


def test_a_filter_works_while_it_is_typed_and_goes_with_escape() -> None:
    scene = Scene().press("/", *"mai")
    assert "mail" in scene.text.partition("Filter")[0]
    assert "web" not in [row.split("│")[0].strip(" ●") for row in scene.text.split("\n")]
    assert scene.press("enter").model.place == TaskPlace("mail")
    scene.press("tab", "escape")
    assert not scene.model.sidebar.filter
    scene.press("/", "x", "escape")
    assert not scene.model.sidebar.filter
    scene.press("/", *"nothing", "enter")
    assert "No task matches" in scene.text
    assert place(scene) == TaskPlace("mail")
    scene.press("/")
    assert len(scene.model.sidebar.entries) == 5
    assert scene.press("backspace").model.sidebar.filter == "nothin"


def test_what_is_pasted_is_text_and_never_keys() -> None:
    scene = Scene().tell(Pasted("q"))
    assert not scene.done
    scene.press("/").tell(Pasted("ma\x1bil\n"))
    assert scene.model.sidebar.filter == "ma\\x1bil\\n"


def test_notifications_are_marked_at_once_and_opened_with_what_they_are_about() -> None:
    rows = [notice(997, run_id="", task_name="report"), notice(990), notice(980, run_id="", task_name="")]
    scene = Scene(FakeDaemon(notices=rows)).press("n")
    assert "3 unread" in scene.text
    scene.press(" ")
    assert scene.done == [Act(MarkNotice(run_id(997), True))]
    assert "2 unread" in scene.text
    scene.press(" ")
    assert scene.done[1:] == [Act(MarkNotice(run_id(997), False))]
    scene.press("j", "enter")
    assert scene.model.place == RunPlace("backup", run_id(990))
    assert scene.done[2:] == [Act(MarkNotice(run_id(990), True))]
    scene.press("escape", "a")
    assert scene.done[3:] == [Act(MarkAllRead())]
    assert "unread" not in scene.text.split("\n")[0]
    scene.press("a")
    assert len(scene.done) == 4
    assert scene.press("g", "enter").model.place == TaskPlace("report")
    assert scene.press("escape", "G", "enter").model.place == Notices()


def test_a_mark_that_was_not_taken_is_looked_up_again() -> None:
    scene = Scene().press("n", " ")
    asked = len(scene.daemon.asked)
    scene.tell(NotDone(MarkNotice(run_id(990), True), "unreachable", "cannot reach daemon"))
    assert scene.daemon.asked[asked:] == [AskNotices()]
    assert "1 unread" in scene.text


def test_an_error_that_takes_several_lines_is_told_in_one() -> None:
    scene = Scene().tell(Told("cannot reach daemon at x — is it running?\nStart it.", is_bad=True))
    assert "is it running? Start it." in scene.text
    scene = Scene().tell(Lost(RunsStream(), "is it running?\nStart it.", Wall(NOON)))
    assert "is it running? Sta" in scene.text


def test_while_the_connection_is_lost_r_retries() -> None:
    scene = Scene().tell(Lost(RunsStream(), "Nothing listens there.", Wall(NOON + 9_000)))
    assert "Connection lost for 0 s. Next attempt in 9 s." in scene.text
    assert "Next attempt in 4 s" in scene.later(5_000).text
    assert "Connection lost for 5 s" in scene.text
    scene.press("j", "r")
    assert scene.done == [Retry()]
    asked = len(scene.daemon.asked)
    scene.tell(Opened(RunsStream()))
    assert "Connection lost" not in scene.text
    assert len(scene.daemon.asked) - asked >= 5, "what was missed is asked for"


def test_a_daemon_that_was_never_there_is_told() -> None:
    scene = Scene(is_open=False).tell(Lost(RunsStream(), "Nothing listens there.", Wall(NOON + 9_000)))
    assert "Nothing listens there." in scene.text
    assert "Asking the daemon" in scene.text


def test_a_long_history_is_loaded_while_one_goes_down() -> None:
    runs = [run(n) for n in range(999, 599, -1)]
    scene = Scene(FakeDaemon(runs=runs)).press("j", "enter")
    pages = [each for each in scene.daemon.asked if isinstance(each, AskRuns)]
    assert len(pages) == 1
    scene.press(*["page-down"] * 30)
    history = scene.model.history
    assert history
    assert len(history.runs) == 400
    assert scene.press("G", "enter").model.place == RunPlace("backup", run_id(600))


@pytest.mark.parametrize("columns", [80, 160])
def test_a_skipped_firing_reads_failed_skipped_with_its_exit_code_and_message(columns: int) -> None:
    message = "task already running, skipping (policy: skip)"
    skipped = run(999, end_reason="skipped", exit_code=-1, message=message, start_at=None)
    scene = Scene(FakeDaemon(runs=[skipped]), columns).press("j", "enter")
    assert "failed, skipped" in scene.right
    assert "exit -1" in scene.right
    assert message in scene.right
    assert scene.press("enter").model.place == RunPlace("backup", run_id(999))


def test_what_is_kept_of_a_long_list_is_bounded_and_where_the_rest_is_gets_told() -> None:
    runs = [run(n) for n in range(9999, 6999, -1)]
    rows = [notice(n) for n in range(9999, 9199, -1)]
    scene = Scene(FakeDaemon(runs=runs, notices=rows)).press("j", "enter", *["G"] * 40)
    history = scene.model.history
    assert history
    assert len(history.runs) == MOST_RUNS
    assert "runwisp runs backup" in scene.text
    scene.press("n", *["G"] * 20)
    assert len(scene.model.bell.rows) == MOST_NOTICES
    asked = len(scene.daemon.asked)
    assert "b opens the dashboard" in scene.press("G").text
    assert len(scene.daemon.asked) == asked


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (300, 100), (40, 10), (20, 8)])
def test_the_mouse_chooses_opens_and_scrolls(columns: int, rows: int) -> None:
    tasks = [*usual(), *(task(f"more-{n}") for n in range(100))]
    scene = Scene(FakeDaemon(tasks=tasks), columns=columns, rows=rows)
    row = next(number for number, text in enumerate(scene.lines) if "report" in text.partition("│")[0])
    scene.tell(Mouse(MouseKind.PRESS, 4, row))
    assert scene.model.place == TaskPlace("report")
    assert scene.model.focus == "main"
    scene.press("tab")
    entry = scene.model.sidebar.at
    scene.tell(Mouse(MouseKind.WHEEL_DOWN, 4, 2))
    assert scene.model.sidebar.at == entry + 4, "a heading is between"


def test_a_click_on_a_run_chooses_it_and_another_one_opens_it() -> None:
    scene = Scene().press("j", "enter")
    row = next(number for number, text in enumerate(scene.lines) if "28 Nov 12:40" in text)
    scene.tell(Mouse(MouseKind.PRESS, 40, row))
    assert place(scene) == TaskPlace("backup")
    scene.tell(Mouse(MouseKind.PRESS, 40, row))
    assert place(scene) == RunPlace("backup", run_id(980))


def test_clicks_on_nothing_do_nothing() -> None:
    scene = Scene()
    before = scene.model.place, scene.model.sidebar
    for column, row in [(0, 0), (30, 23), (4, 2), (4, 20), (1000, 1000), (25, 1)]:
        scene.tell(Mouse(MouseKind.PRESS, column, row))
    assert (scene.model.place, scene.model.sidebar) == before
    assert not scene.done


def test_a_narrow_screen_shows_the_half_that_keys_go_to() -> None:
    scene = Scene(columns=50)
    assert "nightly" in scene.text
    assert "Address" not in scene.text
    scene.press("tab")
    assert "Address" in scene.text
    scene.tell(Resized(100, 30))
    assert "nightly" in scene.text
    assert "Address" in scene.text


def test_something_told_is_seen_until_the_next_key() -> None:
    scene = Scene().tell(Told("Saved 12 KiB to /tmp/x.log."))
    assert "Saved 12 KiB to /tmp/x.log." in scene.text
    assert "Saved" not in scene.press("j").text


def unchanged(model: Model) -> tuple[object, ...]:
    return model.place, model.question, model.prompt, model.sidebar


@pytest.mark.parametrize("key", ["f", "d", "w", "t", " ", ".", ",", "a", "i", "p", "x"])
def test_keys_of_other_places_do_nothing_but_say_so(key: str) -> None:
    scene = Scene().press("G")
    before = unchanged(scene.model)
    scene.press(key)
    assert unchanged(scene.model) == before
