"""Every channel that is a web service: what arrives there, and that the service would take it."""

from __future__ import annotations

import hmac
import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runwisp.deliver.attempt import attempted
from runwisp.deliver.channels import telegram
from runwisp.delivery import CHANNELS, Order, Outcome, Verdict
from runwisp.event import Event, EventKind
from runwisp.notifier import (
    Apprise,
    Discord,
    Gotify,
    Notifier,
    Ntfy,
    Slack,
    Telegram,
    Webhook,
)
from tests.integration import services
from tests.integration.receiver import Judge, Receiver, Request
from tests.integration.sending import HOSTILE, RUN_ID, Deliver, a_run, an_order, inline, write_log

SENT = Outcome(Verdict.SENT)
TASK = "_nightly_-backup_"
LINK = f"https://cron.example/tasks/{TASK}/runs/{RUN_ID}"
Made = Callable[[Receiver], Notifier]

SERVICES: dict[str, tuple[Judge | None, Made]] = {
    "slack": (
        services.slack,
        lambda at: Slack(id="it", webhook_url=inline(at.url(services.SLACK_PATH)), channel="#ops"),
    ),
    "discord": (
        services.discord,
        lambda at: Discord(id="it", webhook_url=inline(at.url(services.DISCORD_PATH))),
    ),
    "telegram": (
        services.telegram,
        lambda _: Telegram(id="it", bot_token=inline(services.TELEGRAM_TOKEN), chat_id="-100"),
    ),
    "webhook": (
        None,
        lambda at: Webhook(
            id="it",
            url=inline(at.url("/hook?a=b")),
            secret=inline("key"),
            headers={"X-Team": "ops", "content-type": "application/vnd.it+json"},
        ),
    ),
    "ntfy": (
        services.ntfy,
        lambda at: Ntfy(id="it", url=at.url(), topic="ops", token=inline(services.NTFY_TOKEN), priority=4),
    ),
    "gotify": (
        services.gotify,
        lambda at: Gotify(id="it", url=at.url(), token=inline(services.GOTIFY_TOKEN)),
    ),
    "apprise": (None, lambda at: Apprise(id="it", url=inline(at.url("/x").replace("http:", "json:")))),
}


def sent(
    kind: str, data: Path, order: Callable[[Order], Order] = lambda order: order, **keys: Any
) -> Request:
    """The request that one notification became, once the service took it. ``keys`` of the notifier.

    In this very process, but for apprise, which does not clean up behind itself.
    """
    judge, make = SERVICES[kind]
    with Receiver(judge) as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setattr(telegram, "API", receiver.url(""))
        made = order(an_order(replace(make(receiver), **keys), data, a_run(TASK)))
        assert (Deliver()(made) if kind == "apprise" else attempted(made, {})) == SENT
        return receiver.only


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """A data directory in which the run printed markup and escape sequences."""
    write_log(tmp_path, a_run(TASK), "first", HOSTILE, "\x1b[31mred\x1b[0m \u202e50%\r100%", "last")
    return tmp_path


def hostile(order: Order) -> Order:
    assert order.run
    return replace(order, run=replace(order.run, message=f"boom {HOSTILE}"))


def assert_said(text: str) -> None:
    """All that a message says, as its reader sees it."""
    assert f"ERROR: {TASK} failed" in text
    assert f"Exit code 3 after 1m5s; boom {HOSTILE}\nTriggered by cron at 2023-11-14 22:13:20+00:00" in text
    assert f"{HOSTILE}\n100%\nlast" in text
    assert "first" not in text
    assert "\x1b" not in text
    assert LINK in text
    assert "web1.example (RunWisp 0123456789ab)" in text


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize("kind", SERVICES)
def test_a_process_posts_a_message_once_with_its_key(kind: str, tmp_path: Path) -> None:
    judge, make = SERVICES[kind]
    with Receiver(judge) as receiver:
        deliver = Deliver(patches=[f"runwisp.deliver.channels.telegram.API = {receiver.url('')!r}"])
        assert deliver(an_order(make(receiver), tmp_path, a_run(TASK))) == SENT
    request = receiver.only
    assert request.method == "POST"
    if kind != "apprise":  # which sends as it likes
        assert request.headers["Idempotency-Key"] == "01HF7YAT00DE11VERY00000001"
        assert request.headers["User-Agent"].startswith("runwisp/")
    assert f"{TASK} failed" in request.body.decode() or kind == "discord"


def test_slack_shows_what_was_meant(printed: Path) -> None:
    request = sent("slack", printed, hostile)
    assert_said(services.slack_shown(request.json))
    assert request.json["mrkdwn"] is False
    assert_said(html.unescape(request.json["text"]))
    assert "<" not in request.json["text"]
    assert request.json["channel"] == "#ops"


