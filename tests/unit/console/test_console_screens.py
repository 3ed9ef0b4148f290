"""Every screen of the console as it is, in files that a person has looked at.

`python -m tests.unit.console.test_console_screens` draws them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runwisp.clock import Wall
from runwisp.console.messages import Came, Lost, NoBrowser, PasswordTold
from runwisp.console.requests import DaemonLogStream, RunsStream
from tests.unit.console.scene import (
    FAILED,
    MINUTE,
    NOON,
    SECOND,
    FakeDaemon,
    Scene,
    events,
    line,
    notice,
    run,
    task,
)

SCREENS = Path(__file__).parent / "screens"


def _log() -> FakeDaemon:
    log = [line(n) for n in range(1, 2001)]
    log[1990] = line(1991, "\x1b[1;31mred\x1b[0m and plain, \x1b]0;title\x07\x1b[2Jnothing else")
    log[1992] = line(1993, "cannot connect: timed out", "stderr")
    log[1995] = line(
        1996, "a line that is longer than the half of a terminal is wide, and so goes on below", "stdout"
    )
    log[1998] = line(1999, "10 lines were dropped", "system")
    return FakeDaemon(log=log)


def _opened_run(columns: int = 80, rows: int = 24) -> Scene:
    scene = Scene(_log(), columns, rows)
    return scene.press("j", "j", "enter", "enter").stream()


def _notices() -> Scene:
    rows = [
        notice(997, severity="warn", title="Disk nearly full", body="", count=3),
        notice(990, is_read=True),
    ]
    return Scene(FakeDaemon(notices=rows)).press("n")


def _many() -> Scene:
    tasks = [task(f"task-{n}", group=f"group-{n // 20}") for n in range(200)]
    return Scene(FakeDaemon(tasks=tasks)).press(*["j"] * 50)


def _details() -> Scene:
    retried = [
        run(996, end_reason="success", retry_attempt=1, retry_of_run_id=run(995)["id"]),
        run(995, end_reason="failed", exit_code=3, message="exited with code 3"),
    ]
    scene = Scene(FakeDaemon(runs=retried))
    return scene.press("j", "enter", "j", "enter", "i")


def _failed() -> Scene:
    daemon = FakeDaemon(log=[line(1), line(2, "no space left", "stderr"), line(3)], is_finished=True)
    scene = Scene(daemon).press("j", "enter", "enter").stream()
    stream = scene.log_stream
    assert stream is not None
    return scene.tell(Came(stream, events("done", FAILED)))


def _debug() -> Scene:
    said = [{"text": f"2026-11-28T12:00:{n:02}.000Z INFO  something happened"} for n in range(40)]
    scene = Scene().press("G", "enter")
    return scene.tell(Came(DaemonLogStream(), events("line", *said)))


SCENES: dict[str, Callable[[], Scene]] = {
    "home-80x24": Scene,
    "home-120x40": lambda: Scene(columns=120, rows=40),
    "home-ascii": lambda: Scene(is_unicode=False),
    "home-narrow": lambda: Scene(columns=44, rows=16).press("tab"),
    "home-empty": lambda: Scene(FakeDaemon(tasks=[], runs=[], notices=[])),
    "home-loading": lambda: Scene(is_open=False),
    "home-password": lambda: Scene().press("p").tell(PasswordTold("correct horse")),
    "home-lost": lambda: (
        Scene()
        .tell(Lost(RunsStream(), "Nothing listens there.", Wall(NOON + 15 * SECOND)))
        .later(12 * SECOND)
    ),
    "sidebar-many": _many,
    "sidebar-filter": lambda: Scene().press("/", *"serv"),
    "task-80x24": lambda: Scene().press("j", "enter"),
    "task-100x30": lambda: Scene(columns=100, rows=30).press("j", "enter"),
    "task-definition": lambda: Scene(rows=60).press("j", "enter", "i"),
    "run-80x24": _opened_run,
    "run-120x40": lambda: _opened_run(120, 40),
    "run-paused": lambda: _opened_run().press("k", "k", "k"),
    "run-times": lambda: _opened_run(100, 24).press("t", "w"),
    "run-full": lambda: _opened_run().press("f").later(MINUTE),
    "run-search": lambda: _opened_run().press("/", *"timed", "enter"),
    "run-failed": _failed,
    "run-details": _details,
    "notifications": _notices,
    "info-80x24": lambda: Scene().press("G", "k", "enter"),
    "info-150x60": lambda: Scene(columns=150, rows=60).press("G", "k", "enter"),
    "debug": _debug,
    "help": lambda: Scene(rows=60).press("?"),
    "question": lambda: Scene().press("j", "j", "r"),
    "no-browser": lambda: Scene().tell(
        NoBrowser(f"http://127.0.0.1:9477/api/auth/launch?ticket={'0123456789' * 5}")
    ),
    "leaving": lambda: Scene(has_started_daemon=True).press("q"),
    "saving": lambda: _opened_run().press("d"),
    "too-small": lambda: Scene(columns=18, rows=4),
}


@pytest.mark.parametrize("name", SCENES)
def test_a_screen_is_the_one_that_was_looked_at(name: str) -> None:
    assert SCENES[name]().text + "\n" == (SCREENS / f"{name}.txt").read_text()


def test_no_file_is_of_a_screen_that_is_not_drawn() -> None:
    assert {path.stem for path in SCREENS.glob("*.txt")} == set(SCENES)


if __name__ == "__main__":
    for name, made in SCENES.items():
        (SCREENS / f"{name}.txt").write_text(made().text + "\n")
