"""The daemon as the first process of a container, as ``packaging/Dockerfile`` has it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.waiting import wait_for
from tests.package.conftest import ROOT
from tests.package.machine import Machine

CONFIG = """
[daemon]
shutdown_timeout = "5s"
[tasks.orphans]
run = '''
for each in 1 2 3; do setsid sh -c 'echo $$ >>/var/lib/runwisp/orphans; sleep 0.2; exit 7' & done
'''
[services.counting]
run = '''
trap 'echo TERM >>/var/lib/runwisp/signals; exit 0' TERM
echo ready
while :; do sleep 0.1; done
'''
"""


def said_by_dockerfile(word: str) -> str:
    """The last line with this instruction."""
    text = (ROOT / "packaging/Dockerfile").read_text()
    return re.findall(rf"^{word} (.*)$", text, re.MULTILINE)[-1]  # type: ignore[no-any-return]


def commanded(word: str) -> list[str]:
    """The words of ``CMD [...]`` and of a HEALTHCHECK."""
    found: list[str] = json.loads(re.sub(r"^.*?\[", "[", said_by_dockerfile(word)))
    return found


@pytest.fixture
def container(installed: list[Path], tmp_path: Path) -> Generator[Machine, None, None]:
    """As docker would start it: the user, the variables and the command of the Dockerfile."""
    user = said_by_dockerfile("USER")
    privileges = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--bounding-set=-all"]
    command = [*privileges, "env", *said_by_dockerfile("ENV").split(), *commanded("CMD")]
    configuration = tmp_path / "configuration"
    (configuration / "etc/runwisp").mkdir(parents=True)
    (configuration / "etc/runwisp/runwisp.toml").write_text(CONFIG)
    with Machine(tmp_path / tmp_path.name, [*installed, configuration], command) as machine:
        wait_for(lambda: "runs 1 task, 1 service" in machine.said(), machine.said)
        yield machine


def as_user(machine: Machine, *words: str) -> str:
    variables = dict(each.split("=") for each in said_by_dockerfile("ENV").split())
    return machine.does(
        "setpriv", "--reuid=runwisp", "--regid=runwisp", "--clear-groups", *words, **variables
    )


def test_it_is_the_first_process_and_healthy(container: Machine) -> None:
    assert container.path("/proc/1/comm").read_text() == "runwisp\n"
    assert os.stat(f"/proc/{container.pid}").st_uid != 0
    assert "is healthy" in as_user(container, *commanded("HEALTHCHECK"))


def test_it_reaps_what_tasks_leave_behind(container: Machine) -> None:
    as_user(container, "runwisp", "run-task", "orphans", "--follow", "--host", "127.0.0.1")
    orphans = container.path("/var/lib/runwisp/orphans")
    pids = wait_for(lambda: [pid for pid in [orphans.read_text().split()] if len(pid) == 3])[0]
    wait_for(
        lambda: not any(container.path(f"/proc/{pid}").exists() for pid in pids),
        lambda: container.does("ps", "axf"),
    )


def test_a_stop_signals_each_process_once_and_ends_in_time(container: Machine) -> None:
    wait_for(
        lambda: '"running": 1' in as_user(container, "runwisp", "status", "--host", "127.0.0.1", "--json")
    )
    signals = container.folder / "upper/var/lib/runwisp/signals"
    os.kill(container.pid, getattr(signal, said_by_dockerfile("STOPSIGNAL")))
    assert container.ends() == 0, container.said()
    assert signals.read_text() == "TERM\n"
    assert container.said().splitlines()[-1].endswith("stopped by SIGTERM")
