"""What ``docs/operations.rst`` tells an admin to do, done on a machine as it stands there."""

from __future__ import annotations

import json
import re
import textwrap

from tests.integration.waiting import wait_for
from tests.package.conftest import ROOT
from tests.package.machine import Machine
from tests.package.test_package import DATA, configured, owner, status


def shown(language: str, words: str) -> str:
    """The block of a page that has these words."""
    page = (ROOT / "docs/operations.rst").read_text()
    blocks = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", page, re.MULTILINE)
    [block] = [textwrap.dedent(block) for block in blocks if words in block]
    return block


def history(machine: Machine) -> list[str]:
    return [run["id"] for run in json.loads(machine.does("runwisp", "runs", "--json"))]


def test_the_backup_is_made_while_the_daemon_runs_and_can_be_gone_back_to(machine: Machine) -> None:
    configured(machine, shown("toml", "backup-runwisp"))
    machine.does("runwisp", "run-task", "backup-runwisp", "--follow")
    before = history(machine)
    machine.does("runwisp", "run-task", "backup-runwisp", "--follow")
    machine.does("cp", f"{DATA}/backup/runwisp.db", "/var/tmp/second.db")
    assert len(history(machine)) == 2
    machine.does("sh", "-ec", shown("sh", "backup/runwisp.db"))
    wait_for(lambda: machine.run("runwisp", "status").returncode == 0, machine.journal)
    assert history(machine)[-1:] == before
    assert owner(machine, f"{DATA}/runwisp.db") == ("runwisp:runwisp", "600")


def test_the_data_directory_moves_with_all_that_is_in_it(machine: Machine) -> None:
    configured(machine, '[tasks.t]\nrun = "echo kept"\n')
    machine.does("runwisp", "run-task", "t", "--follow")
    before = history(machine)
    machine.does("sh", "-ec", shown("sh", "/srv/runwisp"))
    assert status(machine)["work_dir"] == "/srv/runwisp"
    assert history(machine) == before
    assert "kept" in machine.does("runwisp", "logs", "t")


def test_the_drop_in_for_root_is_the_one_among_the_examples(machine: Machine) -> None:
    example = machine.path("/usr/share/doc/runwisp/examples/run-as-root.conf").read_text()
    assert example.endswith(shown("ini", "User=root").rstrip("\n") + "\n")


def test_the_unit_of_a_user_of_its_own_is_one(machine: Machine) -> None:
    page = (ROOT / "docs/install.rst").read_text()
    block = textwrap.dedent(page[page.index("    [Service]") : page.index("A container\n")])
    machine.write("/root/.config/systemd/user/own.service", block)
    machine.does("mkdir", "-p", "/root/runwisp/bin", "/run/user/0")
    machine.does("ln", "-s", "/usr/bin/runwisp", "/root/runwisp/bin/runwisp")
    unit = "/root/.config/systemd/user/own.service"
    done = machine.run(
        "systemd-analyze", "--user", "verify", unit, HOME="/root", XDG_RUNTIME_DIR="/run/user/0"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
