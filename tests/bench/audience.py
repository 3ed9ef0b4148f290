"""Those who follow: ``audience.py PORT COUNT SECONDS REQUEST`` opens as many connections and reads them all.

Of everything that one of them gets at once it takes the time of the first line, the one that is late most.
Says as JSON how many lines came, and the milliseconds from printing to reading at p50 and p99.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time

STAMP = re.compile(rb"(\d{10,}) of the monotonic clock")
OF_AN_ADDRESS = 50
SETTLED = 1.0
"""Seconds until all have begun."""


def connections(port: int, count: int, request: bytes) -> list[socket.socket]:
    found = []
    for number in range(count):
        sock = socket.socket()
        sock.bind((f"127.0.0.{2 + number // OF_AN_ADDRESS}", 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(request)
        sock.setblocking(False)
        found.append(sock)
    return found


def listen(socks: list[socket.socket], seconds: float) -> dict[str, float]:
    selector = selectors.DefaultSelector()
    for sock in socks:
        selector.register(sock, selectors.EVENT_READ)
    lines, late = 0, list[float]()
    buffer = bytearray(256 * 1024)  # kept, as a fresh one each time would cost more than reading
    began = time.monotonic() + SETTLED
    while (now := time.monotonic()) < began + seconds:
        for key, _ in selector.select(0.1):
            assert isinstance(key.fileobj, socket.socket)
            size = key.fileobj.recv_into(buffer)
            if not size:
                raise EOFError("the other end hung up")
            if now >= began and (stamp := STAMP.search(buffer, 0, size)):
                late.append(time.monotonic_ns() / 1e6 - int(stamp[1]) / 1e6)
                lines += buffer.count(b" of the monotonic clock", 0, size)
    late.sort()
    return {"lines": lines, "p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100]}


if __name__ == "__main__":
    found = connections(int(sys.argv[1]), int(sys.argv[2]), sys.argv[4].encode())
    print(json.dumps(listen(found, float(sys.argv[3]))), flush=True)
