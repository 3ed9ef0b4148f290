"""Notifiers, routes and addresses: what can be declared, and what is refused before it fails to be sent."""

from __future__ import annotations

import pytest

from runwisp import config
from runwisp.clock import HOUR, SECOND
from runwisp.config import Config, Reader
from runwisp.errors import ConfigError
from runwisp.event import EventKind, Severity
from runwisp.hostzone import HostZone
from runwisp.notifier import (
    Apprise,
    Command,
    Discord,
    Gotify,
    Notifier,
    Ntfy,
    Secret,
    SecretSource,
    Sendmail,
    Slack,
    Smtp,
    Telegram,
    Tls,
    Webhook,
)
from runwisp.route import Match, Route, split

DECLARED = """
[[notifier]]
id = "slack"
type = "slack"
webhook_url = "https://hooks.slack.com/x"
[[notifier]]
id = "tg"
type = "telegram"
bot_token = "1:x"
[[notifier]]
id = "mail"
type = "smtp"
host = "mail"
password = ""
to = ["ops@example.com"]
[[notifier]]
id = "hook"
type = "webhook"
url = "https://a.b"
secret = "x"
"""


def parse(text: str) -> Config:
    return config.parse(text, "/etc/runwisp/runwisp.toml", Reader(True, HostZone("UTC")))


def notifier(body: str) -> Notifier:
    (found,) = parse(f'[[notifier]]\nid = "it"\n{body}').notifiers.values()
    return found


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [problem.spelled("f") for problem in caught.value.problems]


def inline(text: str) -> Secret:
    return Secret(SecretSource.INLINE, text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            'type = "slack"\nwebhook_url_env = "HOOK"\nchannel = "#ops"',
            Slack(id="it", webhook_url=Secret(SecretSource.ENV, "HOOK"), channel="#ops"),
        ),
        (
            'type = "discord"\nwebhook_url_file = "hook"\ntemplate_path = "t.txt"',
            Discord(
                id="it",
                webhook_url=Secret(SecretSource.FILE, "hook"),
                template_path="/etc/runwisp/t.txt",
            ),
        ),
        (
            'type = "telegram"\nbot_token = "1:x"\nchat_id = -100\nparse_mode = "HTML"',
            Telegram(id="it", bot_token=inline("1:x"), chat_id="-100", parse_mode="HTML"),
        ),
        (
            'type = "webhook"\nurl = "https://a.b"\nsecret = "x"\nheaders = {X-A = "1"}',
            Webhook(id="it", url=inline("https://a.b"), secret=inline("x"), headers={"X-A": "1"}),
        ),
        (
            'type = "smtp"\nhost = "h"\nport = 25\ntls = "none"\nusername = "u"\npassword = "p"\n'
            'from = "a@b"\nto = ["Ops <o@b>"]\ncc = ["c@b"]\nreply_to = "r@b"',
            Smtp(
                id="it",
                host="h",
                port=25,
                tls=Tls.NONE,
                username="u",
                password=inline("p"),
                from_="a@b",
                to=("Ops <o@b>",),
                cc=("c@b",),
                reply_to="r@b",
            ),
        ),
        (
            'type = "sendmail"\nto = ["o@b"]\nfrom = "a@b"\npath = "/usr/lib/sendmail"',
            Sendmail(id="it", to=("o@b",), from_="a@b", path="/usr/lib/sendmail"),
        ),
        (
            'type = "ntfy"\nurl = "http://n"\ntopic = "ops"\ntoken = "t"\npriority = 5',
            Ntfy(id="it", url="http://n", topic="ops", token=inline("t"), priority=5),
        ),
        (
            'type = "gotify"\nurl = "http://g"\ntoken = "t"',
            Gotify(id="it", url="http://g", token=inline("t")),
        ),
        ('type = "command"\nrun = "logger"', Command(id="it", run="logger")),
        ('type = "apprise"\nurl = "json://x"', Apprise(id="it", url=inline("json://x"))),
    ],
)
def test_each_type_has_its_keys(body: str, expected: Notifier) -> None:
    assert notifier(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('type = "slck"', 'f:3:8: notifier[0].type: "slck" is not one of "slack", "discord"'),
        ("", "f:1:3: notifier[0].type: is missing"),
        ('type = "command"', "f:1:3: notifier[0].run: is missing"),
        ('type = "command"\nrun = "x"\nurl = "x"', "f:5:1: notifier[0].url: unknown key"),
        (
            'type = "slack"',
            "f:1:3: notifier[0].webhook_url: is missing; give one of webhook_url, webhook_url_env",
        ),
        (
            'type = "slack"\nwebhook_url = "https://a.b"\nwebhook_url_env = "X"',
            "f:5:1: notifier[0].webhook_url_env: is given in 2 ways (webhook_url, webhook_url_env); keep one",
        ),
        ('type = "ntfy"', 'or token = "" where none is asked for'),
        ('type = "slack"\nwebhook_url = ""', "f:4:15: notifier[0].webhook_url: expected an absolute URL"),
        ('type = "slack"\nwebhook_url_env = ""', "f:4:19: notifier[0].webhook_url_env: is blank"),
        ('type = "slack"\nwebhook_url = "https://a.b"\nchannel = "ops"', '"ops" is not a Slack channel'),
        ('type = "sendmail"\nto = ["ops", "a@b"]', 'f:4:7: notifier[0].to[0]: "ops" is not a mail address'),
        ('type = "sendmail"\nfrom = "a@b\\nBcc: c@d"', "is not a mail address"),
        (
            'type = "webhook"\nurl = "https://a.b"\nsecret = "x"\nheaders = {"A B" = "1"}',
            'f:6:12: notifier[0].headers."A B": is not the name of a header',
        ),
        (
            'type = "webhook"\nurl = "https://a.b"\nsecret = "x"\nheaders = {A = "1\\r\\nB: 2"}',
            "notifier[0].headers.A: is not one line",
        ),
        ('type = "ntfy"\ntoken = ""\ntopic = "a/b"', '"a/b" is not an ntfy topic'),
        ('type = "ntfy"\ntoken = ""\npriority = 6', "6 is out of range: 1 to 5"),
    ],
)
def test_what_cannot_be_sent_is_refused(body: str, expected: str) -> None:
    (problem,) = problems(f'[[notifier]]\nid = "it"\n{body}')
    assert expected in problem


