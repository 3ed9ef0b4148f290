"""Telegram: the bot API.

Source: https://core.telegram.org/bots/api#sendmessage, and #formatting-options
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from runwisp.deliver.cut import UTF16
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, post_json
from runwisp.frozen import frozen
from runwisp.message import Message
from runwisp.notifier import Telegram

API = "https://api.telegram.org"
TEXT = 4_096
"""UTF-16 units, counted once the markup is gone."""


@frozen
class Markup:
    """``escaped`` makes text harmless, ``in_block`` the text of a block of code; the patterns are filled."""

    escaped: Callable[[str], str]
    in_block: Callable[[str], str]
    title: str
    block: str


def _quoted(letters: str) -> Callable[[str], str]:
    pattern = re.compile(f"([{re.escape(letters)}])")
    return lambda text: pattern.sub(r"\\\1", text)


MARKUPS: Mapping[str, Markup] = {
    "HTML": Markup(html.escape, html.escape, "<b>{}</b>", "<pre>{}</pre>"),
    "MarkdownV2": Markup(_quoted("\\_*[]()~`>#+-=|{}.!"), _quoted("\\`"), "*{}*", "```\n{}\n```"),
    # This one knows no escapes within a block or a title.
    "Markdown": Markup(_quoted("_*`["), lambda text: text.replace("`", "'"), "{}", "```\n{}\n```"),
}
"""By ``parse_mode``."""


def send(dispatch: Dispatch, notifier: Telegram) -> None:
    """Raises: NotDelivered."""
    own = dispatch.templated(_markup(notifier).escaped if notifier.parse_mode else str)
    document = (
        _templated(own, notifier.parse_mode) if own is not None else _document(dispatch.message, notifier)
    )
    document["chat_id"] = dispatch.order.target or notifier.chat_id
    document["link_preview_options"] = {"is_disabled": True}
    token = quote(dispatch.secrets["bot_token"], safe=":")
    post_json(Target(f"{API}/bot{token}/sendMessage", "Telegram"), document, dispatch.key)


def _markup(notifier: Telegram) -> Markup:
    return MARKUPS[notifier.parse_mode or ""]


def _templated(text: str, parse_mode: str | None) -> dict[str, object]:
    """One that is too long loses its markup, which a cut would leave half open."""
    if UTF16.size(text) > TEXT:
        return {"text": UTF16.cut(text, TEXT)}
    return {"text": text, **({"parse_mode": parse_mode} if parse_mode else {})}


def _document(message: Message, notifier: Telegram) -> dict[str, object]:
    if not notifier.parse_mode:
        return _with_entities(message)
    markup = _markup(notifier)
    parts = [markup.title.format(markup.escaped(message.title)), markup.escaped(message.details)]
    if message.output:
        parts.append(markup.block.format(markup.in_block("\n".join(message.output))))
    parts += [markup.escaped(each) for each in (message.link, message.origin) if each]
    return {"text": "\n".join(parts), "parse_mode": notifier.parse_mode}


def _with_entities(message: Message) -> dict[str, object]:
    """Without a parse mode nothing is markup: what is bold and what is output is told beside the text."""
    entities: list[dict[str, object]] = [_entity("bold", "", message.title)]
    before = f"{message.title}\n{message.details}\n"
    if message.output:
        entities.append(_entity("pre", before, "\n".join(message.output)))
    return {"text": f"{message.title}\n{message.text}", "entities": entities}


def _entity(kind: str, before: str, text: str) -> dict[str, object]:
    return {"type": kind, "offset": UTF16.size(before), "length": UTF16.size(text)}
