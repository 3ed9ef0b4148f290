"""Every key of ``runwisp.toml``: in which table it stands, how its value is read, what to use in its stead.

Tables and nothing else decide what a file may say: the loader, its suggestions and the census of the
reference page all go by them. Defaults are those of the dataclasses in ``task``, ``notifier`` and ``config``.
Touches nothing outside but what ``zones`` does. Called by the readers of the tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runwisp import cron, values
from runwisp.clock import SECOND
from runwisp.event import EventKind, Severity
from runwisp.frozen import frozen
from runwisp.logcap import LogOnFull
from runwisp.notifier import (
    INAPP,
    Apprise,
    Command,
    Discord,
    Gotify,
    Notifier,
    Ntfy,
    ParseMode,
    Sendmail,
    Slack,
    Smtp,
    Telegram,
    Tls,
    Webhook,
)
from runwisp.task import Backoff, CatchUp, OnOverlap, Restart
from runwisp.values import Reader, bad, choice, duration, filled_text, integer, items, size, text
from runwisp.zones import is_zone, told_unknown

Keys = dict[str, Reader[Any]]
"""The keys of a table, and how the value of each is read."""


def zone(value: object) -> str:
    """An IANA name that this machine has the data of."""
    name = text(value)
    if not is_zone(name):
        raise bad(told_unknown(name))
    return name


def cron_expression(value: object) -> str:
    expression = filled_text(value)
    try:
        cron.check(expression)
    except cron.CronError as error:
        raise bad(str(error)) from error
    return expression


def secret(read: Reader[str], expected: str) -> Reader[str]:
    """As ``read``, but never showing the value: problems end up in logs."""

    def read_quietly(value: object) -> str:
        try:
            return read(value)
        except values.BadValue:
            raise bad(f"expected {expected} (what stands there is not shown, as it may be secret)") from None

    return read_quietly


def restart(value: object) -> Restart:
    if value == "always":
        raise bad('"always" is what a service does; for a command that is to stay up use [services.NAME]')
    return choice(Restart)(value)


def notifier_id(value: object) -> str:
    word = filled_text(value)
    if word == INAPP:
        raise bad(f'"{INAPP}" is the bell, which is always there; choose another id')
    if ":" in word or not word.isprintable():
        raise bad(f"{word!r} is not an id; it must not contain a colon or control characters")
    return word


def chat_id(value: object) -> str:
    """Telegram has numbers for groups and people, and names for channels."""
    return str(value) if type(value) is int else filled_text(value)


def slack_channel(value: object) -> str:
    word = text(value)
    if not re.fullmatch(r"[#@]\S+", word):
        raise bad(f'"{word}" is not a Slack channel; write "#channel" or "@person"')
    return word


def mail_address(value: object) -> str:
    word = text(value)
    if not re.fullmatch(r"[^\x00-\x1f\x7f]*[^\s@<>]@[^\s@<>]+>?", word):
        raise bad(f'"{word}" is not a mail address; write "name@example.com"')
    return word


def ntfy_topic(value: object) -> str:
    word = text(value)
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", word):
        raise bad(f'"{word}" is not an ntfy topic; it has up to 64 letters, digits, "-" and "_"')
    return word


def header_lines(value: object) -> dict[str, str]:
    found = values.strings_by_name(value)
    flaws = [
        values.Flaw("is not the name of a header; it has letters, digits and hyphens", (name,), is_key=True)
        for name in found
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
    ]
    flaws += [
        values.Flaw("is not one line without control characters, which a header must be", (name,))
        for name, line in found.items()
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line)
    ]
    if flaws:
        raise values.BadValue(*flaws)
    return found


SCHEDULER: Keys = {"timezone": zone}
STORAGE: Keys = {"max_size": size, "min_free_space": size}
DAEMON: Keys = {"shutdown_timeout": duration(), "external_url": values.web_url}
NOTIFY: Keys = {
    "default_notifiers": items(filled_text),
    "queue_size": integer(1, 1_000_000),
    "default_timeout": duration(low=SECOND),
    "history_keep": integer(1, 1_000_000),
    "history_keep_for": duration(),
    "coalesce_window": duration(),
    "occurrence_ring": integer(1, 1000),
    "coalesce_outbound": values.boolean,
}

INHERITED: Keys = {
    "log_max_size": size,
    "log_on_full": choice(LogOnFull),
    "keep_runs": values.keep_count,
    "keep_for": values.keep_length,
    "graceful_stop": duration(),
    "stop_signal": values.stop_signal,
    "shell": values.absolute_path,
    "exit_codes": values.exit_codes,
    "env": values.environment,
    "env_file": filled_text,
}
"""What tasks and services both have and ``[defaults]`` may set for them."""

BOTH: Keys = INHERITED | {
    "run": filled_text,
    "group": text,
    "description": text,
    "api_trigger": values.boolean,
    "working_dir": filled_text,
    "umask": values.umask,
    "user": values.user,
    "notify_on_failure": items(filled_text),
    "notify_on_success": items(filled_text),
}
ONLY_TASK: Keys = {
    "cron": cron_expression,
    "timezone": zone,
    "catch_up": choice(CatchUp),
    "max_catch_up_runs": integer(1, 1_000_000),
    "run_on_start": values.boolean,
    "parallelism": integer(1, 1024),
    "on_overlap": choice(OnOverlap),
    "queue_max": integer(0, 10_000),
    "timeout": duration(low=1),
    "retry_attempts": integer(0, 100),
    "retry_delay": duration(),
    "retry_backoff": choice(Backoff),
    "restart": restart,
}
ONLY_SERVICE: Keys = {
    "instances": integer(1, 64),
    "restart_delay": duration(),
    "restart_backoff": choice(Backoff),
    "healthy_after": duration(),
    "autostart": values.boolean,
}
TASK: Keys = BOTH | ONLY_TASK
SERVICE: Keys = BOTH | ONLY_SERVICE
DEFAULTS: Keys = INHERITED | {"timeout": ONLY_TASK["timeout"]}

INSTEAD_IN_SERVICE = {
    "cron": "a service has no schedule; for what runs and ends use [tasks.NAME]",
    "timezone": "a service has no schedule; for what runs and ends use [tasks.NAME]",
    "catch_up": "a service has no schedule to catch up with; use [tasks.NAME]",
    "max_catch_up_runs": "a service has no schedule to catch up with; use [tasks.NAME]",
    "run_on_start": "a service starts with the daemon; use autostart = false for one that does not",
    "parallelism": "a service has replicas; use instances",
    "on_overlap": "a service never overlaps; use instances for the number of its replicas",
    "queue_max": "a service never queues; use instances for the number of its replicas",
    "timeout": "a service stays up; for what has to end in time use [tasks.NAME]",
    "retry_attempts": "a service is always restarted; use restart_delay and restart_backoff",
    "retry_delay": "a service is restarted; use restart_delay",
    "retry_backoff": "a service is restarted; use restart_backoff",
    "restart": "a service is always restarted; remove it, and see restart_delay and restart_backoff",
}
INSTEAD_IN_TASK = {
    "instances": "a task has no replicas; use parallelism, or [services.NAME] for what stays up",
    "restart_delay": "a task is retried; use retry_delay, or [services.NAME] for what stays up",
    "restart_backoff": "a task is retried; use retry_backoff, or [services.NAME] for what stays up",
    "healthy_after": "a task ends; use [services.NAME] for what stays up",
    "autostart": "a task is started by its cron; use run_on_start, or [services.NAME] for what stays up",
}

FOREIGN_WORDS = {
    "args": "run",
    "autorestart": "restart",
    "command": "run",
    "cmd": "run",
    "concurrency": "parallelism",
    "cwd": "working_dir",
    "directory": "working_dir",
    "environment": "env",
    "environment_file": "env_file",
    "every": "cron",
    "exec": "run",
    "exitcodes": "exit_codes",
    "interval": "cron",
    "kill_timeout": "graceful_stop",
    "max_retries": "retry_attempts",
    "numprocs": "instances",
    "on_failure": "notify_on_failure",
    "on_success": "notify_on_success",
    "replicas": "instances",
    "retention": "keep_for",
    "retries": "retry_attempts",
    "schedule": "cron",
    "script": "run",
    "startsecs": "healthy_after",
    "stopsignal": "stop_signal",
    "stopwaitsecs": "graceful_stop",
    "tz": "timezone",
    "workdir": "working_dir",
}
"""What crond's, supervisord's and others' users call our keys; also typos of these are understood."""