def test_slack_posts_to_another_channel(tmp_path: Path) -> None:
    request = sent("slack", tmp_path, lambda order: replace(order, target="@ann"))
    assert request.json["channel"] == "@ann"


def test_discord_shows_what_was_meant(printed: Path) -> None:
    request = sent("discord", printed, hostile)
    [embed] = request.json["embeds"]
    texts = [services.discord_shown(embed["title"]), services.discord_shown(embed["description"])]
    assert_said("\n".join([*texts, embed["footer"]["text"]]))
    assert request.json["allowed_mentions"] == {"parse": []}
    assert request.path == f"{services.DISCORD_PATH}?wait=true"


@pytest.mark.parametrize("parse_mode", [None, "HTML", "MarkdownV2"])
def test_telegram_shows_what_was_meant(printed: Path, parse_mode: str | None) -> None:
    request = sent("telegram", printed, hostile, parse_mode=parse_mode)
    assert_said(services.telegram_shown(request.json))
    assert request.json["chat_id"] == "-100"
    assert request.json.get("parse_mode") == parse_mode


def test_telegram_without_a_parse_mode_tells_what_is_bold_beside_the_text(printed: Path) -> None:
    found = sent("telegram", printed).json
    units = found["text"].encode("utf-16-le")
    parts = {
        each["type"]: units[2 * each["offset"] : 2 * (each["offset"] + each["length"])].decode("utf-16-le")
        for each in found["entities"]
    }
    assert parts == {"bold": f"ERROR: {TASK} failed", "pre": f"{HOSTILE}\n100%\nlast"}


def test_telegrams_old_markdown_is_taken(printed: Path) -> None:
    request = sent("telegram", printed, hostile, parse_mode="Markdown")
    assert request.json["parse_mode"] == "Markdown"
    assert f"ERROR: {TASK} failed" in services.telegram_shown(request.json)


def test_a_webhook_gets_all_that_is_known_signed(printed: Path) -> None:
    request = sent("webhook", printed, hostile)
    digest = hmac.digest(b"key", request.body, "sha256").hex()
    assert request.headers["X-RunWisp-Signature"] == f"sha256={digest}"
    assert request.path == "/hook?a=b"
    assert request.headers["X-Team"] == "ops"
    assert request.headers["content-type"] == "application/vnd.it+json"
    found = request.json
    assert_said(f"{found['title']}\n{found['text']}")
    assert found["event"]["kind"] == "run.failed"
    assert found["event"]["severity"] == "error"
    assert found["event"]["at"] == "2023-11-14T22:14:25.100Z"
    assert found["run"]["id"] == RUN_ID
    assert found["run"]["end_reason"] == "failed"
    assert found["run"]["exit_code"] == 3
    assert found["run"]["start_at"] == "2023-11-14T22:13:20.100Z"
    assert found["log_tail"] == [HOSTILE, "100%", "last"]
    assert found["delivery_id"] == request.headers["Idempotency-Key"]


def test_ntfy_gets_text_in_which_nothing_is_markup(printed: Path) -> None:
    found = sent("ntfy", printed, hostile).json
    assert_said(f"{found['title']}\n{found['message']}")
    assert (found["topic"], found["priority"], found["click"]) == ("ops", 4, LINK)
    assert "markdown" not in found


def test_ntfy_publishes_to_another_topic(tmp_path: Path) -> None:
    assert sent("ntfy", tmp_path, lambda order: replace(order, target="night")).json["topic"] == "night"


def test_gotify_gets_text_in_which_nothing_is_markup(printed: Path) -> None:
    found = sent("gotify", printed, hostile).json
    assert_said(f"{found['title']}\n{found['message']}")
    assert found["priority"] == 8
    assert found["extras"]["client::display"] == {"contentType": "text/plain"}
    assert found["extras"]["client::notification"] == {"click": {"url": LINK}}


def test_apprise_gets_title_and_text(printed: Path) -> None:
    found = sent("apprise", printed, hostile).json
    assert_said(f"{found['title']}\n{found['message']}")
    assert found["type"] == "failure"


LONG = {
    "words": "x" * 50_000,
    "quotes": '"' * 50_000,
    "ampersands": "&<>" * 20_000,
    "astral": "\U0001f600" * 50_000,
    "controls": "\x01" * 50_000,
    "underscores": "_*`" * 20_000,
}


