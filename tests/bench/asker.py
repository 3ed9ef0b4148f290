"""Who asks: ``asker.py PORT CONNECTIONS SECONDS`` sends the request on its stdin again and again, on as many
connections that are kept.

Says as JSON how many answers came in a second, and how many bytes one had. Costs little, as it shares the
machine with whom it asks: it looks at nothing of an answer but its status and length.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Connection:
    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def ask(self, request: bytes) -> None:
        self._sock.sendall(request)

    def answer(self) -> int:
        """The bytes of the body."""
        content = self._left
        while (end := content.find(b"\r\n\r\n")) < 0:
            content += self._received()
        head = content[:end]
        found = LENGTH.search(head)
        if found is None or b" 200 " not in head[:20]:
            raise RuntimeError(head.decode(errors="replace"))
        size = end + 4 + int(found[1])
        count = len(content)
        while count < size:
            content = self._received()
            count += len(content)
        self._left = content[len(content) - (count - size) :] if count > size else b""
        return int(found[1])

    def _received(self) -> bytes:
        content = self._sock.recv(1 << 20)
        if not content:
            raise RuntimeError("the connection was closed")
        return content


def main(port: str, count: str, seconds: str) -> None:
    request = sys.stdin.buffer.read()
    connections = [Connection(int(port)) for _ in range(int(count))]
    answers = size = 0
    for connection in connections:
        connection.ask(request)
    began = time.monotonic()
    while (took := time.monotonic() - began) < float(seconds):
        for connection in connections:
            size = connection.answer()
            connection.ask(request)
        answers += len(connections)
    print(json.dumps({"rate": answers / took, "bytes": size}))


if __name__ == "__main__":
    main(*sys.argv[1:])
