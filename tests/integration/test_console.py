"""The console as a person uses it: keys at a real terminal, a real daemon behind it, the screen looked at."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason
from tests.integration.asking import password_of
from tests.integration.onscreen import Seat, seat
from tests.integration.running import Daemon, House
from tests.integration.test_alone import free_port

ESC, ENTER, PAGE_UP, DOWN = "\x1b", "\r", "\x1b[5~", "\x1b[B"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def started(house: House, configuration: str) -> Daemon:
    return house.start(configuration, {"RUNWISP_PORT": str(free_port())})


def console(house: House, daemon: Daemon, **more: object) -> Seat:
    return seat(house, "tui", "--port", str(daemon.port), **more)  # type: ignore[arg-type]


def choose(sitting: Seat, task: str) -> None:
    """Opens a task by the filter."""
    sitting.shows("/ filter", task)
    sitting.type(f"/{task}")
    sitting.shows(f"Filter: {task}")
    sitting.type(ENTER)
    sitting.shows(f"  {task}  ")


def open_run(sitting: Seat, task: str) -> None:
    """Opens the newest run of a task."""
    choose(sitting, task)
    sitting.shows("Runs  1")
    sitting.type(ENTER)
    sitting.shows("── ", " of ")


def leave(sitting: Seat) -> None:
    sitting.type("q")
    assert sitting.ends() == 0
    assert sitting.is_restored


def log_numbers(text: str) -> list[int]:
    """The numbers of the lines of a log that are seen."""
    return [int(found) for found in re.findall(r"│\s*(\d+)\s+\S* *line \d", text)]


DAY = """
[tasks.nightly]
description = "Packs the day"
group = "Backups"
cron = "30 2 * * *"
run = "echo packed"

[tasks.broken]
run = "echo oh no >&2; exit 3"

