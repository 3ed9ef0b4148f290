"""A message on its way: all that a channel needs to send it.

Owns how a template of the user's own becomes text. Made by ``attempt``, read by the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from runwisp.delivery import Order
from runwisp.frozen import frozen
from runwisp.message import Message, fields, filled


@frozen(kw_only=True)
class Dispatch:
    """``secrets`` are the notifier's, by key. ``template``: None for the usual text."""

    order: Order
    message: Message
    secrets: Mapping[str, str] = field(repr=False)
    template: str | None = None

    @property
    def key(self) -> str:
        """The same in every attempt to send this message, and in no other message."""
        return self.order.delivery_id

    def templated(self, escaped: Callable[[str], str] = str) -> str | None:
        """The text of the user's own template, with ``escaped`` values; the markup in it is the user's."""
        if self.template is None:
            return None
        values = fields(self.order, self.message)
        return filled(self.template, {name: escaped(value) for name, value in values.items()})

    def body(self) -> str:
        """All but the title, for channels without markup."""
        text = self.templated()
        return self.message.text if text is None else text
