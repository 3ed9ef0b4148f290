"""The web process: everything that faces the network.

Started by the daemon with their link as descriptor 3; ends at once when the daemon closes it. Never signals a
process and never writes the database: it asks the daemon. Waitress has threads of its own; this one is the
hub's.
"""

from __future__ import annotations

import runwisp.web.unloaded  # noqa: F401  before all others, as it keeps some of theirs away

# isort: split

import json
import os
import resource
import select
import socket
import sys
import threading

from runwisp import host
from runwisp.auth import Tokens
from runwisp.daemonlog import Format, Level, Log, is_journal
from runwisp.historyreader import HistoryReader
from runwisp.link import Link
from runwisp.paths import DataDir
from runwisp.web.app import Application
from runwisp.web.board import Board
from runwisp.web.hub import Hub
from runwisp.web.live import Live
from runwisp.web.server import Server, tell
from runwisp.web.site import Site
from runwisp.web.vitals import Vitals
from runwisp.webwire import TO_WEB, Briefing, Health, ToWeb, Welcome


def main(fd: int) -> None:
    host.take_command_name()
    _raise_open_files()
    link = Link(socket.socket(fileno=fd), TO_WEB)
    (welcome, (listening, memory)), *early = _first(link)
    assert isinstance(welcome, Welcome)
    briefing = _briefing(memory)
    log = _log(briefing)
    site = _site(briefing, Hub(link, log, early))
    site.hub.listen(site.board.hear)
    site.hub.listen(site.live.hear)
    tell(log)
    application = Application(site, log)
    server = Server(application, socket.socket(fileno=listening), site.hub, application.peers)
    threading.Thread(target=_serve, args=(server, log), daemon=True).start()
    threading.Thread(target=site.vitals.run, daemon=True).start()
    site.hub.run()
    os._exit(0)  # requests under way are not waited for: with the daemon gone none can be answered


def _serve(server: Server, log: Log) -> None:
    try:
        server.run()
    except Exception as error:
        log.error("the web server cannot go on", error=repr(error))
    finally:
        os._exit(1)


def _first(link: Link[ToWeb]) -> list[tuple[ToWeb, list[int]]]:
    """What came first, once it came."""
    ready = select.poll()
    ready.register(link.fileno(), select.POLLIN)
    received: list[tuple[ToWeb, list[int]]] = []
    while not received:
        ready.poll()
        received = link.receive()
    return received


def _briefing(memory: int) -> Briefing:
    with open(memory, "rb") as file:
        file.seek(0, os.SEEK_SET)
        fields = json.load(file)
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Briefing(**(fields | lists | {"health": Health(fields["health"])}))


def _log(briefing: Briefing) -> Log:
    """As the daemon's own, beside which its records stand."""
    fd = sys.stderr.fileno()
    level, shape = Level(briefing.log_level), Format(briefing.log_format)
    return Log(fd, level, shape, host.wall, is_journal=is_journal(fd, os.environ))


def _site(briefing: Briefing, hub: Hub) -> Site:
    history = HistoryReader(DataDir(briefing.data_dir))
    tokens = Tokens(briefing.token_secret, briefing.revoked_tokens)
    board = Board(briefing, history)
    vitals, live = Vitals(lambda: board.processes), Live(briefing, history, hub.growth)
    return Site(briefing, hub, board, history, tokens, vitals, live)


def _raise_open_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