[services.worker]
run = "echo at work; sleep 1000"
instances = 2
"""


def test_every_view_tells_what_it_is_for(house: House) -> None:
    daemon = started(house, DAY)
    house.running("worker", 2)
    house.run("run-task", "--port", str(daemon.port), "broken", "--follow")
    with console(house, daemon, columns=110, rows=40) as sitting:
        home = sitting.shows("Needs attention", "Recent activity", "Up next", "nightly", "hidden")
        assert f"http://127.0.0.1:{daemon.port}" in home
        assert "Backups" in home
        assert "● worker" in home
        assert "✗ broken" in home
        sitting.type("p")
        sitting.shows(password_of(house))
        sitting.type("p")
        sitting.hides(password_of(house))

        choose(sitting, "nightly")
        sitting.shows("30 2 * * *", "02:30")
        sitting.type("i")
        sitting.shows("Packs the day", "echo packed")
        sitting.type(ESC + "/" + ESC)

        open_run(sitting, "broken")
        sitting.shows("exit 3", "oh no", "failed")
        sitting.type("i")
        sitting.shows("broken", "exit")
        sitting.type(ESC)

        sitting.type("n")
        sitting.shows("Notifications", "broken")
        sitting.type("?")
        sitting.shows("Everywhere", "Quit")
        sitting.type(ESC)
        leave(sitting)


def test_info_and_debug_are_in_the_sidebar(house: House) -> None:
    daemon = started(house, DAY)
    with console(house, daemon, columns=110, rows=40) as sitting:
        sitting.shows("Home", "Debug")
        sitting.type("G" + ENTER)
        sitting.shows("runwisp 0.5.0 runs 2 tasks, 1 service")
        sitting.type("h" + "k" + ENTER)
        sitting.shows("CPU", "Memory", "Fingerprint")
        leave(sitting)


def test_the_mouse_chooses_and_scrolls(house: House) -> None:
    daemon = started(house, DAY)
    with console(house, daemon) as sitting:
        sitting.shows("nightly", "Up next")
        row = next(n for n, line in enumerate(sitting.lines) if "nightly" in line.split("│")[0])
        sitting.type(f"\x1b[<0;4;{row + 1}M\x1b[<0;4;{row + 1}m")
        sitting.shows("30 2 * * *")
        leave(sitting)


def test_a_task_is_run_only_when_that_was_meant(house: House) -> None:
    daemon = started(house, DAY)
    with console(house, daemon) as sitting:
        choose(sitting, "nightly")
        sitting.type("r")
        sitting.shows("Run nightly now?")
        sitting.type(ESC)
        sitting.hides("Run nightly now?")
        assert not house.runs("nightly")
        sitting.type("r")
        sitting.shows("Run nightly now?")
        sitting.type("y")
        sitting.shows("Runs  1", "success")
        assert house.run_of("nightly").exit_code == 0
        leave(sitting)


def test_a_run_is_stopped_and_deleted_only_when_that_was_meant(house: House) -> None:
    daemon = started(house, '[tasks.long]\nrun = "echo line 1; sleep 1000"\n')
    house.run("run-task", "--port", str(daemon.port), "long")
    house.running("long")
    with console(house, daemon) as sitting:
        open_run(sitting, "long")
        sitting.shows("running")
        sitting.type("s")
        sitting.shows("Stop this run of long?", "SIGTERM")
        sitting.type("n" + ESC)
        sitting.hides("Stop this run")
        assert house.running("long")
        sitting.type("s")
        sitting.shows("Stop this run of long?")
        sitting.type("y")
        sitting.shows("stopped, exit")
        assert house.run_of("long").end_reason is EndReason.STOPPED
        sitting.type("x")
        sitting.shows("Delete this run of long?")
        sitting.type("y")
        sitting.until(lambda: not house.runs("long"))
        leave(sitting)


def test_a_service_is_stopped_and_started(house: House) -> None:
    daemon = started(house, DAY)
    house.running("worker", 2)
    with console(house, daemon) as sitting:
        choose(sitting, "worker")
        sitting.type("hs")  # in the sidebar it is the service, beside it one of its runs
        sitting.shows("Stop worker?")
        sitting.type("y")
        sitting.shows("■ worker")
        sitting.type("r")
        sitting.shows("Start worker?")
        sitting.type("y")
        sitting.shows("● worker")
        sitting.type("r")
        sitting.shows("Restart worker?")
        sitting.type("y")
        house.ended("worker", 4)
        house.running("worker", 2)
        leave(sitting)


CHATTY = (
    "[tasks.chatty]\n"
    "run = '''i=0; while true; do i=$((i+1)); echo line $i; [ $((i % 20)) = 0 ] && sleep 0.1; done'''\n"
    'log_max_size = "50MB"\n'
)


def test_a_log_is_followed_paused_and_taken_up_with_true_line_numbers(house: House) -> None:
    daemon = started(house, CHATTY)
    house.run("run-task", "--port", str(daemon.port), "chatty")
    with console(house, daemon) as sitting:
        open_run(sitting, "chatty")
        first = sitting.shows("following", "line ")
        sitting.until(lambda: numbers_match(sitting.text) and log_numbers(sitting.text)[-1:] > [200])
        sitting.until(lambda: sitting.text != first)
        sitting.type(PAGE_UP)
        sitting.hides("following")
        kept = log_numbers(sitting.text)
        sitting.until(lambda: house.log(house.runs("chatty")[0]).count("\n") > kept[-1] + 200)
        assert log_numbers(sitting.text) == kept
        sitting.resize(80, 24)
        sitting.until(lambda: len(sitting.lines) == 24 and "keys" in sitting.lines[-1])
        sitting.until(lambda: numbers_match(sitting.text))  # the screen may be half drawn
        sitting.type("g")
        sitting.until(lambda: log_numbers(sitting.text)[:1] == [1])
        sitting.type("G")
        sitting.shows("following")
        sitting.until(lambda: log_numbers(sitting.text)[-1:] > kept[-1:])
        sitting.type("s")
        sitting.shows("Stop this run")
        sitting.type("y")
        sitting.shows("stopped")
        leave(sitting)


def numbers_match(text: str) -> bool:
    """Whether each line of the log stands beside its own number."""
    found = re.findall(r"│\s*(\d+)\s+line (\d+)$", text, re.MULTILINE)
    return len(found) > 5 and all(number == said for number, said in found)


def test_a_log_is_searched_shown_alone_and_saved(house: House) -> None:
    daemon = started(house, '[tasks.count]\nrun = "seq 3000"\n')
    house.run("run-task", "--port", str(daemon.port), "count", "--follow")
    log = house.log(house.run_of("count"))
    with console(house, daemon) as sitting:
        open_run(sitting, "count")
        sitting.shows("of 3,000")
        sitting.type("/")
        sitting.shows("Search:")
        sitting.type("1234" + ENTER)
        sitting.shows("1234")
        sitting.type("f")
        sitting.hides("│", "q quit")
        sitting.type("f")
        sitting.shows("│", "q quit")
        sitting.type("d")
        sitting.shows("Save")
        sitting.type("\x15" + "\x7f" * 60 + "saved.log" + ENTER)
        sitting.shows("Saved in")
        assert (house.folder / "saved.log").read_text() == log
        assert (house.folder / "saved.log").stat().st_mode & 0o077 == 0
        sitting.type("d")
        sitting.shows("Save")
        sitting.type("\x7f" * 60 + "saved.log" + ENTER)
        sitting.until(lambda: "already. Choose another name." in " ".join(sitting.text.split()))
        assert (house.folder / "saved.log").read_text() == log
        leave(sitting)


HOSTILE = r"""
[tasks.hostile]
run = '''
printf '\033]0;title of mine\007\033[2J\033[5;5Hsomewhere\033[?1049l\033c\n'
printf '\033[31mred\033[0m\n'
printf '\033]52;c;c3RvbGVu\007\033P+q544e\033\\stolen \302\23331mcsi \n'
printf 'right \342\200\256 to left\n'
printf 'oh no\n' >&2
'''
"""


@pytest.mark.fault("web", "hostile task names and output in the pages and on the terminal")
def test_what_a_task_prints_changes_nothing_but_colours(house: House) -> None:
    daemon = started(house, HOSTILE)
    house.run("run-task", "--port", str(daemon.port), "hostile", "--follow")
    with console(house, daemon) as sitting:
        open_run(sitting, "hostile")
        sitting.shows("somewhere", "red", "stolen", "err oh no")
        seen = bytes(sitting.transcript)
        for wrong in (b"\x1b]", b"\x1bP", b"\x1bc", b"\x07", b"\xc2\x9b", b"\x1b[5;5H", "\u202e".encode()):
            assert wrong not in seen
        assert re.search(rb"\x1b\[31m[^\x1b]*red", seen)
        assert seen.count(b"\x1b[2J") == 1
        leave(sitting)


def test_a_daemon_that_was_away_is_waited_for_and_nothing_is_missed(house: House) -> None:
    daemon = started(house, DAY)
    port = daemon.port
    with console(house, daemon) as sitting:
        sitting.shows("nightly", "running")
        daemon.stop()
        sitting.shows("Connection lost", "Retry")
        again = house.start(env={"RUNWISP_PORT": str(port)})
        house.run("run-task", "--port", str(port), "broken", "--follow")
        sitting.type("r")
        sitting.hides("Connection lost")
        sitting.shows("✗ broken", "1 unread")
        assert again.port == port
        leave(sitting)


def test_a_log_goes_on_where_it_was_after_its_web_was_killed(house: House) -> None:
    daemon = started(house, CHATTY)
    house.run("run-task", "--port", str(daemon.port), "chatty")
    with console(house, daemon) as sitting:
        open_run(sitting, "chatty")
        sitting.until(lambda: log_numbers(sitting.text)[-1:] > [100])
        web = daemon.web_pid
        os.kill(web, signal.SIGKILL)
        before = log_numbers(sitting.text)[-1]
        sitting.until(
            lambda: daemon.web_pid not in (0, web) and log_numbers(sitting.text)[-1:] > [before + 200]
        )
        assert numbers_match(sitting.text)
        sitting.type("g")
        sitting.until(lambda: log_numbers(sitting.text)[:1] == [1])
        leave(sitting)


def test_where_there_is_no_browser_the_address_is_shown_logged_in(house: House) -> None:
    daemon = started(house, DAY)
    with console(house, daemon, columns=80, DISPLAY="", WAYLAND_DISPLAY="", WSL_DISTRO_NAME="") as sitting:
        sitting.shows("nightly")
        sitting.type("b")
        sitting.shows(f"http://127.0.0.1:{daemon.port}/api/auth/launch?ticket=", "Esc Close")
        sitting.type("\x1b")
        sitting.hides("Esc Close")
        leave(sitting)


def test_a_browser_gets_the_ticket_in_a_file_that_nobody_else_may_read(house: House) -> None:
    daemon = started(house, DAY)
    programs, note = house.folder / "bin", house.folder / "opened"
    programs.mkdir()
    opener = programs / "xdg-open"
    look = 'echo "$1"; stat -c %a "$(dirname "$1")"; cat "$1"'
    opener.write_text(f"#!/bin/sh\n{{ {look}; }} > {note}.part\nmv {note}.part {note}\n")
    opener.chmod(0o755)
    more = {"DISPLAY": ":9", "PATH": f"{programs}:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(house.folder)}
    with console(house, daemon, **more) as sitting:
        sitting.shows("nightly")
        sitting.type("b")
        sitting.shows("Opened in the browser.")
        said = house.wait_for_file("opened").splitlines()
        assert "launch" not in said[0]
        assert said[1] == "700"
        assert "/api/auth/launch?ticket=" in "".join(said[2:])
        leave(sitting)
        assert not Path(said[0]).exists()
