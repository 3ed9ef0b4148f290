"""The message: what it says of every event, and that nobody's text is more than text in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.delivery import Order
from runwisp.event import Event, EventKind
from runwisp.message import MARK, OUTPUT_BYTES, Message, composed, fields, filled, shortened
from runwisp.notifier import Command
from runwisp.run import EndReason, Run, Trigger, drafted, ended, started
from runwisp.task import Task

AT = Wall(1_700_000_000_000)
RUN_ID = "01HF7YAT00ABCDEFGHJKMNPQRS"
BACKUP = Task(name="backup", run="true", working_dir="/")
texts = st.text(alphabet=st.characters(exclude_categories=()), max_size=2_000)


def a_run(reason: EndReason = EndReason.FAILED, code: int = 3, message: str = "exited with code 3") -> Run:
    run = started(drafted(RUN_ID, BACKUP, Trigger.CRON, AT, AT), Wall(AT + 100))
    return ended(run, reason, code, message, Wall(AT + 65_100))


def an_order(run: Run | None = None, event: Event | None = None, **rest: Any) -> Order:
    run = run or (None if event else a_run())
    if event is None:
        assert run
        kind = run.meaning.event
        assert kind
        event = Event(kind, Wall(AT + 65_100), f"backup ended: {run.end_reason}", "backup", RUN_ID)
    order = Order(
        delivery_id="01HF7YAT00DE11VERY00000001",
        notifier=Command(id="it", run="true"),
        target=None,
        data_dir="/data",
        external_url="https://cron.example/runwisp/",
        host="web1",
        fingerprint="0123456789ab",
        event=event,
        run=run,
    )
    return replace(order, **rest)


def said(order: Order, *output: str) -> Message:
    return composed(order, output, UTC)


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        (EndReason.SUCCESS, "OK: backup succeeded"),
        (EndReason.FAILED, "ERROR: backup failed"),
        (EndReason.TIMEOUT, "ERROR: backup ran too long"),
        (EndReason.CRASHED, "ERROR: backup crashed"),
        (EndReason.STOPPED, "WARNING: backup was stopped"),
        (EndReason.SKIPPED, "WARNING: backup was skipped"),
        (EndReason.MISSED, "WARNING: backup was missed"),
    ],
)
def test_the_title_has_a_status_the_task_and_what_happened(reason: EndReason, title: str) -> None:
    assert said(an_order(a_run(reason))).title == title


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_has_a_title_of_one_line_and_a_text(kind: EventKind) -> None:
    given = {"channel": "x", "subject": "y", "reason": "z", "event": "run.failed"}
    message = said(an_order(event=Event(kind, AT, f"about {kind}", "backup", None, given)))
    assert message.title.isprintable()
    assert message.details


def test_all_of_it() -> None:
    message = said(an_order(a_run(EndReason.TIMEOUT, 143, "ran longer than its timeout of 1m")), "a", "b")
    assert f"{message.title}\n{message.text}" == (
        "ERROR: backup ran too long\n"
        "Exit code 143 after 1m5s; ran longer than its timeout of 1m\n"
        "Triggered by cron at 2023-11-14 22:13:20+00:00, ended at 2023-11-14 22:14:25+00:00\n"
        "a\n"
        "b\n"
        f"https://cron.example/runwisp/tasks/backup/runs/{RUN_ID}\n"
        "web1 (RunWisp 0123456789ab)"
    )


def test_times_are_in_the_zone_with_its_offset() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert "2023-11-15 03:43:20+05:30" in composed(an_order(), (), zone).details


def test_a_run_that_never_started_is_told_without_a_duration() -> None:
    run = ended(drafted(RUN_ID, BACKUP, Trigger.CRON, AT, AT), EndReason.FAILED, 127, "no such program", AT)
    details = said(an_order(run)).details
    assert details.splitlines() == ["No such program", "Triggered by cron at 2023-11-14 22:13:20+00:00"]


def test_repeats_and_the_last_word_on_them_say_how_often() -> None:
    since = "since 2023-11-14 22:13:20+00:00"
    assert said(an_order(count=10, since=AT)).title == f"ERROR: backup failed, 10 times {since}"
    assert said(an_order(count=37, since=AT, is_summary=True)).title == (
        f"ERROR: backup failed, 37 times {since}, until 2023-11-14 22:14:25+00:00"
    )


@pytest.mark.parametrize(
    ("event", "link"),
    [
        (Event(EventKind.DAEMON_STARTED, AT, "up"), "/notifications"),
        (Event(EventKind.RUN_MISSED, AT, "missed", "backup"), "/tasks/backup"),
        (Event(EventKind.RUN_FAILED, AT, "failed", "backup", RUN_ID), f"/tasks/backup/runs/{RUN_ID}"),
    ],
)
def test_the_link_leads_to_what_it_is_about(event: Event, link: str) -> None:
    assert said(an_order(event=event)).link == f"https://cron.example/runwisp{link}"
    assert said(an_order(event=event, external_url=None)).link is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("10%\r50%\r100%", "100%"),
        ("done\r", "done"),
        ("a\ue000b", "a\\ue000b"),
        ("tab\tbed", "tab\\tbed"),
        ("", ""),
    ],
)
def test_a_line_of_output_is_as_a_terminal_leaves_it(line: str, shown: str) -> None:
    assert shortened([line]) == (shown,)


def test_of_the_output_the_last_three_lines_are_told() -> None:
    assert shortened(list("abcde")) == ("c", "d", "e")


def test_output_that_is_too_long_loses_its_beginning() -> None:
    kept = shortened(["x" * 200, "y" * 200, "end"])
    assert kept[1:] == ("y" * 200, "end")
    assert kept[0].startswith(MARK)
    assert set(kept[0].removeprefix(MARK)) == {"x"}


@given(st.lists(texts, max_size=5))
def test_output_is_never_more_than_its_bound_nor_anything_but_text(lines: list[str]) -> None:
    kept = shortened(lines)
    assert len(kept) <= 3
    assert sum(len(line.encode()) for line in kept) <= OUTPUT_BYTES
    assert all(line.isprintable() for line in kept)


@given(texts, texts, st.lists(texts, max_size=3))
def test_whatever_others_write_a_message_is_short_and_printable(
    text: str, host: str, output: list[str]
) -> None:
    message = composed(an_order(a_run(message=text), host=host), output, UTC)
    assert message.title.isprintable()
    assert all(line.isprintable() for line in message.text.split("\n"))


@pytest.mark.parametrize("letter", ["x", "\U0001f600", "\x01"])
def test_the_longest_message_is_one_that_every_channel_takes(letter: str) -> None:
    """Source: Telegram's 4,096 UTF-16 units, the least of all."""
    text = letter * 50_000
    event = Event(EventKind.RUN_FAILED, AT, text, "t" * 100, RUN_ID)
    rest = {"external_url": "https://" + "x" * 350, "host": text, "count": 10**6, "since": AT}
    message = said(an_order(a_run(message=text), event=event, is_summary=True, **rest), *[text] * 3)
    assert message.link
    assert len(f"{message.title}\n{message.text}".encode("utf-16-le")) // 2 <= 4_096


def test_a_template_may_name_what_there_is_and_shows_what_it_mistyped() -> None:
    order = an_order()
    values = fields(order, said(order, "a", "b"))
    assert filled("$task_name/$exit_code/$duration $output $$5 $nope ${kind}", values) == (
        "backup/3/1m5s a\nb $5 $nope run.failed"
    )


def test_fields_of_an_event_do_not_take_the_place_of_others() -> None:
    event = Event(EventKind.DAEMON_STARTED, AT, "up", fields={"url": "http://x", "title": "not this"})
    order = an_order(event=event)
    values = fields(order, said(order))
    assert (values["url"], values["title"], values["exit_code"]) == ("http://x", "INFO: up", "")
