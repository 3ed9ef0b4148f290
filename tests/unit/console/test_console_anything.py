"""Whatever happens in whatever order: the console never breaks, and its screen is always whole."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Mono, Now, Wall
from runwisp.console.cells import line_width
from runwisp.console.keys import BINDINGS
from runwisp.console.messages import (
    Answered,
    Came,
    Done,
    Failed,
    Key,
    Lost,
    Message,
    Mouse,
    MouseKind,
    NoBrowser,
    NotDone,
    Opened,
    PasswordTold,
    Pasted,
    Refused,
    Resized,
    Tick,
    Told,
)
from runwisp.console.model import GroupName
from runwisp.console.requests import (
    AskActive,
    AskFirings,
    AskInfo,
    AskLog,
    AskNotices,
    AskRecent,
    AskRun,
    AskRuns,
    AskSamples,
    AskSearch,
    AskSystem,
    AskTask,
    AskTasks,
    DaemonLogStream,
    DeleteRun,
    LogStream,
    MarkAllRead,
    MarkNotice,
    NoticesStream,
    RunsStream,
    StopTask,
    Trigger,
)
from runwisp.console.ticking import next_tick
from runwisp.console.view import view
from tests.unit.console.scene import (
    FAILED,
    NOON,
    FakeDaemon,
    Json,
    Scene,
    events,
    line,
    notice,
    run,
    run_id,
    running,
    service,
    task,
)

WORDS = st.text(st.one_of(st.sampled_from("ab \x1b[31m\r\n\x9b\u202e日🎉"), st.characters()), max_size=30)
NAMES = st.sampled_from(["backup", "report", "web", "queue", "mail", "unknown"])
NUMBERS = st.integers(980, 1005)
IDS = NUMBERS.map(run_id)

RUNS: st.SearchStrategy[Json] = st.one_of(
    st.builds(lambda n, name, text: run(n, name, message=text), NUMBERS, NAMES, WORDS),
    st.builds(running, NUMBERS, NAMES),
    st.builds(
        lambda n, name, reason, text: run(n, name, end_reason=reason, message=text, exit_code=-1),
        NUMBERS,
        NAMES,
        st.one_of(st.sampled_from(["failed", "skipped", "crashed", "missed", "stopped"]), WORDS),
        WORDS,
    ),
    st.builds(
        lambda n, name, waits: running(n, name, status="pending", start_at=None, waits_for=waits),
        NUMBERS,
        NAMES,
        st.sampled_from(["queue", "retry", "restart"]),
    ),
)
TASKS: st.SearchStrategy[list[Json]] = st.lists(
    st.builds(
        lambda make, name, text, last: make(name, description=text, run=text, group=text[:3], last_run=last),
        st.sampled_from([task, service]),
        NAMES,
        WORDS,
        st.one_of(st.none(), RUNS),
    ),
    max_size=6,
    unique_by=lambda made: str(made["name"]),
)
LINES = st.builds(
    lambda n, text, stream: line(n, text or "x", stream),
    st.integers(1, 3000),
    WORDS,
    st.sampled_from(["stdout", "stderr", "system"]),
)
NOTICES = st.builds(
    lambda n, title, body, read: notice(n, title=title, body=body, is_read=read),
    NUMBERS,
    WORDS,
    WORDS,
    st.booleans(),
)
NONSENSE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=5,
)
ASKS = st.one_of(
    st.sampled_from(
        [AskInfo(), AskSystem(), AskSamples(), AskTasks(), AskActive(), AskRecent(), AskNotices()]
    ),
    st.builds(AskTask, NAMES),
    st.builds(AskFirings, NAMES),
    st.builds(AskRuns, NAMES),
    st.builds(AskRun, NAMES, IDS),
    st.builds(AskLog, NAMES, IDS, st.integers(1, 3000), st.integers(1, 1000)),
    st.builds(AskSearch, NAMES, IDS, WORDS),
)
STREAMS = st.one_of(
    st.sampled_from([RunsStream(), NoticesStream(), DaemonLogStream()]),
    st.builds(LogStream, NAMES, IDS, st.just(-1000)),
)
ACTIONS = st.one_of(
    st.builds(Trigger, NAMES),
    st.builds(StopTask, NAMES),
    st.builds(DeleteRun, NAMES, IDS),
    st.builds(MarkNotice, IDS, st.booleans()),
    st.just(MarkAllRead()),
)
KEYS = st.one_of(
    st.sampled_from(sorted({key for binding in BINDINGS for key in binding.keys})),
    st.sampled_from(["y", "enter", "j", "escape", "tab", "backspace", "ctrl-u"]),
    st.characters(),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Key, KEYS),
    st.builds(Key, KEYS),
    st.builds(Pasted, WORDS),
    st.builds(Mouse, st.sampled_from(list(MouseKind)), st.integers(0, 120), st.integers(0, 50)),
    st.builds(Resized, st.integers(1, 150), st.integers(1, 60)),
    st.builds(lambda ms: Tick(Now(Wall(NOON + ms), Mono(1_000_000 + ms))), st.integers(0, 10**8)),
    st.builds(Answered, ASKS, NONSENSE),
    st.builds(Answered, st.just(AskTasks()), TASKS),
    st.builds(
        lambda name, found: Answered(AskRuns(name), {"runs": found}), NAMES, st.lists(RUNS, max_size=5)
    ),
    st.builds(lambda found: Answered(AskRun(found["task_name"], found["id"]), found), RUNS),
    st.builds(Refused, ASKS, WORDS, WORDS),
    st.builds(Done, ACTIONS, st.one_of(RUNS, NONSENSE)),
    st.builds(NotDone, ACTIONS, WORDS, WORDS),
    st.builds(Opened, STREAMS),
    st.builds(lambda found: Came(RunsStream(), events("run.updated", *found)), st.lists(RUNS, max_size=4)),
    st.builds(
        lambda name, number: Came(RunsStream(), events("run.deleted", {"id": number, "task_name": name})),
        NAMES,
        IDS,
    ),
    st.builds(lambda found: Came(NoticesStream(), events("notice", *found)), st.lists(NOTICES, max_size=4)),
    st.builds(lambda text: Came(DaemonLogStream(), events("line", {"text": text})), WORDS),
    st.builds(
        lambda name, number, found: Came(LogStream(name, number, -1000), events("line", *found)),
        NAMES,
        IDS,
        st.lists(LINES, max_size=3),
    ),
    st.builds(Came, STREAMS, st.lists(st.tuples(st.sampled_from([b"line", b"notice", b"x"]), st.binary()))),
    st.builds(lambda stream, text: Lost(stream, text, Wall(NOON + 5000)), STREAMS, WORDS),
    st.builds(Failed, STREAMS, WORDS, WORDS),
    st.builds(PasswordTold, WORDS),
    st.builds(NoBrowser, WORDS),
    st.builds(Told, WORDS, st.booleans()),
)


def check(scene: Scene) -> None:
    model = scene.model
    lines = view(model)
    assert len(lines) == model.rows
    for each in lines:
        assert line_width(each) == model.columns
        assert all(text.isprintable() for text, _ in each)
    assert not isinstance(model.sidebar.entries[model.sidebar.at], GroupName)
    assert len(scene.streams) == len(set(scene.streams))
    due = next_tick(model)
    assert due is None or due > 0


@given(st.booleans(), st.lists(MESSAGES, max_size=25))
def test_nothing_that_happens_breaks_it(is_unicode: bool, messages: list[Message]) -> None:
    scene = Scene(FakeDaemon(log=[line(n) for n in range(1, 50)]), is_unicode=is_unicode)
    check(scene)
    for message in messages:
        scene.tell(message)
        check(scene)


@given(st.lists(KEYS, max_size=40), st.integers(20, 300), st.integers(5, 100))
def test_no_keys_in_no_order_break_it(keys: list[str], columns: int, rows: int) -> None:
    scene = Scene(FakeDaemon(log=[line(n) for n in range(1, 2000)]), columns, rows)
    for key in keys:
        before = scene.log_stream
        scene.press(key)
        if scene.log_stream and scene.log_stream != before:
            scene.stream()
        check(scene)


def test_every_size_of_a_terminal_is_filled() -> None:
    for keys in ([], ["tab"], ["j", "enter"], ["j", "enter", "enter"], ["n"], ["?"], ["j", "r"], ["q"]):
        scene = Scene(has_started_daemon=True).press(*keys)
        for columns in (1, 2, 10, 19, 20, 21, 40, 59, 60, 61, 80, 132, 300):
            for rows in (1, 2, 4, 5, 6, 10, 24, 100):
                check(scene.tell(Resized(columns, rows)))
    assert FAILED["task_name"] == "backup"
