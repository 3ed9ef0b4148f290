"""Server-sent events as they are written.

Pure. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html; ``data`` is JSON and so has no
newline in it. Called by the feeds.
"""

from __future__ import annotations

MEDIA = "text/event-stream"
HEADERS = (("X-Accel-Buffering", "no"),)
"""For nginx, which would keep events back until it has a buffer full of them."""

COMMENT = b":\n\n"


def event(kind: str, data: bytes, event_id: str = "") -> bytes:
    head = f"id: {event_id}\nevent: {kind}\n" if event_id else f"event: {kind}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)
