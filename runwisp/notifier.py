"""Notifiers: the channels that a notification can leave by, and the settings of the bell and the queue.

Pure. Every field is named as its key in ``runwisp.toml`` (``from`` as ``from_``); None is "not given".
Secrets are never read here: a notifier knows only where each is. Made by the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import ClassVar

from runwisp.clock import DAY, HOUR, MINUTE, Millis
from runwisp.frozen import frozen

INAPP = "inapp"
"""The bell of the dashboards: always there, and the only notifier that nobody declares."""


class SecretSource(StrEnum):
    INLINE = "inline"
    ENV = "env"
    FILE = "file"


@frozen
class Secret:
    """Where a secret is: itself, the name of a variable, or a file relative to the data directory."""

    source: SecretSource
    text: str = field(repr=False)


class Tls(StrEnum):
    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class ParseMode(StrEnum):
    """Of the markup that Telegram knows. Source: https://core.telegram.org/bots/api#formatting-options"""

    HTML = "HTML"
    MARKDOWN_V2 = "MarkdownV2"
    MARKDOWN = "Markdown"


@frozen(kw_only=True)
class Channel:
    """What all notifiers have in common. ``template_path`` is absolute."""

    id: str
    template_path: str | None = None


@frozen(kw_only=True)
class Slack(Channel):
    type: ClassVar[str] = "slack"
    webhook_url: Secret
    channel: str | None = None


@frozen(kw_only=True)
class Discord(Channel):
    type: ClassVar[str] = "discord"
    webhook_url: Secret


@frozen(kw_only=True)
class Telegram(Channel):
    type: ClassVar[str] = "telegram"
    bot_token: Secret
    chat_id: str | None = None
    parse_mode: str | None = None


@frozen(kw_only=True)
class Webhook(Channel):
    type: ClassVar[str] = "webhook"
    url: Secret
    secret: Secret
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@frozen(kw_only=True)
class Smtp(Channel):
    """Without ``port`` the usual one of ``tls``; an empty ``password`` is a server that asks for none."""

    type: ClassVar[str] = "smtp"
    host: str
    password: Secret
    port: int | None = None
    tls: Tls = Tls.STARTTLS
    username: str | None = None
    from_: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: str | None = None


@frozen(kw_only=True)
class Sendmail(Channel):
    type: ClassVar[str] = "sendmail"
    to: tuple[str, ...] = ()
    from_: str | None = None
    path: str = "/usr/sbin/sendmail"


@frozen(kw_only=True)
class Ntfy(Channel):
    """An empty ``token`` is a server that asks for none."""

    type: ClassVar[str] = "ntfy"
    token: Secret
    url: str = "https://ntfy.sh"
    topic: str | None = None
    priority: int | None = None


@frozen(kw_only=True)
class Gotify(Channel):
    type: ClassVar[str] = "gotify"
    url: str
    token: Secret


@frozen(kw_only=True)
class Command(Channel):
    type: ClassVar[str] = "command"
    run: str


@frozen(kw_only=True)
class Apprise(Channel):
    type: ClassVar[str] = "apprise"
    url: Secret


Notifier = Slack | Discord | Telegram | Webhook | Smtp | Sendmail | Ntfy | Gotify | Command | Apprise


@frozen(kw_only=True)
class NotifySettings:
    """The table ``[notify]``."""

    default_notifiers: tuple[str, ...] = (INAPP,)
    queue_size: int = 1024
    default_timeout: Millis = 5 * MINUTE
    history_keep: int = 1024
    history_keep_for: Millis = 90 * DAY
    coalesce_window: Millis = HOUR
    occurrence_ring: int = 10
    coalesce_outbound: bool = True
