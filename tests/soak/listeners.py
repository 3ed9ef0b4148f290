"""Who follows the log of a service for as long as the soak lasts, and notes each line that is missing."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from runwisp.eventstream import ServerEvent
from tests.integration.following import Door, Stream


@dataclass
class Listener:
    """One follower. A stream that breaks, as web was killed, is taken up where it was."""

    door: Door
    path: str
    lines: int = 0
    connections: int = 0
    dropped: int = 0
    wrong: list[str] = field(default_factory=list)
    last_id: str = ""
    is_over: bool = False
    _expected: int | None = None
    _stream: Stream | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def leave(self) -> None:
        self.is_over = True
        if self._stream:
            with suppress(OSError):  # it is closed already, and about to be opened anew
                self._stream.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _listen(self) -> None:
        while not self.is_over:
            try:
                self._stream = self.door.stream(self.path, self.last_id)
                self.connections += 1
                with self._stream as stream:
                    for event in stream.events():
                        self._hear(event)
            except (OSError, IndexError, ValueError):
                continue  # web was killed, or we left: the next turn knows

    def _hear(self, event: ServerEvent) -> None:
        self.last_id = event.id or self.last_id
        match event.kind:
            case "line":
                self._note(json.loads(event.data))
            case "dropped":
                self.dropped += 1
                self._expected = None

    def _note(self, line: dict[str, Any]) -> None:
        if self._expected not in (None, line["n"]):
            self.wrong.append(f"{self.path}: line {line['n']} where {self._expected} was due")
        self._expected = line["n"] + 1
        self.lines += 1