TABLES = {
    "scheduler": SCHEDULER,
    "storage": STORAGE,
    "daemon": DAEMON,
    "defaults": DEFAULTS,
    "notify": NOTIFY,
}
TOP_LEVEL = (*TABLES, "tasks", "services", "notifier", "notification_route")
HOMES: Mapping[str, Keys] = {
    "[tasks.NAME]": TASK,
    "[services.NAME]": SERVICE,
    **{f"[{name}]": keys for name, keys in TABLES.items()},
}
"""Where a key would be right, for one that stands elsewhere."""


@frozen
class NotifierType:
    """One value of ``type``.

    ``secrets`` are each given in one of three ways; ``target`` is the key that an address ``id:target``
    overrides, and ``needs_target``: nothing can be sent without one.
    """

    make: type[Notifier]
    keys: Keys
    secrets: Keys
    required: tuple[str, ...] = ()
    target: str = ""
    read_target: Reader[Any] = text
    needs_target: bool = False


SECRET_URL = secret(values.web_url, "an absolute URL as a string")
SECRET_TEXT = secret(filled_text, "a string that is not blank")
OPTIONAL_SECRET = secret(text, "a string")
MAIL_ADDRESSES = items(mail_address)

NOTIFIER_TYPES: Mapping[str, NotifierType] = {
    Slack.type: NotifierType(
        make=Slack,
        keys={"channel": slack_channel},
        secrets={"webhook_url": SECRET_URL},
        target="channel",
        read_target=slack_channel,
    ),
    Discord.type: NotifierType(make=Discord, keys={}, secrets={"webhook_url": SECRET_URL}),
    Telegram.type: NotifierType(
        make=Telegram,
        keys={"chat_id": chat_id, "parse_mode": choice(ParseMode)},
        secrets={"bot_token": SECRET_TEXT},
        target="chat_id",
        read_target=chat_id,
        needs_target=True,
    ),
    Webhook.type: NotifierType(
        make=Webhook, keys={"headers": header_lines}, secrets={"url": SECRET_URL, "secret": SECRET_TEXT}
    ),
    Smtp.type: NotifierType(
        make=Smtp,
        keys={
            "host": filled_text,
            "port": integer(1, 65_535),
            "tls": choice(Tls),
            "username": filled_text,
            "from": mail_address,
            "to": MAIL_ADDRESSES,
            "cc": MAIL_ADDRESSES,
            "reply_to": mail_address,
        },
        secrets={"password": OPTIONAL_SECRET},
        required=("host",),
        target="to",
        read_target=mail_address,
        needs_target=True,
    ),
    Sendmail.type: NotifierType(
        make=Sendmail,
        keys={"to": MAIL_ADDRESSES, "from": mail_address, "path": values.absolute_path},
        secrets={},
        target="to",
        read_target=mail_address,
        needs_target=True,
    ),
    Ntfy.type: NotifierType(
        make=Ntfy,
        keys={"url": values.web_url, "topic": ntfy_topic, "priority": integer(1, 5)},
        secrets={"token": OPTIONAL_SECRET},
        target="topic",
        read_target=ntfy_topic,
        needs_target=True,
    ),
    Gotify.type: NotifierType(
        make=Gotify, keys={"url": values.web_url}, secrets={"token": SECRET_TEXT}, required=("url",)
    ),
    Command.type: NotifierType(make=Command, keys={"run": filled_text}, secrets={}, required=("run",)),
    Apprise.type: NotifierType(make=Apprise, keys={}, secrets={"url": SECRET_TEXT}),
}
NOTIFIER: Keys = {"id": notifier_id, "type": text, "template_path": filled_text}
SECRET_FORMS = ("", "_env", "_file")

ROUTE: Keys = {"notify": items(filled_text, is_empty_allowed=False)}
MATCH: Keys = {
    "kind": items(choice(EventKind), is_empty_allowed=False),
    "task": filled_text,
    "severity": choice(Severity),
}


def notifier_keys(kind: NotifierType) -> Keys:
    """All keys of a type, secrets in their three forms."""
    elsewhere = {f"{name}{form}": filled_text for name in kind.secrets for form in SECRET_FORMS if form}
    return NOTIFIER | kind.keys | kind.secrets | elsewhere
