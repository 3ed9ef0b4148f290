"""Where a daemon listens, and what it says when it cannot."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from runwisp.clock import Mono
from runwisp.errors import CannotListen
from runwisp.listener import is_loopback, listen, port_of
from tests.integration.asking import Door
from tests.integration.conftest import all_pids, environment
from tests.integration.forked import as_nobody
from tests.integration.running import House
from tests.integration.waiting import wait_for

SLEEPER = '[services.web]\nrun = "sleep 1000"\n'


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


@pytest.fixture
def taken() -> Generator[int, None, None]:
    """A port at which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def test_a_port_that_is_taken_is_told_with_the_commands_that_show_by_whom(house: House, taken: int) -> None:
    house.write(SLEEPER)
    done = house.run("daemon", "--port", str(taken))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"port {taken} on 127.0.0.1 is already in use by another process",
        "To see which one:",
        f"  ss -ltnp 'sport = :{taken}'",
        f"  lsof -iTCP:{taken} -sTCP:LISTEN",
        "Stop it, or choose another port with --port.",
    ]


def test_nothing_is_started_or_made_before_the_port_is_ours(house: House, taken: int) -> None:
    house.write('[tasks.mark]\nrun = "touch ../started"\nworking_dir = "data"\nrun_on_start = true\n')
    house.run("daemon", RUNWISP_PORT=str(taken))
    assert os.listdir(house.data) == []


def test_a_port_held_by_another_daemon_is_told_with_three_ways_out(house: House, tmp_path: Path) -> None:
    daemon = house.start(SLEEPER)
    fingerprint = Door(daemon).get("/health").json["fingerprint"]
    (tmp_path / "other").mkdir()
    with House(tmp_path / "other") as other:
        other.write(SLEEPER)
        done = other.run("daemon", "--port", str(daemon.port))
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[0] == (
        f"another RunWisp daemon is already running on port {daemon.port} with a different password"
    )
    assert fingerprint in said[1]
    assert [line[:12] for line in said[2:]] == ["- Stop the o", "- Use the ma", "- Pick a dif"]


def test_the_data_directory_is_asked_for_before_the_port(house: House) -> None:
    daemon = house.start(SLEEPER)
    done = house.run("daemon", "--port", str(daemon.port))
    assert "is already using data directory" in done.stderr


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("203.0.113.7", "cannot listen on 203.0.113.7: it is not an address of this machine"),
        ("no.such.host.invalid", "cannot tell which address no.such.host.invalid is"),
        ("a..b", "cannot tell which address a..b is"),
    ],
)
def test_an_address_that_is_not_ours_is_told(house: House, host: str, words: str) -> None:
    house.write(SLEEPER)
    done = house.run("daemon", "--host", host)
    assert done.returncode == 1
    assert words in done.stderr
    assert "--host" in done.stderr


def test_a_port_that_only_root_may_use_is_told() -> None:
    def refusal() -> str:
        with pytest.raises(CannotListen) as refused:
            listen("127.0.0.1", 80, until=Mono(0))
        return str(refused.value)

    told = str(as_nobody(refusal) if os.geteuid() == 0 else refusal())
    assert "not allowed to listen on port 80 of 127.0.0.1" in told
    assert "reverse proxy" in told


def test_beyond_this_machine_a_reverse_proxy_is_recommended_and_on_it_not(house: House) -> None:
    near = house.start(SLEEPER)
    assert "reverse proxy" not in near.said
    near.stop()
    far = house.start(env={"RUNWISP_HOST": "0.0.0.0"})  # noqa: S104
    assert "put a reverse proxy with TLS in front of it" in far.said
    assert Door(far).get("/health").status == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="a kernel without IPv6")
def test_ipv6_and_names_are_listened_on(house: House) -> None:
    daemon = house.start(SLEEPER, env={"RUNWISP_HOST": "::1"})
    assert f"http://[::1]:{daemon.port}" in daemon.said
    assert Door(daemon, source="::1").ask("GET", "/health", host="::1").status == 200
    daemon.stop()
    daemon = house.start(env={"RUNWISP_HOST": "localhost"})
    assert Door(daemon).get("/health").json["status"] == "ok"


def test_a_port_just_left_is_taken_again_at_once(house: House) -> None:
    daemon = house.start(SLEEPER)
    port = daemon.port
    assert Door(daemon).get("/health").status == 200
    daemon.stop()
    assert house.start(env={"RUNWISP_PORT": str(port)}).port == port


def test_no_run_inherits_the_socket(house: House) -> None:
    house.start(SLEEPER)
    [run] = house.running("web")
    [pid] = [pid for pid in all_pids() if f"RUNWISP_RUN_ID={run.id}".encode() in environment(pid)]
    names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not [name for name in names if name.startswith("socket:")]


def test_connections_wait_while_web_starts_again(house: House) -> None:
    daemon = house.start(SLEEPER)
    assert Door(daemon).get("/health").status == 200
    former = daemon.web_pid
    os.kill(former, 9)
    assert Door(daemon).get("/health").json["status"] == "ok"
    assert daemon.web_pid != former
    wait_for(lambda: "a helper process died and is started again" in daemon.said)


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "::/0", "10.0.0.0/8,::/0"])
def test_trusting_everybody_refuses_to_start(house: House, proxies: str) -> None:
    house.write(SLEEPER)
    done = house.run("daemon", RUNWISP_TRUST_PROXY=proxies)
    assert done.returncode == 2
    assert "is everybody, who could then pretend to be anybody" in done.stderr


def test_a_proxy_that_is_no_network_refuses_to_start(house: House) -> None:
    house.write(SLEEPER)
    done = house.run("daemon", RUNWISP_TRUST_PROXY="10.0.0.1/8")
    assert done.returncode == 2
    assert "RUNWISP_TRUST_PROXY: 10.0.0.1/8 has host bits set" in done.stderr


@pytest.mark.parametrize(("host", "is_near"), [("127.0.0.1", True), ("127.1.2.3", True), ("0.0.0.0", False)])  # noqa: S104
def test_what_is_loopback(host: str, is_near: bool) -> None:
    with listen(host, 0, until=Mono(0)) as sock:
        assert port_of(sock) > 0
        assert is_loopback(sock) is is_near
