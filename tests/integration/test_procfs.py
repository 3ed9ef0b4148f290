"""Real processes, known by what the kernel says of them, and signals that reach them and nobody else."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from runwisp import host, procfs
from runwisp.launch import Launched, Launcher
from runwisp.procfs import Member, Outcome, Target, members_of, signal_member, signal_runs
from runwisp.reaper import set_subreaper
from tests.integration.forked import as_nobody, forked
from tests.integration.launching import Bench, child, read_line
from tests.integration.waiting import wait_for

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    data_dir, folder = str(tmp_path / "data"), str(tmp_path)
    mark = {name: os.environ[name] for name in ("PATH", "TEST_THAT_STARTED_THIS")}
    bench = Bench(Launcher(mark, frozenset(), data_dir, 1024, folder), data_dir, folder)
    yield bench
    bench.close()


def members(bench: Bench, run_id: str) -> list[Member]:
    return members_of({run_id}, bench.data_dir)


def the_member(bench: Bench, run_id: str, pid: int) -> Member:
    """Waits: in the midst of its execve a process has no environment yet."""
    wait_for(lambda: pid in {member.pid for member in members(bench, run_id)})
    return next(member for member in members(bench, run_id) if member.pid == pid)


def kill(member: Member) -> None:
    signal_member(member, signal.SIGKILL)
    wait_for(lambda: not procfs.is_alive(member.pid, member.started))


def reaped(bench: Bench, launched: Launched) -> None:
    """Waits for the process alone: what it left behind may hold its output."""
    bench.forget(launched)
    os.waitpid(launched.pid, 0)


# Knowing a process


def test_a_boot_has_an_id() -> None:
    assert len(procfs.boot_id()) == 36


def test_a_process_is_known_by_pid_and_start(bench: Bench) -> None:
    launched, _ = bench.start(bench.task("sleep 60"))
    assert launched.pid_started == procfs.start_ticks(launched.pid)
    assert procfs.is_alive(launched.pid, launched.pid_started)
    assert not procfs.is_alive(launched.pid, launched.pid_started - 1)


def test_a_zombie_has_a_start_and_no_life(bench: Bench) -> None:
    launched, run = bench.start(bench.task("exit 0"))
    os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
    assert procfs.start_ticks(launched.pid) == launched.pid_started
    assert not procfs.is_alive(launched.pid, launched.pid_started)
    assert not members_of({run.id}, bench.data_dir, {launched.pid: run.id})
    reaped(bench, launched)
    assert procfs.start_ticks(launched.pid) is None


def test_a_command_name_may_hold_anything(bench: Bench, tmp_path: Path) -> None:
    name = "a) Z (b"
    (tmp_path / name).symlink_to("/bin/sleep")
    launched, run = bench.start(bench.task(f"'./{name}' 60"))
    wait_for(lambda: the_member(bench, run.id, launched.pid).comm == name)


def test_our_processes_have_our_command_name() -> None:
    def named() -> object:
        host.take_command_name()
        return Path("/proc/self/comm").read_text()

    assert forked(named) == "runwisp\n"


# Members


def test_what_left_the_session_is_found_by_its_environment(bench: Bench) -> None:
    launched, run = bench.start(bench.task(child("setsid_and_hold")))
    left = int(read_line(launched.stdout_fd))
    reaped(bench, launched)
    (member,) = members(bench, run.id)
    assert (member.pid, member.run_id) == (left, run.id)
    assert member.sid == member.pgid == left != launched.pid
    kill(member)
    assert not members(bench, run.id)


def test_many_runs_are_told_apart_in_one_pass(bench: Bench) -> None:
    started = dict(bench.start(bench.task("sleep 60; :")) for _ in range(3))
    wait_for(lambda: len(members_of({run.id for run in started.values()}, bench.data_dir)) == 6)
    found = members_of({run.id for run in started.values()}, bench.data_dir)
    for launched, run in started.items():
        assert {member.run_id for member in found if member.sid == launched.pid} == {run.id}


def test_a_run_of_another_data_directory_is_none_of_ours(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60"))
    the_member(bench, run.id, launched.pid)
    assert not members_of({run.id}, bench.data_dir + "x")
    assert not members_of({run.id[:-1]}, bench.data_dir)
    assert len(members(bench, run.id)) == 1


def test_a_wiped_environment_is_found_by_the_session(bench: Bench) -> None:
    launched, run = bench.start(bench.task(child("wipe_environment")))
    assert read_line(launched.stdout_fd) == "wiped"
    assert not members(bench, run.id)
    (member,) = members_of((), bench.data_dir, {launched.pid: run.id})
    assert (member.pid, member.run_id) == (launched.pid, run.id)


def test_a_large_environment_is_read_to_its_end(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60", env={f"A{n}": "x" * 50_000 for n in range(8)}))
    assert the_member(bench, run.id, launched.pid).run_id == run.id


# Signals


def test_a_signal_reaches_the_member_and_tells_when_it_is_gone(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60"))
    member = the_member(bench, run.id, launched.pid)
    assert signal_member(member, 0) is Outcome.SENT
    assert signal_member(member, signal.SIGTERM) is Outcome.SENT
    os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
    assert signal_member(member, signal.SIGTERM) is Outcome.GONE
    reaped(bench, launched)
    assert signal_member(member, signal.SIGTERM) is Outcome.GONE


def test_a_pid_that_is_somebody_elses_by_now_is_not_hit(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60"))
    member = the_member(bench, run.id, launched.pid)
    assert signal_member(replace(member, started=member.started - 1), signal.SIGKILL) is Outcome.GONE
    assert procfs.is_alive(member.pid, member.started)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EMFILE])
def test_a_signal_reaches_the_member_and_no_stranger_where_there_are_no_pidfds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A container of an older runtime may forbid them, an old kernel does not know them."""

    def refuse(_pid: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    launched, run = bench.start(bench.task("sleep 60"))
    member = the_member(bench, run.id, launched.pid)
    assert signal_member(replace(member, started=member.started - 1), signal.SIGKILL) is Outcome.GONE
    assert procfs.is_alive(member.pid, member.started)
    assert signal_member(member, 0) is Outcome.SENT
    assert signal_member(member, signal.SIGTERM) is Outcome.SENT
    assert bench.end(launched).exit_code == 143
    assert signal_member(member, signal.SIGTERM) is Outcome.GONE


def test_a_group_is_empty_when_its_last_process_is_reaped(bench: Bench) -> None:
    launched, run = bench.start(bench.task(child("fork_and_leave")))
    left = the_member(bench, run.id, int(read_line(launched.stdout_fd)))
    reaped(bench, launched)
    assert left.pgid == launched.pid
    assert not procfs.group_is_empty(launched.pid)
    kill(left)
    wait_for(lambda: procfs.group_is_empty(launched.pid))


def test_a_stop_reaches_the_group_and_what_left_it(bench: Bench) -> None:
    launched, run = bench.start(bench.task(f"{child('setsid_and_hold', 'telling')}; sleep 60"))
    escaped = the_member(bench, run.id, int(read_line(launched.stdout_fd)))
    wait_for(lambda: len(members(bench, run.id)) == 3)
    assert signal_runs([Target(run.id, launched.pid, is_reaped=False)], signal.SIGTERM, bench.data_dir) == []
    assert read_line(launched.stdout_fd) == "told to end"
    wait_for(lambda: not procfs.is_alive(escaped.pid, escaped.started))
    assert bench.end(launched).exit_code == 143


def test_a_stopped_process_is_woken_to_be_ended(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60"))
    os.kill(launched.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, launched.pid, os.WSTOPPED)
    signal_runs([Target(run.id, launched.pid, is_reaped=False)], signal.SIGTERM, bench.data_dir)
    assert bench.end(launched).exit_code == 143


def test_what_a_reaped_run_left_is_ended_and_not_who_has_its_pid_by_now(bench: Bench) -> None:
    launched, run = bench.start(bench.task(child("fork_and_leave")))
    left = the_member(bench, run.id, int(read_line(launched.stdout_fd)))
    reaped(bench, launched)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        signal_runs([Target(run.id, stranger.pid, is_reaped=True)], signal.SIGKILL, bench.data_dir)
        wait_for(lambda: not procfs.is_alive(left.pid, left.started))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_session_of_a_reaped_run_is_its_own_while_a_known_member_is_there(bench: Bench) -> None:
    """And not of whoever has its number once that is gone."""
    launched, run = bench.start(bench.task("env -i sleep 60 & echo $!"))
    left = int(read_line(launched.stdout_fd))
    in_session = partial(members_of, (), bench.data_dir, {launched.pid: run.id})
    [known] = wait_for(lambda: [member for member in in_session() if member.pid == left])
    reaped(bench, launched)
    target = Target(run.id, launched.pid, is_reaped=True, known=[known])
    assert procfs.has_session(target)
    signal_runs([target], signal.SIGKILL, bench.data_dir)
    wait_for(lambda: not procfs.has_session(target))
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        member = Member(stranger.pid, procfs.start_ticks(stranger.pid) or 0, 0, 0, "sleep", run.id)
        assert not procfs.has_session(replace(target, known=[member])), "it left for a session of its own"
        signal_runs([replace(target, pid=stranger.pid)], signal.SIGKILL, bench.data_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_what_goes_on_without_its_first_thread_lives_and_is_ended(bench: Bench) -> None:
    """proc_pid_stat(5) shows the state of the first thread alone, which is that of a zombie then."""
    threads = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
    launched, run = bench.start(
        bench.task(f"exec {sys.executable} -c '{threads}ctypes.CDLL(None).pthread_exit(0)'")
    )
    stat = Path(f"/proc/{launched.pid}/stat")
    wait_for(lambda: stat.read_text().split()[2] == "Z")
    assert procfs.is_alive(launched.pid, launched.pid_started)
    [member] = members_of({run.id}, bench.data_dir, {launched.pid: run.id})
    assert signal_member(member, signal.SIGKILL) is Outcome.SENT
    assert bench.end(launched).exit_code == 137


def test_a_run_that_ignores_the_stop_signal_is_killed(bench: Bench) -> None:
    launched, run = bench.start(bench.task(child("ignore_term")))
    assert read_line(launched.stdout_fd) == "ready"
    target = [Target(run.id, launched.pid, is_reaped=False)]
    signal_runs(target, signal.SIGTERM, bench.data_dir)
    signal_runs(target, signal.SIGKILL, bench.data_dir)
    assert bench.end(launched).exit_code == 137


@as_root
def test_what_may_not_be_signalled_is_named(bench: Bench) -> None:
    launched, run = bench.start(bench.task("sleep 60"))

    def refused() -> object:
        found = signal_runs([Target(run.id, launched.pid, is_reaped=False)], signal.SIGTERM, bench.data_dir)
        return [[member.pid, member.run_id] for member in found]

    assert as_nobody(refused) == [[launched.pid, run.id]]
    assert procfs.is_alive(launched.pid, launched.pid_started)


@as_root
def test_what_proc_hides_from_us_is_nobody_we_know_and_harms_nothing(bench: Bench) -> None:
    """With ``hidepid=1`` the processes of other users are listed and cannot be looked at."""
    launched, run = bench.start(bench.task("sleep 60"))

    def looked_at() -> object:
        target = Target(run.id, launched.pid, is_reaped=False)
        return [
            procfs.start_ticks(launched.pid),
            procfs.is_alive(launched.pid, launched.pid_started),
            procfs.children_of(launched.pid),
            signal_runs([target], signal.SIGTERM, bench.data_dir),
        ]

    assert forked(lambda: hide_processes() and as_nobody(looked_at)) == [None, False, [], []]
    assert procfs.is_alive(launched.pid, launched.pid_started)


def hide_processes() -> bool:
    """From other users, in a /proc that this process alone has."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private, everything_below = 0x20000, 1 << 18, 1 << 14
    assert libc.unshare(new_namespace) == 0, os.strerror(ctypes.get_errno())
    assert libc.mount(None, b"/", None, private | everything_below, None) == 0
    assert libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=1") == 0, os.strerror(ctypes.get_errno())
    return True


def test_orphans_of_runs_become_our_children(bench: Bench) -> None:
    def adopting() -> object:
        set_subreaper()
        launched, _ = bench.start(bench.task(child("setsid_and_hold")))
        left = int(read_line(launched.stdout_fd))
        os.waitpid(launched.pid, 0)
        os.kill(left, signal.SIGKILL)
        return os.waitpid(left, 0)[0] == left

    assert forked(adopting) is True


def test_reading_processes_needs_nothing_but_the_standard_library() -> None:
    source = "import sys, runwisp.procfs, runwisp.launch, runwisp.reaper; print('ctypes' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "False\n"
