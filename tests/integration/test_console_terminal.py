"""The console and its terminal, a real pseudo one: what each kind can show, and that it is given back."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.onscreen import TERM, Seat, seat
from tests.integration.running import Daemon, House
from tests.integration.waiting import wait_for

TASK = '[tasks.hello]\nrun = "echo hello"\n'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@pytest.fixture
def daemon(house: House) -> Daemon:
    return house.start(TASK)


def console(house: House, daemon: Daemon, *words: str, **more: object) -> Seat:
    return seat(house, "tui", "--port", str(daemon.port), *words, **more)  # type: ignore[arg-type]


SHOWN = "hello"
KINDS = (
    "xterm-256color",
    "xterm",
    "screen",
    "screen-256color",
    "tmux-256color",
    "linux",
    "vt100",
    "never-heard-of",
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_terminal_shows_it_and_is_given_back(house: House, daemon: Daemon, kind: str) -> None:
    with console(house, daemon, TERM=kind) as sitting:
        sitting.shows(SHOWN)
        sitting.type("q")
        assert sitting.ends() == 0
        assert sitting.is_restored
        assert b"$<" not in sitting.transcript
        assert b"Traceback" not in sitting.transcript
        assert b"arn" not in sitting.transcript


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_that_cannot_place_text_is_told_what_to_do_instead(
    house: House, daemon: Daemon, kind: str
) -> None:
    with console(house, daemon, TERM=kind) as sitting:
        assert sitting.ends() == 1
        assert "TERM is" in sitting.text
        assert "runwisp status" in sitting.text
        assert b"\x1b" not in sitting.transcript


def test_without_a_terminal_it_is_told_what_to_do_instead(house: House, daemon: Daemon) -> None:
    done = house.run("tui", "--port", str(daemon.port), TERM=TERM)
    assert done.returncode == 1
    assert done.stderr.startswith("the console needs a terminal, and this is none\n")
    assert "runwisp logs" in done.stderr


NAMELESS = """
import os
def ttyname(fd): raise OSError(19, "No such device")
os.ttyname = ttyname
from runwisp.console.tty import Tty
print(*Tty().size())
"""


def test_a_terminal_that_has_no_name_here_will_do(house: House) -> None:
    with Seat(
        [sys.executable, "-c", NAMELESS], house.environ(), house.folder, columns=77, rows=20
    ) as sitting:
        assert sitting.ends() == 0, sitting.text
        assert sitting.text.startswith("77 20")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_it_and_the_terminal_is_given_back(
    house: House, daemon: Daemon, signum: signal.Signals
) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        os.kill(sitting.process.pid, signum)
        assert sitting.ends() == 128 + signum
        assert sitting.is_restored


@pytest.mark.parametrize("where", ["runwisp.console.main.view", "runwisp.console.remote.asked"])
def test_a_bug_gives_the_terminal_back_and_is_told(house: House, daemon: Daemon, where: str) -> None:
    """Also one in a thread, which nobody would hear of."""
    module, _, name = where.rpartition(".")
    program = (
        f"import sys, {module} as module\n"
        f"def broken(*_): raise RuntimeError('something that should not be')\n"
        f"module.{name} = broken\n"
        "from runwisp.cli.main import main\n"
        "sys.exit(main())\n"
    )
    words = [*house.command("tui", "--port", str(daemon.port))[3:]]
    env = {**house.environ(), "TERM": TERM}
    with Seat([sys.executable, "-c", program, *words], env, house.folder) as sitting:
        assert sitting.ends() == 1
        assert sitting.is_restored
        transcript = bytes(sitting.transcript)
        assert transcript.rfind(b"something that should not be") > transcript.rfind(b"?1049l")


def test_a_terminal_that_goes_away_ends_it(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        sitting.hang_up()
        assert sitting.process.wait(30) == 128 + signal.SIGHUP


def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(house: House, daemon: Daemon) -> None:
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    env = {**house.environ(), "TERM": TERM, "PS1": "ready> ", "LANG": "C.UTF-8"}
    with Seat(shell, env, house.folder) as sitting:
        sitting.shows("ready>")
        sitting.type(" ".join(house.command("tui", "--port", str(daemon.port))) + "\n")
        sitting.shows(SHOWN)
        sitting.type("\x1a")
        sitting.until(lambda: b"Stopped" in sitting.transcript)
        assert sitting.is_switched_back
        sitting.type("echo still $((40 + 2))\n")
        sitting.shows("still 42")
        sitting.type("fg\n")
        sitting.hides("still 42")
        sitting.shows(SHOWN)
        sitting.type("q")
        sitting.until(lambda: sitting.is_switched_back)
        sitting.type("exit\n")
        assert sitting.ends() == 0


def test_without_a_shell_to_continue_it_ctrl_z_does_nothing(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        sitting.type("\x1a")
        sitting.type("?")
        sitting.shows("Everywhere")
        assert state_of(sitting) != "T"


def test_what_somebody_else_wrote_on_it_is_gone_after_ctrl_l(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        os.write(sitting.slave, b"\x1b[5;5HSystem going down")
        sitting.shows("System going down")
        sitting.type("\x0c")
        sitting.hides("System going down")
        sitting.shows(SHOWN, "RunWisp", "q quit")


def test_it_is_drawn_anew_for_another_size(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        for columns, rows in ((80, 24), (200, 60), (300, 100), (40, 10), (100, 30)):
            sitting.resize(columns, rows)
            sitting.until(partial(is_drawn, sitting, rows))
        sitting.shows(SHOWN)


def test_idle_it_writes_nothing_and_costs_next_to_nothing(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        while sitting.look(1.0):
            pass
        before, written = sitting.cpu_seconds(), len(sitting.transcript)
        sitting.look(11.0)  # the daemon is asked anew meanwhile
        assert len(sitting.transcript) == written
        assert sitting.cpu_seconds() - before < 0.01 * 11


def test_a_terminal_that_takes_nothing_is_waited_for_without_work(house: House, daemon: Daemon) -> None:
    with console(house, daemon) as sitting:
        sitting.shows(SHOWN)
        pid = sitting.process.pid
        wait_for(lambda: filled(sitting, pid))
        before = sitting.cpu_seconds()
        sitting.rest(2.0)
        assert sitting.cpu_seconds() - before < 0.1
        os.kill(pid, signal.SIGTERM)
        assert sitting.process.wait(30) == 128 + signal.SIGTERM


def test_where_only_ascii_is_known_only_ascii_is_written(house: House, daemon: Daemon) -> None:
    with console(house, daemon, LANG="C") as sitting:
        sitting.shows(SHOWN)
        sitting.type("q")
        sitting.ends()
        assert bytes(sitting.transcript).isascii()


def test_no_color_means_no_colour(house: House, daemon: Daemon) -> None:
    with console(house, daemon, NO_COLOR="1") as sitting:
        sitting.shows(SHOWN)
        assert not re.search(rb"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m", sitting.transcript)


def filled(sitting: Seat, pid: int) -> bool:
    """Has it draw until the terminal is full, which nobody reads from."""
    os.kill(pid, signal.SIGWINCH)
    return sitting.is_full


def is_drawn(sitting: Seat, rows: int) -> bool:
    lines = sitting.lines
    return len(lines) == rows and "RunWisp" in lines[0] and "keys" in lines[-1]


def state_of(sitting: Seat) -> str:
    return Path(f"/proc/{sitting.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