@pytest.mark.parametrize("long", LONG)
@pytest.mark.parametrize("kind", ["slack", "discord", "telegram", "HTML", "MarkdownV2", "ntfy", "gotify"])
def test_a_message_that_is_too_long_is_cut_with_a_mark(kind: str, long: str, tmp_path: Path) -> None:
    """That the service takes it is what ``sent`` asserts."""
    write_log(tmp_path, a_run(TASK), LONG[long], LONG[long])

    def overlong(order: Order) -> Order:
        assert order.run
        return replace(order, run=replace(order.run, message=LONG[long]), host="h" * 500)

    keys: dict[str, Any] = {"parse_mode": kind} if kind in ("HTML", "MarkdownV2") else {}
    request = sent(kind if kind in SERVICES else "telegram", tmp_path, overlong, **keys)
    assert "[..." in re.sub(r"\\\\?(.)", r"\1", request.body.decode())


@pytest.mark.parametrize("kind", ["slack", "discord", "telegram", "HTML", "ntfy", "gotify", "apprise"])
def test_a_template_gives_the_text(kind: str, tmp_path: Path, printed: Path) -> None:
    template = tmp_path / "it.txt"
    template.write_text("$task_name: $end_reason after $duration, 100$$, $HOME\n$output")
    keys: dict[str, Any] = {"template_path": str(template)}
    if kind == "HTML":
        kind, keys["parse_mode"] = "telegram", "HTML"
    found = sent(kind, printed, hostile, **keys).json
    readers: dict[str, Callable[[], str]] = {
        "slack": lambda: services.slack_text_shown(found["text"]),
        "discord": lambda: re.sub(r"\\([^0-9A-Za-z\s])", r"\1", found["content"]),
        "telegram": lambda: services.telegram_shown(found),
    }
    shown = readers.get(kind, lambda: str(found["message"]))()
    assert shown == f"{TASK}: failed after 1m5s, 100$, $HOME\n{HOSTILE}\n100%\nlast"


def test_a_template_makes_the_whole_body_of_a_webhook(tmp_path: Path, printed: Path) -> None:
    template = tmp_path / "it.json"
    template.write_text('{"summary": "$title", "lines": "$output"}')
    request = sent("webhook", printed, hostile, template_path=str(template))
    assert request.json == {"summary": f"ERROR: {TASK} failed", "lines": f"{HOSTILE}\n100%\nlast"}


def test_a_template_that_is_not_there_is_told_of_in_the_usual_text(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.txt")
    text = sent("ntfy", tmp_path, template_path=missing).json["message"]
    assert f"The template {missing} cannot be used: no such file or directory." in text
    assert "Exit code 3 after 1m5s" in text


def test_a_template_that_is_too_long_is_cut(tmp_path: Path) -> None:
    template = tmp_path / "it.txt"
    template.write_text("<b>" + "x" * 60_000 + "</b>")
    for kind in ("slack", "discord", "telegram", "ntfy"):
        keys: dict[str, Any] = {"parse_mode": "HTML"} if kind == "telegram" else {}
        assert "[...]" in sent(kind, tmp_path, template_path=str(template), **keys).body.decode()


def test_a_template_that_json_makes_long_is_cut_for_ntfy(tmp_path: Path) -> None:
    """Its server reads 8,192 bytes of a document."""
    template = tmp_path / "it.txt"
    template.write_text('"' * 5_000)
    assert sent("ntfy", tmp_path, template_path=str(template)).json["message"].endswith('""[...]')


def test_repeats_say_how_often_and_since_when(tmp_path: Path) -> None:
    def tenth(order: Order) -> Order:
        return replace(order, count=10, since=order.event.at)

    title = sent("ntfy", tmp_path, tenth).json["title"]
    assert title == f"ERROR: {TASK} failed, 10 times since 2023-11-14 22:14:25+00:00"


def test_without_an_external_url_there_is_no_link(tmp_path: Path) -> None:
    found = sent("ntfy", tmp_path, lambda order: replace(order, external_url=None)).json
    assert "click" not in found
    assert "http" not in found["message"]


def test_a_log_that_is_gone_is_no_reason_to_be_silent(tmp_path: Path) -> None:
    assert sent("webhook", tmp_path).json["log_tail"] == []


def test_an_event_without_a_run_is_told_in_its_own_words(tmp_path: Path) -> None:
    event = Event(EventKind.DAEMON_STARTED, a_run().created_at, "runwisp runs 3 tasks")
    found = sent("webhook", tmp_path, lambda order: replace(order, event=event, run=None)).json
    assert found["title"] == "INFO: runwisp runs 3 tasks"
    assert found["run"] is None
    assert found["link"] == "https://cron.example/notifications"


def test_every_channel_of_the_web_is_tried() -> None:
    assert {*SERVICES} == {*CHANNELS} - {"smtp", "sendmail", "command"}
