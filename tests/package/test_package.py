"""The Debian package: what becomes of a machine that it is put on, upgraded on and taken from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runwisp.version import VERSION
from tests.integration.waiting import wait_for
from tests.package.machine import Machine

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/runwisp/runwisp.toml"
DATA = "/var/lib/runwisp"
TASKS = """
[tasks.who]
run = "id -un; id -gn; pwd"
[services.sleeper]
run = "sleep 100000"
"""


def status(machine: Machine) -> Any:
    return json.loads(machine.does("runwisp", "status", "--json"))


def configured(machine: Machine, text: str) -> None:
    machine.write(CONFIG, text)
    machine.does("systemctl", "restart", "runwisp")


def owner(machine: Machine, name: str) -> tuple[str, str]:
    """``user:group`` and the mode."""
    user, mode = machine.does("stat", "-c", "%U:%G %a", name).split()
    return user, mode


@pytest.fixture(scope="session")
def newer(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package with a higher version."""
    folder = tmp_path_factory.mktemp("newer")
    subprocess.run(["dpkg-deb", "-R", str(deb), str(folder / "content")], check=True)
    control = folder / "content/DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}", f"Version: {VERSION}+1"))
    package = folder / f"runwisp_{VERSION}+1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", str(folder / "content"), str(package)], check=True
    )
    return package


def test_lintian_finds_nothing(deb: Path) -> None:
    [changes] = deb.parent.glob("*.changes")
    found = subprocess.run(
        ["lintian", "--allow-root", "--pedantic", "--fail-on=error,warning,pedantic", str(changes)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


def test_it_depends_on_the_distribution_alone(machine: Machine) -> None:
    modules = ("blessed", "bottle", "croniter", "jwt", "tomli", "waitress")
    code = f"import {', '.join(modules)}; print(*(m.__file__ for m in ({', '.join(modules)})), sep='\\n')"
    found = machine.does("/usr/bin/python3", "-c", code).splitlines()
    assert [name for name in found if not name.startswith("/usr/lib/python3/dist-packages/")] == []


def test_an_installed_service_is_enabled_runs_and_is_harmless(machine: Machine) -> None:
    assert machine.does("systemctl", "is-enabled", "runwisp").strip() == "enabled"
    found = status(machine)
    assert (found["status"], found["tasks"], found["services"]) == ("ok", 0, 0)
    assert (found["work_dir"], found["config_path"]) == (DATA, CONFIG)
    assert machine.property("StatusText") == "0 tasks, 0 services"
    assert "password" not in machine.run("ps", "axww").stdout


def test_files_are_for_those_whom_they_concern(machine: Machine) -> None:
    assert owner(machine, DATA) == ("runwisp:runwisp", "700")
    assert owner(machine, f"{DATA}/password") == ("runwisp:runwisp", "600")
    assert owner(machine, f"{DATA}/runwisp.db") == ("runwisp:runwisp", "600")
    assert owner(machine, "/etc/default/runwisp") == ("root:root", "640")
    assert owner(machine, CONFIG) == ("root:root", "644")
    password = machine.path(f"{DATA}/password").read_text().strip()
    assert password not in machine.does("journalctl", "--no-pager")
    assert f"it is in {DATA}/password" in machine.journal()


def test_tasks_run_as_the_user_of_the_service(machine: Machine) -> None:
    configured(machine, TASKS)
    said = machine.does("runwisp", "run-task", "who", "--follow").splitlines()
    assert said[-3:] == ["runwisp", "runwisp", "/etc/runwisp"]


@pytest.mark.parametrize(("pid", "is_told"), [("4711", True), ("0", False), (None, False)])
def test_an_upgrade_asks_systemd_for_the_daemon_wherever_its_data_is(
    tmp_path: Path, pid: str | None, is_told: bool
) -> None:
    asked = tmp_path / "systemctl"
    asked.write_text(f"#!/bin/sh\n{f'echo {pid}' if pid else 'exit 1'}\n")
    asked.chmod(0o755)
    command = ["/bin/sh", str(ROOT / "debian/runwisp.postinst"), "configure", "0.4.0"]
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert ("the daemon (pid 4711) was not restarted" in done.stdout) is is_told


def test_an_upgrade_leaves_the_daemon_and_what_it_runs_alone_and_says_so(
    machine: Machine, newer: Path
) -> None:
    configured(machine, TASKS)
    machine.does("runwisp", "run-task", "who", "--follow")
    pid = machine.property("MainPID")
    sleeper = machine.does("pgrep", "-x", "sleep")
    said = machine.install(newer)
    assert f"It goes on as version {VERSION} until you say: systemctl restart runwisp" in said
    assert machine.property("MainPID") == pid
    assert machine.does("pgrep", "-x", "sleep") == sleeper
    assert machine.path(CONFIG).read_text() == TASKS
    assert "who" in machine.does("runwisp", "runs")
    machine.does("systemctl", "restart", "runwisp")
    assert machine.property("MainPID") != pid
    assert [run["task_name"] for run in json.loads(machine.does("runwisp", "runs", "who", "--json"))] == [
        "who"
    ]


def test_remove_stops_the_service_and_keeps_data_and_configuration(machine: Machine) -> None:
    configured(machine, TASKS)
    machine.does("apt-get", "remove", "-y", "runwisp")
    assert machine.run("pgrep", "-u", "runwisp").stdout == ""
    assert not machine.path("/usr/bin/runwisp").exists()
    assert not machine.path("/usr/share/runwisp").exists()
    assert machine.path(CONFIG).read_text() == TASKS
    assert machine.path(f"{DATA}/runwisp.db").exists()


def test_purge_leaves_nothing(debian: Path, deb: Path, tmp_path: Path) -> None:
    with Machine(tmp_path / tmp_path.name, [debian]) as machine:
        before = everything(machine)
        machine.install(deb)
        wait_for(lambda: machine.path(f"{DATA}/password").exists())
        added = everything(machine) - before
        assert {"/usr/bin/runwisp", f"{DATA}/password"} <= added
        machine.does("apt-get", "purge", "-y", "runwisp")
        assert everything(machine) == before


def everything(machine: Machine) -> set[str]:
    """Every file and account; not what dpkg, apt and the journal remember."""
    skipped = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache", "/var/lib/dpkg")
    pruned = " -o ".join(f"-path {name}" for name in (*skipped, "/var/lib/apt", "/var/lib/systemd"))
    files = machine.does("sh", "-c", rf"find / \( {pruned} \) -prune -o -print")
    accounts = machine.does("cat", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
    backups = {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock"}
    return {*files.splitlines(), *accounts.splitlines()} - backups


@pytest.mark.parametrize("name", ["commands", "service"])
def test_an_autopkgtest_passes(machine: Machine, name: str) -> None:
    declared = (ROOT / "debian/tests/control").read_text()
    assert f"Tests: {name}\nDepends: runwisp\n" in declared
    machine.write(f"/var/tmp/{name}", (ROOT / "debian/tests" / name).read_text())
    machine.does("sh", f"/var/tmp/{name}", AUTOPKGTEST_TMP="/var/tmp")