@pytest.mark.parametrize("value", ['"tok en-1234\\u0000"', "1234567", '["tok"]'])
def test_a_secret_that_is_wrong_is_not_shown(value: str) -> None:
    (problem,) = problems(f'[[notifier]]\nid = "it"\ntype = "telegram"\nbot_token = {value}')
    assert "notifier[0].bot_token" in problem
    assert "tok " not in problem
    assert "1234" not in problem


def test_a_secret_is_not_in_what_is_printed() -> None:
    assert "hooks.slack.com" not in repr(parse(DECLARED))


def test_the_variables_of_secrets_are_known() -> None:
    text = '[[notifier]]\nid = "a"\ntype = "slack"\nwebhook_url_env = "HOOK"\n'
    text += '[[notifier]]\nid = "b"\ntype = "telegram"\nbot_token_env = "BOT"\n'
    assert parse(text + DECLARED).secret_variables == {"HOOK", "BOT"}


@pytest.mark.parametrize(
    ("identity", "why"), [("inapp", "is the bell"), ("a:b", "must not contain a colon"), ("", "is blank")]
)
def test_an_id_can_be_told_from_the_bell_and_from_a_target(identity: str, why: str) -> None:
    (problem,) = problems(f'[[notifier]]\nid = "{identity}"\ntype = "command"\nrun = "x"')
    assert why in problem


def test_an_id_is_unique() -> None:
    twice = '[[notifier]]\nid = "a"\ntype = "command"\nrun = "x"\n' * 2
    assert problems(twice) == ['f:6:6: notifier[1].id: "a" is taken by another notifier; choose another id']


