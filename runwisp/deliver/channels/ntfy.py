"""ntfy: a topic of ntfy.sh or of a server of one's own.

Source: https://docs.ntfy.sh/publish/#publish-as-json
"""

from __future__ import annotations

import json

from runwisp.deliver.cut import BYTES
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, place_of, post_json
from runwisp.notifier import Ntfy

TITLE = 250
MESSAGE = 4_096
"""Bytes; a longer message would arrive as a file."""
DOCUMENT = 2 * MESSAGE
"""Bytes of JSON that a server reads."""


def send(dispatch: Dispatch, notifier: Ntfy) -> None:
    """Raises: NotDelivered."""
    order, message = dispatch.order, dispatch.message
    document: dict[str, object] = {
        "topic": order.target or notifier.topic,
        "title": BYTES.cut(message.title, TITLE),
        "message": BYTES.cut(dispatch.body(), MESSAGE),
    }
    if notifier.priority is not None:
        document["priority"] = notifier.priority
    if message.link:
        document["click"] = message.link
    token = dispatch.secrets["token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    target = Target(notifier.url.rstrip("/") + "/", place_of(notifier.url))
    post_json(target, _fitting(document), dispatch.key, headers)


def _fitting(document: dict[str, object]) -> dict[str, object]:
    """Escapes of JSON may make of a short message a long document."""
    surplus = len(json.dumps(document, ensure_ascii=False).encode()) - DOCUMENT
    if surplus <= 0:
        return document
    text = str(document["message"])
    return document | {"message": BYTES.cut(text, max(0, BYTES.size(text) - surplus))}
