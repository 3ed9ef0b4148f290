"""Everything that handlers work with, put together once by ``main``."""

from __future__ import annotations

from runwisp.auth import Tokens
from runwisp.frozen import frozen
from runwisp.historyreader import HistoryReader
from runwisp.web.board import Board
from runwisp.web.hub import Hub
from runwisp.web.live import Live
from runwisp.web.vitals import Vitals
from runwisp.webwire import Briefing


@frozen
class Site:
    briefing: Briefing
    hub: Hub
    board: Board
    history: HistoryReader
    tokens: Tokens
    vitals: Vitals
    live: Live
