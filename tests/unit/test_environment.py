"""What a run inherits and is told."""

from __future__ import annotations

import pytest

from runwisp.clock import Wall
from runwisp.environment import inherited, steers_privileged, told
from runwisp.run import Trigger, drafted
from runwisp.task import Service, Task

ID = "01K00000000000000000000000"


@pytest.mark.parametrize(
    "name",
    [
        "RUNWISP_PASSWORD",
        "RUNWISP_DATA",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "CREDENTIALS_DIRECTORY",
        "SLACK_URL",
    ],
)
def test_what_is_the_daemons_own_is_not_inherited(name: str) -> None:
    env = {name: "secret", "PATH": "/bin", "LISTENER": "x"}
    assert inherited(env, {"SLACK_URL"}) == {"PATH": "/bin", "LISTENER": "x"}


def test_a_task_is_told_who_it_is() -> None:
    task = Task(name="backup", run="x", working_dir="/")
    run = drafted(ID, task, Trigger.CRON, Wall(0), scheduled_for=Wall(1_700_000_000_000))
    assert told(task, run, "/var/lib/runwisp") == {
        "RUNWISP_TASK": "backup",
        "RUNWISP_RUN_ID": ID,
        "RUNWISP_ATTEMPT": "0",
        "RUNWISP_TRIGGER": "cron",
        "RUNWISP_DATA": "/var/lib/runwisp",
        "RUNWISP_SCHEDULED_FOR": "2023-11-14T22:13:20.000Z",
    }


def test_only_a_service_has_a_replica_and_only_a_firing_a_schedule() -> None:
    service = Service(name="web", run="x", working_dir="/")
    facts = told(service, drafted(ID, service, Trigger.SERVICE, Wall(0)), "/d")
    assert facts["RUNWISP_REPLICA"] == "0"
    assert "RUNWISP_SCHEDULED_FOR" not in facts


@pytest.mark.parametrize(
    ("name", "does"),
    [("LD_PRELOAD", True), ("GLIBC_TUNABLES", True), ("MALLOC_TRACE", True), ("UID", False), ("PATH", False)],
)
def test_what_steers_the_dynamic_linker_is_known(name: str, does: bool) -> None:
    assert steers_privileged(name) is does
