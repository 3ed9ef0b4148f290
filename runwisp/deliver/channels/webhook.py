"""A webhook of one's own: JSON, signed, so that who receives it knows whose it is."""

from __future__ import annotations

import hmac

from runwisp.deliver import record
from runwisp.deliver.dispatch import Dispatch
from runwisp.deliver.post import Target, post
from runwisp.notifier import Webhook

SIGNATURE = "X-RunWisp-Signature"


def send(dispatch: Dispatch, notifier: Webhook) -> None:
    """Raises: NotDelivered."""
    content = record.content(dispatch)
    digest = hmac.digest(dispatch.secrets["secret"].encode(), content, "sha256").hex()
    headers = {**notifier.headers, SIGNATURE: f"sha256={digest}"}
    post(Target(dispatch.secrets["url"], "the webhook"), content, dispatch.key, headers)
