"""A notification as a mail.

Nobody's text can add a header to it: the library refuses a line break in one. Called by the channels that
send mail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from runwisp import host
from runwisp.deliver.dispatch import Dispatch
from runwisp.errors import NotDelivered
from runwisp.paths import user_name

POLICY = SMTP.clone(cte_type="7bit")


def mail(
    dispatch: Dispatch,
    to: Sequence[str],
    cc: Sequence[str] = (),
    from_: str | None = None,
    reply_to: str | None = None,
) -> EmailMessage:
    """Raises: NotDelivered for an address that no mail can have."""
    letter = EmailMessage(policy=POLICY)
    try:
        letter["Subject"] = dispatch.message.title
        if from_:
            letter["From"] = _address(from_)
        letter["To"] = [_address(each) for each in to]
        if cc:
            letter["Cc"] = [_address(each) for each in cc]
        if reply_to:
            letter["Reply-To"] = _address(reply_to)
    except (ValueError, IndexError) as error:
        raise NotDelivered(f"one of the mail addresses cannot be used: {error}", is_final=True) from error
    letter["Date"] = format_datetime(datetime.fromtimestamp(host.wall() // 1000, UTC))
    letter["Message-ID"] = f"<{dispatch.key}@{domain(dispatch.order.host)}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(f"{dispatch.body()}\n")
    return letter


def default_sender(host_name: str, username: str | None) -> str:
    """Who logs in with an address is mostly allowed to send from that one only."""
    if username and "@" in username:
        return username
    return f"{user_name(os.geteuid())}@{domain(host_name)}"


def domain(host_name: str) -> str:
    """A host's name as far as it may stand behind an @."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", host_name).strip(".-") or "localhost"


def bare(address: str) -> str:
    """What stands in the envelope."""
    return parseaddr(address)[1] or address


def _address(text: str) -> Address:
    name, spec = parseaddr(text)
    return Address(display_name=name, addr_spec=spec)
