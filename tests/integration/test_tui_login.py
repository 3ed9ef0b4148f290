"""`runwisp tui` and the door: where the password comes from, and what is said where it is none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.asking import password_of
from tests.integration.onscreen import TERM, Seat
from tests.integration.running import RUNWISP, Daemon, House
from tests.integration.tlsproxy import TlsProxy

TASK = '[tasks.hello]\nrun = "echo hello"\n'
SHOWN = " RunWisp  "
ASKS = "Password of the daemon at "


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "house") as house:
        house.folder.mkdir()
        yield house


@pytest.fixture
def daemon(house: House) -> Daemon:
    return house.start(TASK)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def from_elsewhere(house: House, folder: Path, *words: str, **variables: str) -> Seat:
    """The console from a folder without a data directory."""
    env = {**house.environ(), "TERM": TERM, "LANG": "C.UTF-8", **variables}
    return Seat([*RUNWISP, "tui", *words], env, folder)


def asked(sitting: Seat, times: int) -> bool:
    """Whether it has asked so often, or has ended instead."""
    sitting.look()
    return sitting.transcript.count(ASKS.encode()) >= times or sitting.process.poll() is not None


def leave(sitting: Seat) -> None:
    sitting.shows(SHOWN)
    sitting.type("q")
    assert sitting.ends() == 0


def test_where_none_is_found_it_is_asked_for_and_not_shown(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        sitting.shows(f"{ASKS}http://127.0.0.1:{daemon.port}")
        sitting.type(password_of(house) + "\n")
        leave(sitting)
        assert password_of(house).encode() not in sitting.transcript


def test_a_mistyped_password_may_be_typed_again_but_not_for_ever(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        for times in range(1, 4):
            sitting.until(partial(asked, sitting, times))
            sitting.type("not this one\n")
        assert sitting.ends() == 1
        assert "Invalid password" in sitting.text
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        sitting.shows(ASKS)
        sitting.type("nor this\n")
        sitting.until(partial(asked, sitting, 2))
        assert "Invalid password\n" in sitting.text
        sitting.type(password_of(house) + "\n")
        leave(sitting)


def test_what_is_no_password_is_asked_for_again_and_costs_no_attempt(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        for times in range(1, 9):
            sitting.until(partial(asked, sitting, times))
            sitting.type(b"\xe9\n" if times % 2 else "\n")
        sitting.until(partial(asked, sitting, 9))
        assert "That is not UTF-8." in sitting.text
        sitting.type(password_of(house) + "\n")
        leave(sitting)


def test_the_question_can_be_left_by_ctrl_d(house: House, daemon: Daemon, elsewhere: Path) -> None:
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        sitting.shows(ASKS)
        sitting.type("\x04")
        assert sitting.ends() == 1
        assert "\nno password was typed\n" in sitting.text


def test_guessing_is_stopped_and_it_is_told_for_how_long(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    for _ in range(2):
        with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
            for times in range(1, 4):
                sitting.until(partial(asked, sitting, times))
                if sitting.process.poll() is None:
                    sitting.type("not this one\n")
            assert sitting.ends() == 1
    said = f"too many authentication attempts against the daemon on port {daemon.port}"
    assert said in sitting.text
    assert "Try again in" in sitting.text


def test_a_file_has_it_whatever_else_there_is(house: House, daemon: Daemon, elsewhere: Path) -> None:
    (elsewhere / "secret").write_text(password_of(house) + "\n")
    words = ("--port", str(daemon.port), "--password-file", "secret")
    with from_elsewhere(house, elsewhere, *words, RUNWISP_PASSWORD="another one") as sitting:
        leave(sitting)


@pytest.mark.parametrize("content", [None, "", "wrong\n"])
def test_a_file_that_has_not_is_named(
    house: House, daemon: Daemon, elsewhere: Path, content: str | None
) -> None:
    if content is not None:
        (elsewhere / "secret").write_text(content)
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port), "--password-file", "secret") as sitting:
        assert sitting.ends() == 1
        assert "secret" in sitting.text
        assert "wrong" not in sitting.text
        assert "makes a new one" not in sitting.text, "no daemon makes that file"
        assert sitting.is_restored


def test_a_variable_has_it(house: House, daemon: Daemon, elsewhere: Path) -> None:
    words = ("--url", f"http://127.0.0.1:{daemon.port}")
    with from_elsewhere(house, elsewhere, *words, RUNWISP_PASSWORD=password_of(house)) as sitting:
        leave(sitting)


def test_the_password_of_another_directory_is_not_tried_on_a_stranger(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    (elsewhere / "data").mkdir(mode=0o700)
    (elsewhere / "data/password").write_text("of another daemon\n")
    with from_elsewhere(house, elsewhere, "--port", str(daemon.port)) as sitting:
        assert sitting.ends() == 1
        words = f"another RunWisp daemon is already running on port {daemon.port} with a different password"
        assert words in sitting.text.replace("\n", "")
    with from_elsewhere(house, elsewhere, "--url", f"http://127.0.0.1:{daemon.port}") as sitting:
        sitting.shows(ASKS)
        sitting.type(password_of(house) + "\n")
        leave(sitting)


def test_nobody_there_is_told_with_the_address(house: House, elsewhere: Path) -> None:
    house.write(TASK)
    with from_elsewhere(house, elsewhere, "--port", "1") as sitting:
        assert sitting.ends() == 1
        assert "cannot reach daemon at http://127.0.0.1:1 — is it running?" in sitting.text
        assert sitting.is_restored


def test_a_url_over_tls_is_trusted_by_its_certificate_only(
    house: House, daemon: Daemon, elsewhere: Path
) -> None:
    with TlsProxy(daemon.port, elsewhere) as proxy:
        words = ("--url", f"https://localhost:{proxy.port}")
        with from_elsewhere(house, elsewhere, *words, RUNWISP_PASSWORD=password_of(house)) as sitting:
            assert sitting.ends() == 1
            assert f"cannot reach daemon at https://localhost:{proxy.port}" in sitting.text
            assert "certificate is not trusted" in sitting.text
        trusting = {"RUNWISP_PASSWORD": password_of(house), "SSL_CERT_FILE": str(proxy.certificate)}
        with from_elsewhere(house, elsewhere, *words, **trusting) as sitting:
            sitting.shows("hello")
            leave(sitting)
