"""``runwisp notify-test``: what a person reads who tries a notifier."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import all_pids
from tests.integration.receiver import Answer, Receiver
from tests.integration.running import House
from tests.integration.waiting import PATIENCE, wait_for

PATH = "/services/T0/B0/s3cr3tH00kT0k3n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, receiver: Receiver) -> House:
    house = House(tmp_path)
    house.write(f"""
[[notifier]]
id = "slack-ops"
type = "slack"
webhook_url = "{receiver.url(PATH)}"

[[notifier]]
id = "from-file"
type = "slack"
webhook_url_file = "hook"

[[notifier]]
id = "from-variable"
type = "slack"
webhook_url_env = "HOOK"

[[notifier]]
id = "mail"
type = "sendmail"
path = "/bin/true"
""")
    return house


def tried(house: House, address: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = house.run("notify-test", address, **variables)
    assert "s3cr3t" not in done.stdout + done.stderr
    return done


def test_a_message_that_was_taken_is_told_as_sent(house: House, receiver: Receiver) -> None:
    done = tried(house, "slack-ops")
    assert (done.returncode, done.stdout, done.stderr) == (0, "slack-ops: sent\n", "")
    assert "test message" in receiver.only.json["text"]


def test_a_target_takes_the_place_of_the_notifiers_own(house: House, receiver: Receiver) -> None:
    assert tried(house, "slack-ops:#night").returncode == 0
    assert receiver.only.json["channel"] == "#night"


def test_what_is_in_vain_is_told_with_its_reason(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(404, f"no_service at {receiver.url(PATH)}")]
    done = tried(house, "slack-ops")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "slack-ops: not sent: Slack answered 404 Not Found: no_service at [redacted]\n"
        "A daemon would not try again: this does not pass by itself.\n"
    )


def test_what_may_pass_is_told_as_such(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(503)]
    done = tried(house, "slack-ops")
    assert done.returncode == 1
    assert "A daemon would try again, for as long as default_timeout says." in done.stderr


def test_an_unknown_id_is_told_with_the_one_that_was_meant(house: House) -> None:
    done = tried(house, "slack_op")
    assert done.returncode == 1
    assert done.stderr == (
        '"slack_op" is not the id of a notifier, did you mean "slack-ops"?\n'
        "Those there are: slack-ops, from-file, from-variable, mail\n"
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("mail", "has no to; write mail:TARGET"),
        ("mail:nobody", "is not a mail address"),
        ("slack-ops:ops", "#"),
    ],
)
def test_an_address_that_cannot_be_is_wrong_usage(house: House, address: str, why: str) -> None:
    done = tried(house, address)
    assert done.returncode == 2
    assert why in done.stderr


def test_the_bell_needs_no_test(house: House) -> None:
    done = tried(house, "inapp")
    assert done.returncode == 1
    assert "the bell of the dashboards" in done.stderr


def test_a_variable_is_looked_for_in_the_callers_environment(house: House, receiver: Receiver) -> None:
    assert tried(house, "from-variable", HOOK=receiver.url(PATH)).returncode == 0
    assert "the variable HOOK is not set" in tried(house, "from-variable").stderr


def test_a_file_that_others_may_read_is_warned_of(house: House, receiver: Receiver) -> None:
    house.data.mkdir()
    hook = house.data / "hook"
    hook.write_text(receiver.url(PATH))
    hook.chmod(0o644)
    done = tried(house, "from-file")
    assert done.returncode == 0
    assert done.stderr == f"warning: other users may read {hook}: chmod 0600\n"
    hook.chmod(0o600)
    assert tried(house, "from-file").stderr == ""


def test_it_says_nothing_of_itself_in_the_data_directory(house: House) -> None:
    """So that it can be tried before there is a daemon, and beside one."""
    tried(house, "slack-ops")
    assert not house.data.exists()


def test_what_the_caller_has_open_reaches_no_command(house: House) -> None:
    seen = house.folder / "seen"
    house.write(f'[[notifier]]\nid = "it"\ntype = "command"\nrun = "ls -l /proc/$$/fd > {seen}"\n')
    with (house.folder / "lock").open("w") as lock:
        done = subprocess.run(
            house.command("notify-test", "it"),
            cwd=house.folder,
            env=house.environ(),
            pass_fds=[lock.fileno()],
            check=False,
        )
    assert done.returncode == 0
    assert "memfd" in seen.read_text()
    assert "lock" not in seen.read_text()


def test_an_impatient_caller_leaves_no_command_behind(house: House) -> None:
    """Which runs in a session of its own, and so hears nothing of a Ctrl-C."""
    started = house.folder / "started"
    house.write(
        f'[[notifier]]\nid = "slow"\ntype = "command"\nrun = "echo $$ > {started}; exec sleep 1000"\n'
    )
    asking = subprocess.Popen(house.command("notify-test", "slow"), cwd=house.folder, env=house.environ())
    pid = int(wait_for(lambda: started.exists() and started.read_text().strip()))
    asking.send_signal(signal.SIGINT)
    assert asking.wait(PATIENCE) == 130
    assert pid not in all_pids()
