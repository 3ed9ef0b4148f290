"""Gotify: an application of a Gotify server.

Source: https://gotify.net/docs/pushmsg, https://gotify.net/docs/msgextras
"""

from __future__ import annotations

from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, place_of, post_json
from runwisp.event import Severity
from runwisp.notifier import Gotify

PRIORITIES = {Severity.INFO: 2, Severity.WARN: 5, Severity.ERROR: 8}
"""Of Gotify's 0 to 10: from 4 on a phone makes a sound, from 8 on it also shows."""


def send(dispatch: Dispatch, notifier: Gotify) -> None:
    """Raises: NotDelivered."""
    message = dispatch.message
    extras: dict[str, object] = {"client::display": {"contentType": "text/plain"}}
    if message.link:
        extras["client::notification"] = {"click": {"url": message.link}}
    document = {
        "title": message.title,
        "message": dispatch.body(),
        "priority": PRIORITIES[message.severity],
        "extras": extras,
    }
    target = Target(f"{notifier.url.rstrip('/')}/message", place_of(notifier.url))
    post_json(target, document, dispatch.key, {"X-Gotify-Key": dispatch.secrets["token"]})
