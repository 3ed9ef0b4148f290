"""A command as a channel: what it gets, what its exit means, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runwisp.deliver import program
from runwisp.deliver.attempt import attempted
from runwisp.delivery import Outcome, Verdict
from runwisp.notifier import Command
from tests.integration.conftest import all_pids
from tests.integration.sending import Deliver, a_run, an_order, write_log

SENT = Outcome(Verdict.SENT)


def command(run: str, **keys: Any) -> Command:
    return Command(id="it", run=run, **keys)


def test_it_gets_the_event_as_json(tmp_path: Path) -> None:
    write_log(tmp_path, a_run(), "a", "b")
    assert attempted(an_order(command(f"cat > {tmp_path}/got"), tmp_path), {}) == SENT
    found = json.loads((tmp_path / "got").read_text())
    assert found["event"]["kind"] == "run.failed"
    assert found["run"]["exit_code"] == 3
    assert found["log_tail"] == ["a", "b"]


def test_it_gets_more_than_a_pipe_holds_without_reading_it(tmp_path: Path) -> None:
    template = tmp_path / "it.json"
    template.write_text('"$title"' * 8_000)
    order = an_order(command(f"sleep 0; wc -c > {tmp_path}/got", template_path=str(template)), tmp_path)
    assert attempted(order, {}) == SENT
    assert int((tmp_path / "got").read_text()) == len('"ERROR: backup failed"') * 8_000
    assert attempted(an_order(command("exit 0", template_path=str(template)), tmp_path), {}) == SENT


def test_it_inherits_what_a_run_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of its own, no descriptor of ours, no variable that is the daemon's alone."""
    monkeypatch.setenv("RUNWISP_PASSWORD", "s3cr3t")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("PLAIN", "yes")
    ids = f"cut -d' ' -f1,6 /proc/$$/stat > {tmp_path}/ids"
    run = f"env > {tmp_path}/env; ls /proc/$$/fd > {tmp_path}/fds; {ids}"
    assert attempted(an_order(command(run), tmp_path), {}) == SENT
    env = (tmp_path / "env").read_text()
    assert "PLAIN=yes" in env
    assert "RUNWISP_PASSWORD" not in env
    assert "NOTIFY_SOCKET" not in env
    assert {*(tmp_path / "fds").read_text().split()} - {"255", "10"} == {"0", "1", "2"}
    pid, session = (tmp_path / "ids").read_text().split()
    assert pid == session


def test_a_ctrl_c_in_the_moment_of_its_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, pids = os.posix_spawn, []

    def spawned(*given: Any, **keys: Any) -> int:
        pids.append(spawn(*given, **keys))
        signal.raise_signal(signal.SIGINT)
        return pids[0]

    monkeypatch.setattr(os, "posix_spawn", spawned)
    with pytest.raises(KeyboardInterrupt):
        program.run("the command", ("/bin/sleep", "1000"), b"")
    assert pids[0] not in all_pids()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ("echo oops >&2; exit 7", "the command exited with code 7: oops"),
        ("exit 1", "the command exited with code 1"),
        ("kill -9 $$", "the command was ended by signal 9"),
        ("missing-program", "the command exited with code 127: /bin/sh: 1: missing-program: not found"),
        ("printf 'a\\033[31m\\n\\n'; exit 2", "the command exited with code 2: a\\x1b[31m"),
        ("head -c 9000000 /dev/zero | tr '\\0' x; exit 3", None),
    ],
)
def test_what_it_says_last_is_the_reason(tmp_path: Path, run: str, told: str | None) -> None:
    found = attempted(an_order(command(run), tmp_path), {})
    assert found.verdict is Verdict.AGAIN
    assert found.reason == told or (told is None and "exited with code 3: xxx" in found.reason)
    assert len(found.reason) < 500


def test_a_late_one_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """That nothing is left is seen to after every test."""
    patches = ["runwisp.deliver.program.ATTEMPT = 500"]
    run = "sleep 1000 & exec sleep 1000"
    found = Deliver(patches=patches)(an_order(command(run), tmp_path))
    assert found == Outcome(Verdict.AGAIN, "the command was not done within 500ms")


def test_what_it_leaves_in_the_background_does_not_hold_up_the_message(tmp_path: Path) -> None:
    """Which has our output still open."""
    run = f"sleep 1000 & echo $! > {tmp_path}/pid"
    assert attempted(an_order(command(run), tmp_path), {}) == SENT
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_what_it_leaves_in_the_background_may_print_without_end(tmp_path: Path) -> None:
    """Until nobody reads it any more."""
    found = attempted(an_order(command("yes & echo done; exit 3"), tmp_path), {})
    assert found.reason.startswith("the command exited with code 3")


def test_nothing_of_the_message_is_among_its_arguments(tmp_path: Path) -> None:
    run = f"cat /proc/$$/cmdline /proc/$PPID/cmdline > {tmp_path}/seen"
    assert Deliver()(an_order(command(run), tmp_path)) == SENT
    seen = (tmp_path / "seen").read_text()
    assert "runwisp.deliver.main" in seen
    assert "backup" not in seen
