"""What keeps a daemon from starting, and what does not: other daemons, stale locks, symlinks, limits."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase
from tests.integration.running import House, is_alive
from tests.integration.waiting import wait_for

SLEEPER = '[services.sleeper]\nrun = "sleep 1000"\n'
STRANGER = 54321
"""A user id that nobody has."""

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


# One daemon a data directory


@pytest.mark.fault("daemon", "two daemons on one data directory")
def test_a_second_daemon_is_refused_and_the_first_does_not_notice(house: House) -> None:
    daemon = house.start(SLEEPER)
    [run] = house.running("sleeper")
    done = house.run("daemon")
    assert done.returncode == 1
    refusal = f"another daemon (pid {daemon.pid}) is already using data directory {house.data}"
    assert done.stderr.splitlines()[0] == refusal
    assert [each.id for each in house.running("sleeper")] == [run.id]
    assert (house.data / "daemon.pid").read_text() == f"{daemon.pid}\n"


@pytest.mark.fault("daemon", "two daemons on one data directory")
def test_of_daemons_started_at_once_one_runs(house: House) -> None:
    house.write(SLEEPER)
    daemons = [house.launch() for _ in range(5)]
    wait_for(lambda: sum(daemon.process.poll() is None for daemon in daemons) == 1)
    [winner] = [daemon for daemon in daemons if daemon.process.poll() is None]
    wait_for(lambda: winner.is_ready)
    house.running("sleeper")
    assert len(house.runs("sleeper")) == 1
    others = [daemon for daemon in daemons if daemon is not winner]
    assert {daemon.ends() for daemon in others} == {1}
    assert all("is already using data directory" in daemon.said for daemon in others)


@pytest.mark.fault("daemon", "recycled pid in daemon.pid")
def test_a_lock_file_of_a_dead_daemon_whose_pid_is_used_again_keeps_nobody_out(house: House) -> None:
    house.data.mkdir(mode=0o700)
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        (house.data / "daemon.pid").write_text(f"{innocent.pid}\n")
        daemon = house.start(SLEEPER)
        assert (house.data / "daemon.pid").read_text() == f"{daemon.pid}\n"
        assert daemon.stop() == 0
        assert innocent.poll() is None
        innocent.kill()


# Paths


@pytest.mark.parametrize("name", ["daemon.pid", "runwisp.db", "data"])
def test_a_symlink_in_the_place_of_a_secret_is_refused(house: House, name: str) -> None:
    house.write(SLEEPER)
    elsewhere = house.folder / "elsewhere"
    if name == "data":
        elsewhere.mkdir()
        house.data.symlink_to(elsewhere)
    else:
        house.data.mkdir(mode=0o700)
        (house.data / name).symlink_to(elsewhere)
    done = house.run("daemon")
    shown = house.data if name == "data" else house.data / name
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"refusing to write {shown}: path is a symlink"
    assert not elsewhere.exists() or not list(elsewhere.iterdir())
    house.data.unlink() if name == "data" else (house.data / name).unlink()


def test_a_configuration_with_mistakes_starts_nothing_and_leaves_nothing(house: House) -> None:
    house.write('[tasks.a]\nrunn = "true"\n[services.b]\nrun = " "\n')
    done = house.run("daemon")
    assert done.returncode == 1
    assert f'{house.config}:2:1: tasks.a.runn: unknown key, did you mean "run"?' in done.stderr
    assert not house.data.exists()


# Limits of the machine


def stranger(*limits: str) -> tuple[str, ...]:
    """Becomes that user, who still may read whatever the tests are installed in."""
    ids = (f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups")
    rights = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return ("setpriv", *ids, *rights, "prlimit", *limits)


@pytest.fixture
def strange_house(open_folder: Path) -> Iterator[House]:
    """Everybody may enter it, and a user without any other process owns it."""
    os.chown(open_folder, STRANGER, STRANGER)
    with House(open_folder) as house:
        yield house


@pytest.mark.fault("daemon", "spawn failing with EAGAIN")
@as_root
def test_at_the_limit_of_processes_runs_fail_with_that_message_and_the_daemon_goes_on(
    strange_house: House,
) -> None:
    """Daemon, pump and one service fit, and no task beside them."""
    house = strange_house
    daemon = house.start(
        f'{SLEEPER}[tasks.tick]\ncron = "@every 1s"\nrun = "/bin/true"\n', prefix=stranger("--nproc=3:3")
    )
    failed = house.ended("tick", 2)
    assert {(run.end_reason, run.exit_code) for run in failed} == {(EndReason.FAILED, -1)}
    assert failed[0].message.startswith(f"exec: /bin/true: {os.strerror(errno.EAGAIN).lower()}")
    [sleeper] = house.running("sleeper")
    assert is_alive(sleeper.pid or 0)
    assert "exec: /bin/true: " in house.log(failed[0])
    assert daemon.stop() == 0


@pytest.mark.fault("daemon", "limit of open files reached")
def test_at_the_limit_of_open_files_runs_fail_and_go_on_when_there_are_some_again(house: House) -> None:
    daemon = house.start(
        '[services.many]\ninstances = 16\nrestart_delay = "200ms"\nrestart_backoff = "constant"\n'
        'run = "test -e enough && exit 3; exec sleep 1000"\n'
        '[tasks.tick]\ncron = "@every 1s"\nrun = "echo ticked"\n',
        prefix=("prlimit", "--nofile=64:64"),
    )
    failed = wait_for(lambda: [run for run in house.runs("many") if run.exit_code == -1 and run.end_at])
    assert os.strerror(errno.EMFILE).lower() in failed[0].message
    (house.folder / "enough").touch()
    for run in house.running("many"):
        os.kill(run.pid or 0, signal.SIGTERM)

    def ticked() -> bool:
        return any(run.end_reason is EndReason.SUCCESS for run in house.runs("tick"))

    wait_for(ticked, lambda: house.said)
    done = next(run for run in house.runs("tick") if run.end_reason is EndReason.SUCCESS)
    assert house.log(done) == "ticked\n"
    assert "a helper process died" not in daemon.said


@pytest.mark.fault("daemon", "spawn failing with E2BIG")
def test_arguments_too_long_fail_their_run_only(house: House) -> None:
    large = "x" * 200_000
    house.start(
        f'[tasks.large]\nrun_on_start = true\nrun = "true"\nenv = {{ LARGE = "{large}" }}\n'
        f"[tasks.long]\nrun_on_start = true\nrun = '''echo {large}'''\n"
        '[tasks.small]\nrun_on_start = true\nrun = "true"\n'
    )
    for name in ("large", "long"):
        run = house.run_of(name)
        assert (run.end_reason, run.exit_code) == (EndReason.FAILED, -1)
        assert os.strerror(errno.E2BIG).lower() in run.message
    assert house.run_of("small").end_reason is EndReason.SUCCESS


def test_names_too_long_for_any_file_fail_their_run_only(house: House) -> None:
    """Longer than a packet between daemon and pump, too."""
    name = "x" * 200_000
    house.start(
        f'[tasks.program]\nrun_on_start = true\nrun = "{name}"\n'
        f'[tasks.folder]\nrun_on_start = true\nrun = "true"\nworking_dir = "{name}"\n'
        f'[tasks.variables]\nrun_on_start = true\nrun = "true"\nenv_file = "{name}"\n'
        '[tasks.small]\nrun_on_start = true\nrun = "true"\n'
    )
    program = house.run_of("program")
    assert (program.end_reason, program.exit_code) == (EndReason.FAILED, 127)
    assert os.strerror(errno.ENOENT).lower() in program.message
    for run in (program, house.run_of("folder"), house.run_of("variables")):
        assert run.end_reason is EndReason.FAILED
        assert "characters]" in run.message and "characters]" in house.log(run)
    assert house.run_of("small").end_reason is EndReason.SUCCESS


@pytest.mark.fault("daemon", "spawn failing with ENOEXEC")
def test_a_file_that_is_no_program_is_said_to_be_none(house: House) -> None:
    broken = house.folder / "broken"
    broken.write_bytes(b"\x7fELF and nothing more")
    broken.chmod(0o755)
    house.start(
        '[tasks.direct]\nrun_on_start = true\nrun = "./broken"\n'
        f'[tasks.shell]\nrun_on_start = true\nshell = "{broken}"\nrun = "true"\n'
    )
    shell = house.run_of("shell")
    assert (shell.end_reason, shell.exit_code) == (EndReason.FAILED, 126)
    assert f"exec: {broken}: {os.strerror(errno.ENOEXEC).lower()}" in house.logs(shell, "exec")
    direct = house.run_of("direct")
    assert direct.end_reason is EndReason.FAILED and direct.exit_code in (2, 126, 127)


@pytest.mark.fault("pump", "log file made unwritable under it")
def test_a_log_folder_that_cannot_be_written_ends_no_run(house: House) -> None:
    (house.data / "logs").mkdir(mode=0o700, parents=True)
    house.data.chmod(0o700)
    (house.data / "logs/job").write_text("in the way")
    house.start('[tasks.job]\nrun_on_start = true\nrun = "echo lost; exit 4"\n')
    run = house.run_of("job")
    assert (run.phase, run.exit_code) == (Phase.ENDED, 4)
    assert (run.log_lines, run.log_dropped_lines) == (1, 1)
