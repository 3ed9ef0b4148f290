"""Discord: a webhook of a channel.

Source: https://docs.discord.com/developers/resources/webhook#execute-webhook
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from runwisp.clock import rfc3339
from runwisp.deliver.cut import UTF16
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, post_json
from runwisp.event import Severity
from runwisp.message import Message
from runwisp.notifier import Discord

CONTENT = 2_000
TITLE = 256
COLOURS = {Severity.INFO: 0x2E8B57, Severity.WARN: 0xD9A406, Severity.ERROR: 0xC0392B}
MARKUP = re.compile(r"[\\`*_~|\[\]<@]|^\s*(?:[>#+-]|\d+\.)", re.MULTILINE)
NOBODY: dict[str, list[str]] = {"parse": []}
"""Whom a message may call by name: what others wrote calls nobody."""


def send(dispatch: Dispatch, _notifier: Discord) -> None:
    """Raises: NotDelivered."""
    own = dispatch.templated(escaped)
    if own is not None:
        document: dict[str, object] = {"content": UTF16.cut(own, CONTENT)}
    else:
        document = {"embeds": [_embed(dispatch.message) | {"timestamp": rfc3339(dispatch.order.event.at)}]}
    url = _waiting(dispatch.secrets["webhook_url"])
    post_json(Target(url, "Discord"), document | {"allowed_mentions": NOBODY}, dispatch.key)


def escaped(text: str) -> str:
    return MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)


def _embed(message: Message) -> dict[str, object]:
    parts = [escaped(message.details)]
    if message.output:
        parts.append(f"```\n{_in_block(message.output)}\n```")
    if message.link:
        parts.append(f"<{message.link}>")
    return {
        "title": UTF16.cut(escaped(message.title), TITLE),
        "description": "\n".join(parts),
        "color": COLOURS[message.severity],
        "footer": {"text": message.origin},
    }


def _in_block(output: tuple[str, ...]) -> str:
    """Nothing but its end is markup in a block of code."""
    return "\n".join(output).replace("`", "\u200b`")


def _waiting(url: str) -> str:
    """Else Discord answers before it knows whether it takes the message."""
    target = urlsplit(url)
    query = dict(parse_qsl(target.query, keep_blank_values=True)) | {"wait": "true"}
    return target._replace(query=urlencode(query)).geturl()
