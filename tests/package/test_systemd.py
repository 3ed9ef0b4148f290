"""The service under a real systemd: what it is told, what it forbids, and what an admin may change."""

from __future__ import annotations

import json
import re

from tests.integration.waiting import wait_for
from tests.package.machine import Machine
from tests.package.test_package import CONFIG, DATA, ROOT, configured, owner, status

UNIT = "/lib/systemd/system/runwisp.service"
DROP_IN = "/etc/systemd/system/runwisp.service.d/test.conf"


def changed(machine: Machine, drop_in: str) -> None:
    """The unit with a drop-in of an admin, and started with that."""
    machine.write(DROP_IN, drop_in)
    machine.does("systemctl", "daemon-reload")
    machine.does("systemctl", "restart", "runwisp")


def printed(machine: Machine, task: str) -> list[str]:
    return machine.does("runwisp", "run-task", task, "--follow").splitlines()


def test_systemd_finds_nothing_wrong_with_the_unit(machine: Machine) -> None:
    done = machine.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_exposure_that_the_docs_tell_is_that_of_the_unit(machine: Machine) -> None:
    said = machine.does("systemd-analyze", "security", "--no-pager", "runwisp")
    found = re.search(r"Overall exposure level for runwisp.service: (\S+) (\w+)", said)
    assert found, said
    assert f"{found[1]} {found[2]}" in (ROOT / "docs/operations.rst").read_text()


def test_every_line_of_hardening_is_explained_with_what_it_costs(machine: Machine) -> None:
    text = machine.path(UNIT).read_text()
    lines = re.findall(
        r"^(\w+=.*)$", text[text.index("NoNewPrivileges") : text.index("[Install]")], re.MULTILINE
    )
    page = (ROOT / "docs/operations.rst").read_text()
    assert [line for line in lines if f"``{line}``" not in page] == []


def test_a_task_cannot_get_more_rights_than_the_service_has(machine: Machine) -> None:
    configured(
        machine,
        "[tasks.t]\nrun = \"grep -E '^(NoNewPrivs|CapBnd)' /proc/self/status; touch /usr/x || true\"\n",
    )
    said = printed(machine, "t")
    assert said[:2] == ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1"]


def test_a_task_that_takes_all_memory_ends_alone(machine: Machine) -> None:
    assert machine.property("OOMPolicy") == "continue"


def test_a_daemon_that_hangs_is_killed_and_started_again(machine: Machine) -> None:
    configured(machine, '[services.s]\nrun = "sleep 100000"\n')
    changed(machine, "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
    pid = machine.property("MainPID")
    machine.does("kill", "-STOP", pid)
    wait_for(lambda: machine.property("MainPID") not in (pid, "0"), machine.journal)
    wait_for(lambda: machine.property("ActiveState") == "active", machine.journal)
    assert "Watchdog timeout" in machine.journal()
    assert status(machine)["running"] == 1
    crashed = json.loads(machine.does("runwisp", "runs", "s", "--json"))[1]
    assert (crashed["end_reason"], crashed["exit_code"]) == ("crashed", -2)
    assert len(machine.does("pgrep", "-x", "sleep").split()) == 1


def test_a_daemon_that_cannot_start_is_tried_again_and_then_failed(machine: Machine) -> None:
    machine.write(CONFIG, "[tasks.t]\n")
    machine.write(DROP_IN, "[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=100ms\n")
    machine.does("systemctl", "daemon-reload")
    assert machine.run("systemctl", "restart", "runwisp").returncode
    wait_for(lambda: machine.property("ActiveState") == "failed", machine.journal)
    assert f"{CONFIG}:1:8: tasks.t.run: is missing" in machine.journal()


def test_a_stop_may_take_longer_than_systemd_would_wait(machine: Machine) -> None:
    slow = 'trap "sleep 4; exit 0" TERM; while :; do sleep 0.1; done'
    configured(
        machine,
        f"[daemon]\nshutdown_timeout = '20s'\n[services.s]\ngraceful_stop = '15s'\nrun = '''{slow}'''\n",
    )
    changed(machine, "[Service]\nTimeoutStopSec=1s\n")
    wait_for(lambda: status(machine)["running"])
    machine.does("systemctl", "stop", "runwisp")
    assert machine.property("Result") == "success", machine.journal()


def test_the_password_may_come_as_a_credential_and_root_finds_it(machine: Machine) -> None:
    machine.write("/etc/runwisp/password", "a secret of the admin\n")
    machine.path(f"{DATA}/password").unlink()
    changed(machine, "[Service]\nLoadCredential=password:/etc/runwisp/password\n")
    assert not machine.path(f"{DATA}/password").exists()
    assert status(machine)["status"] == "ok"
    configured(machine, '[tasks.t]\nrun = "env"\n')
    assert "CREDENTIALS_DIRECTORY" not in "\n".join(printed(machine, "t"))


def test_root_finds_the_service_where_its_variables_put_it(machine: Machine) -> None:
    machine.write("/etc/default/runwisp", "RUNWISP_PORT=9500\nRUNWISP_PASSWORD='of the admin'\n")
    machine.does("systemctl", "restart", "runwisp")
    assert status(machine)["url"] == "http://127.0.0.1:9500"


def test_the_daemon_as_root_runs_each_task_as_its_user(machine: Machine) -> None:
    configured(machine, '[tasks.before]\nrun = "true"\n')
    printed(machine, "before")
    machine.write(
        CONFIG,
        '[tasks.who]\nuser = "nobody"\nrun = "id -un; id -Gn; echo $HOME"\n[tasks.root]\nrun = "id -un"\n',
    )
    assert machine.run("systemctl", "restart", "runwisp").returncode
    changed(machine, (ROOT / "packaging/systemd/run-as-root.conf").read_text())
    assert printed(machine, "who") == ["nobody", "nogroup", "/nonexistent"]
    assert printed(machine, "root") == ["root"]
    assert owner(machine, DATA) == ("root:root", "700")
    assert json.loads(machine.does("runwisp", "runs", "before", "--json"))


def test_its_own_log_has_priorities_in_the_journal_and_output_of_tasks_is_not_there(machine: Machine) -> None:
    configured(machine, '[tasks.t]\nrun = "echo of the task; exit 3"\n')
    machine.run("runwisp", "run-task", "t", "--follow")
    entries = machine.does("journalctl", "-u", "runwisp", "-o", "json", "--no-pager").splitlines()
    told = {entry["MESSAGE"]: entry["PRIORITY"] for entry in map(json.loads, entries)}
    assert {priority for message, priority in told.items() if message.startswith("runwisp 0")} == {"6"}
    assert "of the task" not in "\n".join(told)
