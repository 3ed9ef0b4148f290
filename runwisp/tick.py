"""An instant at which a task fires.

Pure; what makes ticks is ``schedule``. Called by all who speak of them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from runwisp.clock import Wall
from runwisp.frozen import frozen


class Note(StrEnum):
    """Why a tick is not what the plain calendar says."""

    MOVED = "moved"
    REPEATED = "repeated"
    DST_SKIPPED = "dst_skipped"


@frozen
class Tick:
    at: Wall
    local: datetime
    note: Note | None = None