@pytest.mark.parametrize(
    "address", ["inapp", "slack", "slack:#ops", "slack:@joe", "tg:-100", "tg:@news", "mail", "mail:a@b"]
)
def test_an_address_can_be(address: str) -> None:
    loaded = parse(f'{DECLARED}[tasks.a]\nrun = "x"\nnotify_on_failure = ["{address}"]')
    assert loaded.tasks["a"].notify_on_failure == (address,)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("slak", '"slak" is not the id of a notifier, did you mean "slack"?'),
        ("zzzz", '"zzzz" is not the id of a notifier; declare it with [[notifier]]'),
        ("tg", '"tg" has no chat_id; give it one, or write "tg:TARGET" here'),
        ("slack:ops", '"ops" is not a Slack channel'),
        ("mail:ops", '"ops" is not a mail address'),
        ("hook:x", 'a notifier of type webhook has no targets; write "hook"'),
        ("inapp:x", 'the bell has no targets; write "inapp"'),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        '[tasks.a]\nrun = "x"\nnotify_on_success = ["{}"]',
        '[services.a]\nrun = "x"\nnotify_on_failure = ["{}"]',
        '[notify]\ndefault_notifiers = ["{}"]',
        '[[notification_route]]\nmatch.kind = ["run.failed"]\nnotify = ["{}"]',
    ],
)
def test_an_address_that_cannot_be_reached_fails_at_load(use: str, address: str, why: str) -> None:
    (problem,) = problems(DECLARED + use.format(address))
    assert why in problem


@pytest.mark.parametrize(
    "use",
    [
        '[tasks.a]\nrun = "x"\nnotify_on_failure = ["nope", 3, ""]',
        '[notify]\ndefault_notifiers = ["nope", 3, ""]',
        '[[notification_route]]\nmatch.kind = ["run.failed"]\nnotify = ["nope", 3, ""]',
    ],
)
def test_what_is_no_address_keeps_no_other_flaw_from_being_told(use: str) -> None:
    nope, three, empty = problems(DECLARED + use)
    assert '"nope" is not the id of a notifier' in nope
    assert "[1]" in three
    assert "[2]" in empty


def test_a_notifier_with_a_flaw_is_not_reported_as_undeclared_as_well() -> None:
    text = '[[notifier]]\nid = "a"\ntype = "command"\n[tasks.b]\nrun = "x"\nnotify_on_failure = ["a"]'
    assert len(problems(text)) == 1


def test_an_unused_notifier_is_fine() -> None:
    assert set(parse(DECLARED).notifiers) == {"slack", "tg", "mail", "hook"}


def test_a_route_says_what_reaches_whom() -> None:
    text = DECLARED + (
        "[[notification_route]]\n"
        'match = {kind = ["run.failed", "run.timeout"], task = "b*", severity = "warn"}\n'
        'notify = ["slack", "mail:a@b"]\n'
        '[[notification_route]]\nmatch.kind = ["notify.delivery_failed"]\nnotify = ["inapp"]\n'
    )
    assert parse(text).routes == (
        Route(
            Match(frozenset({EventKind.RUN_FAILED, EventKind.RUN_TIMEOUT}), "b*", Severity.WARN),
            ("slack", "mail:a@b"),
        ),
        Route(Match(frozenset({EventKind.NOTIFY_DELIVERY_FAILED})), ("inapp",)),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('match.kind = ["run.failed"]', ["f:1:3: notification_route[0].notify: is missing"]),
        ('notify = ["inapp"]', ["f:1:3: notification_route[0].match.kind: is missing"]),
        ('match = 5\nnotify = ["inapp"]', ["f:2:1: notification_route[0].match: expected a table"]),
        (
            'match.kind = ["run.fail"]\nmatch.severty = "x"\nnotify = []',
            [
                'f:2:15: notification_route[0].match.kind[0]: "run.fail" is not one of',
                'f:3:7: notification_route[0].match.severty: unknown key, did you mean "severity"?',
                "f:4:10: notification_route[0].notify: is empty",
            ],
        ),
    ],
)
def test_a_route_that_reaches_nobody_is_refused(body: str, expected: list[str]) -> None:
    found = problems(f"[[notification_route]]\n{body}")
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))


def test_the_settings_of_notify_are_read() -> None:
    settings = parse(
        """
        [notify]
        default_notifiers = []
        queue_size = 5
        default_timeout = "1s"
        history_keep = 6
        history_keep_for = "1h"
        coalesce_window = "0s"
        occurrence_ring = 7
        coalesce_outbound = false
        """
    ).notify
    assert settings.default_notifiers == ()
    assert (settings.queue_size, settings.history_keep, settings.occurrence_ring) == (5, 6, 7)
    assert (settings.default_timeout, settings.history_keep_for, settings.coalesce_window) == (
        SECOND,
        HOUR,
        0,
    )
    assert settings.coalesce_outbound is False


def test_an_address_splits_at_its_first_colon() -> None:
    assert split("slack") == ("slack", None)
    assert split("tg:a:b") == ("tg", "a:b")
    assert split("tg:") == ("tg", "")
