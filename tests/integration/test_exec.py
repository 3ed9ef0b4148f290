"""`runwisp exec`: the daemon's own machinery for one run, on the terminal of whoever asks for it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Trigger
from tests.integration.conftest import all_pids, parent_pid
from tests.integration.running import House, child, is_alive
from tests.integration.waiting import PATIENCE, wait_for

SLEEPER = '[tasks.sleeper]\nrun = "echo up; exec sleep 1000"\n'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@contextmanager
def executing(house: House, task: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        house.command("exec", task),
        cwd=house.folder,
        env=house.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_prints_both_streams_apart_keeps_log_and_row_and_exits_with_the_code(house: House) -> None:
    house.write('[tasks.job]\nrun = "echo out; echo err >&2; exit 7"\nretry_attempts = 5\n')
    done = house.run("exec", "job")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    [run] = house.runs()
    assert (run.end_reason, run.exit_code, run.triggered_by) == (EndReason.FAILED, 7, Trigger.EXEC)
    assert sorted(house.log(run).splitlines()) == ["[ERR] err", "out"]
    assert not (house.data / "daemon.pid").exists()


def test_all_that_a_run_prints_arrives_and_is_kept(house: House) -> None:
    house.write(f"[tasks.job]\nrun = '{child('spew', 5_000_000)}'\n")
    done = house.run("exec", "job")
    assert (done.returncode, len(done.stdout)) == (0, 5_000_000)
    assert house.runs()[0].log_lines == 50_000


def test_a_run_that_never_started_exits_with_one_and_says_why(house: House) -> None:
    house.write('[tasks.job]\nrun = "true"\nworking_dir = "gone"\n[tasks.missing]\nrun = "/nowhere/at-all"\n')
    done = house.run("exec", "job")
    assert (done.returncode, house.runs("job")[0].exit_code) == (1, -1)
    assert done.stderr == f"job: working_dir {house.folder}/gone: no such file or directory\n"
    done = house.run("exec", "missing")
    assert done.returncode == 127
    assert done.stderr.startswith("missing: exec: /nowhere/at-all: no such file or directory")


def test_a_task_that_is_not_there_is_said_to_be_not_there(house: House) -> None:
    house.write(SLEEPER)
    done = house.run("exec", "sleepr")
    assert done.returncode == 1
    assert "sleepr" in done.stderr and "Traceback" not in done.stderr
    assert not house.runs()
    assert not house.database.parent.exists()


def test_one_replica_of_a_service_runs_and_is_not_started_again(house: House) -> None:
    house.write('[services.web]\ninstances = 3\nrun = "echo replica $RUNWISP_REPLICA; exit 2"\n')
    done = house.run("exec", "web")
    assert (done.returncode, done.stdout) == (2, "replica 0\n")
    assert len(house.runs()) == 1


def test_its_timeout_holds_and_is_told(house: House) -> None:
    house.write('[tasks.job]\nrun = "sleep 1000"\ntimeout = "200ms"\n')
    done = house.run("exec", "job")
    assert (done.returncode, done.stderr) == (143, "job: ran longer than its timeout of 200ms\n")
    assert house.runs()[0].end_reason is EndReason.TIMEOUT


def test_beside_a_daemon_it_is_refused_and_says_what_to_use_instead(house: House) -> None:
    daemon = house.start(SLEEPER)
    done = house.run("exec", "sleeper")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"a daemon (pid {daemon.pid}) is using data directory {house.data}",
        "Let it run the task: runwisp run-task sleeper",
    ]
    assert not house.runs()


def test_a_daemon_that_starts_meanwhile_leaves_it_alone(house: House) -> None:
    house.write(SLEEPER + '[tasks.other]\nrun_on_start = true\nrun = "true"\n')
    with executing(house, "sleeper") as process:
        [run] = house.running("sleeper")
        daemon = house.start()
        assert house.run_of("other").end_reason is EndReason.SUCCESS
        [same] = house.running("sleeper")
        assert same.id == run.id and is_alive(run.pid or 0)
        assert daemon.stop() == 0
        assert is_alive(run.pid or 0), "its end is not that of the daemon"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
    assert house.runs("sleeper")[0].end_reason is EndReason.STOPPED


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
def test_it_ends_its_run_when_it_is_told_to_end(house: House, signum: signal.Signals) -> None:
    house.write(SLEEPER)
    with executing(house, "sleeper") as process:
        [run] = house.running("sleeper")
        house.logs(run, "up")
        process.send_signal(signum)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (143, "up\n", "")
    [run] = house.runs()
    assert (run.end_reason, run.message) == (EndReason.STOPPED, f"exec was ended by {signum.name}")


def test_a_second_ctrl_c_cuts_the_grace_short(house: House) -> None:
    stubborn = "trap 'echo told' TERM; echo ready; while :; do sleep 0.05 || :; done"
    house.write(f'[tasks.stubborn]\nrun = "{stubborn}"\ngraceful_stop = "10m"\n')
    with executing(house, "stubborn") as process:
        [run] = house.running("stubborn")
        house.logs(run, "ready")
        process.send_signal(signal.SIGINT)
        house.logs(run, "told")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 137
    assert house.runs()[0].end_reason is EndReason.STOPPED


def test_a_second_ctrl_c_ends_it_though_its_pump_does_nothing(house: House) -> None:
    house.write(SLEEPER)
    with executing(house, "sleeper") as process:
        [run] = house.running("sleeper")
        house.logs(run, "up")
        pump = next(pid for pid in all_pids() if parent_pid(pid) == process.pid and pid != run.pid)
        os.kill(pump, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: not is_alive(run.pid or 0))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 143
        os.kill(pump, signal.SIGKILL)
        assert process.stderr and "the log pump does not end" in process.stderr.read()
    [run] = house.runs()
    assert (run.end_reason, run.message) == (EndReason.STOPPED, "exec was ended by SIGINT")


def test_it_tells_of_a_malformed_history_that_it_sets_aside(house: House) -> None:
    house.write('[tasks.job]\nrun = "true"\n')
    house.data.mkdir(mode=0o700)
    house.database.write_bytes(b"no database at all" * 500)
    done = house.run("exec", "job")
    assert done.returncode == 0
    assert "the database was malformed and is set aside" in done.stderr


def test_what_a_killed_exec_left_is_ended_and_recorded_by_the_next_daemon(house: House) -> None:
    house.write(SLEEPER)
    with executing(house, "sleeper") as process:
        [run] = house.running("sleeper")
        process.kill()
        process.wait()
        assert is_alive(run.pid or 0)
        house.start()
        assert not is_alive(run.pid or 0)
        assert house.run_of("sleeper").end_reason is EndReason.CRASHED


def test_two_at_once_are_two_runs(house: House) -> None:
    house.write(SLEEPER)
    with executing(house, "sleeper") as one, executing(house, "sleeper") as two:
        runs = house.running("sleeper", 2)
        assert len({run.log_stem for run in runs}) == 2
        for process in (one, two):
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 143
    assert {run.phase for run in house.runs()} == {Phase.ENDED}


def on_a_terminal(house: House, *words: str) -> str:
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        house.command("exec", *words),
        cwd=house.folder,
        env=house.environ(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        sent = b""
        try:
            while block := os.read(ours, 4096):
                sent += block
        except OSError:  # EIO: the other end is closed
            pass
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    return sent.decode()


def test_to_a_terminal_only_colours_pass_and_the_log_has_all(house: House) -> None:
    text = r"\033[31mred\033[0m \033]0;title\007\033[2J\033[10;10Hmoved\033[8m\n"
    house.write(f"[tasks.job]\nrun = '''printf '{text}' '''\n")
    sent = on_a_terminal(house, "job")
    assert "\033[31mred\033[0m" in sent and "moved" in sent
    assert sent.endswith("\033[0m")
    assert "\033]0" not in sent and "\033[2J" not in sent and "\033[10" not in sent
    assert "\033]0;title\007\033[2J\033[10;10Hmoved" in house.log(house.runs()[0])
    assert "\033]0;title\007\033[2J\033[10;10Hmoved" in on_a_terminal(house, "job", "--raw")


def test_a_reader_that_goes_away_does_not_end_the_run(house: House) -> None:
    house.write("[tasks.job]\nrun = 'for n in $(seq 20000); do echo $n; done; touch done'\n")
    with executing(house, "job") as process:
        assert process.stdout and process.stdout.readline() == "1\n"
        process.stdout.close()
        house.ended("job")
        assert (house.folder / "done").exists()
        assert process.wait(PATIENCE) == 0
    assert house.runs()[0].log_lines == 20_000


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_runs_with_closed_standard_streams(house: House, closed: str) -> None:
    house.write("[tasks.job]\nrun = 'echo out; echo err >&2; ls /proc/self/fd'\n")
    script = f'"$@" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *house.command("exec", "job")],
        cwd=house.folder,
        env=house.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ("" if "2>" in closed else "err\n")
    assert sorted(house.log(house.runs()[0]).split()) == ["0", "1", "2", "3", "[ERR]", "err", "out"]


def test_output_that_cannot_be_kept_is_told(house: House) -> None:
    house.write('[tasks.job]\nrun = "echo out"\n')
    (house.data / "logs").mkdir(0o700, parents=True)
    (house.data / "logs/job").write_text("in the way of a folder")
    house.data.chmod(0o700)
    done = house.run("exec", "job")
    assert (done.returncode, done.stdout) == (0, "out\n")
    assert done.stderr.endswith("WARN  output of job is dropped: Not a directory\n")
    assert house.runs()[0].log_dropped_lines == 1
