"""The machine's own limits: the least program that does the work of a row, and nothing else.

Run as a program of its own, ``limits.py WORK ARGUMENT...``; says on stdout how many seconds it took.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress

BLOCK = 256 * 1024
TOGETHER = 0.02
"""Seconds of output that are passed on in one piece."""
Spawned = list[str]


def spawn(command: Spawned, *actions: tuple[int, ...]) -> int:
    return os.posix_spawnp(command[0], command, os.environ, file_actions=actions)


def bring_up(count: str, *command: str) -> None:
    """Starts as many, and keeps them until its stdin ends."""
    began = time.monotonic()
    pids = [spawn([*command]) for _ in range(int(count))]
    print(time.monotonic() - began, flush=True)
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def keep_up(*command: str) -> None:
    """One that is started again whenever it ends."""
    while True:
        os.waitpid(spawn([*command]), 0)


def idle(count: str) -> None:
    """As many interpreters that do nothing; ended with their group."""
    for _ in range(int(count) - 1):
        spawn([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
    signal.pause()


def pump(folder: str, count: str, half_cap: str, *command: str) -> None:
    """Reads as many writers, each into a file of its own, which becomes ``.prev`` at half its cap."""
    selector = selectors.DefaultSelector()
    for number in range(int(count)):
        read, write = os.pipe2(os.O_CLOEXEC)
        spawn([*command], (os.POSIX_SPAWN_DUP2, write, 1))
        os.close(write)
        selector.register(
            read, selectors.EVENT_READ, [f"{folder}/{number}.log", _new(f"{folder}/{number}.log"), 0]
        )
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    while selector.get_map():
        for key, _ in selector.select():
            size = os.readv(key.fd, [buffer])
            log = key.data
            if not size:
                selector.unregister(key.fd)
                os.close(key.fd)
                os.close(log[1])
                continue
            os.write(log[1], view[:size])
            log[2] += size
            if log[2] >= int(half_cap):
                os.close(log[1])
                os.rename(log[0], f"{log[0]}.prev")
                log[1:] = _new(log[0]), 0
    print(time.process_time())


def _new(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def short_runs(folder: str, count: str, width: str, *command: str) -> None:
    """So many runs, a bounded number at once: a row before and after each, its output in a file."""
    database = sqlite3.connect(f"{folder}/limit.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, start_at REAL, end_at REAL, code INTEGER)")
    began = time.monotonic()
    numbers: dict[int, int] = {}
    for number in range(int(count)):
        if len(numbers) == int(width):
            _end_one(database, numbers)
        database.execute("INSERT INTO runs (id, start_at) VALUES (?, ?)", (number, time.time()))
        path = f"{folder}/{number}.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        pid = os.posix_spawnp(
            command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, path, flags, 0o600)]
        )
        numbers[pid] = number
    while numbers:
        _end_one(database, numbers)
    print(time.monotonic() - began)


def _end_one(database: sqlite3.Connection, numbers: dict[int, int]) -> None:
    pid, status = os.wait()
    row = (time.time(), os.waitstatus_to_exitcode(status), numbers.pop(pid))
    database.execute("UPDATE runs SET end_at = ?, code = ? WHERE id = ?", row)


def fire(folder: str, count: str, at: str) -> None:
    """Sleeps to an instant, then starts that many."""
    time.sleep(max(0.0, float(at) - time.time()))
    pids = [spawn(["touch", f"{folder}/{number}"]) for number in range(int(count))]
    for pid in pids:
        os.waitpid(pid, 0)


def fan_out(count: str, *command: str) -> None:
    """Once so many are connected, passes on to each of them what a program prints, until one hangs up."""
    listener = socket.create_server(("", 0), backlog=int(count))
    print(f"port {listener.getsockname()[1]}", flush=True)
    audience = [listener.accept()[0] for _ in range(int(count))]
    read, write = os.pipe2(os.O_CLOEXEC)
    pid = spawn([*command], (os.POSIX_SPAWN_DUP2, write, 1))
    with suppress(ConnectionError):
        while True:
            time.sleep(TOGETHER)
            block = os.read(read, BLOCK)
            for sock in audience:
                sock.sendall(block)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


WORKS: dict[str, Callable[..., None]] = {
    work.__name__: work for work in (bring_up, keep_up, idle, pump, short_runs, fire, fan_out)
}

if __name__ == "__main__":
    WORKS[sys.argv[1]](*sys.argv[2:])
