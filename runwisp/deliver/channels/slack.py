"""Slack: an incoming webhook, or that of a service that speaks alike, such as Mattermost.

Source: https://docs.slack.dev/reference/block-kit/blocks, https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

from runwisp.deliver.cut import CHARACTERS
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, post_json
from runwisp.message import Message
from runwisp.notifier import Slack

TEXT = 40_000
HEADER = 150
SECTION = 3_000
MARKS = re.compile(r"(?<!\w)[*_~`]+|[*_~`]+(?!\w)")


def send(dispatch: Dispatch, notifier: Slack) -> None:
    """Raises: NotDelivered."""
    own = dispatch.templated(escaped)
    document: dict[str, object] = (
        {"text": CHARACTERS.cut(own, TEXT)} if own is not None else _document(dispatch.message)
    )
    channel = dispatch.order.target or notifier.channel
    if channel:
        document["channel"] = channel
    post_json(Target(dispatch.secrets["webhook_url"], "Slack"), document, dispatch.key)


def escaped(text: str) -> str:
    """For a text in which marks count. Slack has no escape for those that embrace words: a space of no width
    keeps them from the words."""
    return MARKS.sub(lambda found: "\u200b".join(["", *found[0], ""]), inert(text))


def inert(text: str) -> str:
    """For a text in which no mark counts: no link, nobody who is called."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _document(message: Message) -> dict[str, object]:
    """Blocks of plain text, in which nothing is markup. ``text`` is for notifications, and for services that
    know no blocks."""
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": _plain(CHARACTERS.cut(message.title, HEADER))},
        {"type": "section", "text": _plain(CHARACTERS.cut(message.details, SECTION))},
    ]
    if message.output:
        blocks.append({"type": "rich_text", "elements": [_preformatted("\n".join(message.output))]})
    if message.link:
        link = {"type": "link", "url": message.link}
        blocks.append({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]})
    blocks.append({"type": "context", "elements": [_plain(message.origin)]})
    text = CHARACTERS.cut(inert(f"{message.title}\n{message.text}"), TEXT)
    return {"text": text, "mrkdwn": False, "blocks": blocks, "unfurl_links": False}


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _preformatted(text: str) -> dict[str, object]:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
