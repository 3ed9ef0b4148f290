"""Starting real processes: what they inherit, how they are found, how a failure says what it is."""

from __future__ import annotations

import errno
import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import launch
from runwisp.command import NOT_PROGRAMS, plain_words
from runwisp.errors import LaunchError
from runwisp.launch import Launcher
from runwisp.mounts import Mounts
from runwisp.program import find_program
from runwisp.reaper import seal_descriptors
from runwisp.task import Service
from tests.integration.forked import NOBODY, as_nobody, forked
from tests.integration.launching import Bench
from tests.integration.waiting import wait_for

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LIMIT = 200
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")


def open_bench(tmp_path: Path, **env: str) -> Bench:
    base = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", **env}
    data_dir = str(tmp_path / "data")
    return Bench(Launcher(base, frozenset({"HOOK"}), data_dir, LIMIT, str(tmp_path)), data_dir, str(tmp_path))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    bench = open_bench(tmp_path, HOOK="secret", NOTIFY_SOCKET="/run/x", RUNWISP_PASSWORD="secret")
    yield bench
    bench.close()


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def fields(text: str) -> dict[str, str]:
    """Lines of ``name: value`` or ``name=value``."""
    return dict(line.replace(":\t", "=", 1).split("=", 1) for line in text.splitlines())


def refusal(bench: Bench, run: str, **keys: object) -> LaunchError:
    with pytest.raises(LaunchError) as caught:
        bench.start(bench.task(run, **keys))
    return caught.value


# What a process inherits


def test_a_run_has_the_daemons_environment_without_secrets_and_knows_itself(bench: Bench) -> None:
    launched, run = bench.start(bench.task("env", env={"A": "1", "LANG": "de"}))
    assert fields(bench.end(launched).out) == {
        "PATH": SYSTEM_PATH,
        "LANG": "de",
        "A": "1",
        "PWD": bench.folder,
        "RUNWISP_TASK": "job",
        "RUNWISP_RUN_ID": run.id,
        "RUNWISP_ATTEMPT": "0",
        "RUNWISP_TRIGGER": "api",
        "RUNWISP_DATA": bench.data_dir,
    }


def test_a_replica_knows_its_index(bench: Bench) -> None:
    service = Service(name="web", run="env", working_dir=bench.folder)
    assert fields(bench.ended(service).out)["RUNWISP_REPLICA"] == "0"


def test_an_env_file_is_read_at_each_start_and_env_outranks_it(bench: Bench, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    task = bench.task("env", env_file=str(env_file), env={"B": "from env"})
    env_file.write_text("A=1\nB=2\n")
    assert fields(bench.ended(task).out).items() >= {"A": "1", "B": "from env"}.items()
    env_file.write_text("A='changed'\n")
    assert fields(bench.ended(task).out)["A"] == "changed"


def test_a_run_has_a_session_and_group_of_its_own(bench: Bench) -> None:
    launched, _ = bench.start(bench.task("cat /proc/self/stat"))
    stats = bench.end(launched).out.rpartition(")")[2].split()
    assert stats[2:4] == [str(launched.pid)] * 2


def test_every_signal_is_as_the_kernel_made_it(bench: Bench) -> None:
    """Python ignores SIGPIPE, and whoever started the daemon may have ignored or blocked others."""
    number = signal.SIGHUP
    before = signal.signal(number, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        status = fields(bench.ended(bench.task("cat /proc/self/status")).out)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(number, before)
    # glibc's posix_spawn leaves the two signals that threads use among themselves ignored.
    ignored = int(status["SigIgn"], 16) & ~(1 << 31 | 1 << 32)
    assert (int(status["SigBlk"], 16), ignored) == (0, 0)


def test_nothing_but_three_descriptors_is_inherited(bench: Bench) -> None:
    os.set_inheritable(leaked := os.open("/", os.O_RDONLY), True)

    def sealed() -> object:
        os.dup2(leaked, 0)
        seal_descriptors()
        links = bench.ended(
            bench.task("readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2")
        ).out.split()
        return [*links, bench.ended(bench.task("ls /proc/self/fd")).out]

    try:
        stdin, stdout, stderr, numbers = cast(list[str], forked(sealed))
    finally:
        os.close(leaked)
    assert stdin == "/dev/null"
    assert stdout.startswith("pipe:")
    assert stderr.startswith("pipe:")
    assert stdout != stderr
    assert numbers == "0\n1\n2\n3\n"  # the last is that of the listing itself


def test_a_daemon_without_standard_streams_gives_its_runs_the_right_ones(bench: Bench) -> None:
    def bare() -> object:
        for fd in (0, 1, 2):
            os.close(fd)
        seal_descriptors()
        return vars(bench.ended(bench.task("echo out; echo err >&2; read line || echo eof")))

    assert forked(bare) == {"exit_code": 0, "out": "out\neof\n", "err": "err\n"}


def test_a_run_may_open_as_many_files_as_before_we_raised_our_limit(bench: Bench, tmp_path: Path) -> None:
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(LIMIT + 50)]
    try:
        ended = bench.ended(bench.task("ulimit -n; cat"))
    finally:
        for fd in held:
            os.close(fd)
    assert (ended.exit_code, ended.out) == (0, f"{LIMIT}\n")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == ours


@pytest.mark.parametrize("run", ["touch made", "touch made; :"])
def test_umask_and_working_dir_are_the_runs_alone(bench: Bench, tmp_path: Path, run: str) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    before = os.umask(0o022)
    try:
        assert bench.ended(bench.task(run, umask=0o077, working_dir=str(elsewhere))).exit_code == 0
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert stat.S_IMODE((elsewhere / "made").stat().st_mode) == 0o600
    assert Path.cwd() == tmp_path


def test_a_working_dir_that_was_made_anew_is_entered_anew(bench: Bench, tmp_path: Path) -> None:
    """The daemon's own folder may be replaced under it, by an upgrade for instance."""
    tmp_path.rename(tmp_path.with_name("old"))
    tmp_path.mkdir()
    (tmp_path / "new").touch()
    assert bench.ended(bench.task("ls")).out == "new\n"


def test_the_read_ends_never_block_and_the_runs_ends_do(bench: Bench) -> None:
    launched, _ = bench.start(bench.task("exec sleep 60"))
    assert not os.get_blocking(launched.stdout_fd)
    flags = Path(f"/proc/{launched.pid}/fdinfo/1").read_text().split("flags:\t")[1].split()[0]
    assert not int(flags, 8) & os.O_NONBLOCK
    os.killpg(launched.pid, signal.SIGKILL)
    assert bench.end(launched).exit_code == 137


# Shells and programs


@pytest.mark.parametrize("name", ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"])
def test_a_posix_shell_stops_at_the_first_failure(bench: Bench, name: str) -> None:
    shell = shutil.which(name, path=SYSTEM_PATH)
    if not shell:
        pytest.skip(f"no {name} here")
    ended = bench.ended(bench.task("echo one; false; echo two", shell=shell))
    assert (ended.exit_code, ended.out) == (1, "one\n")


def test_another_interpreter_gets_the_text_as_it_is(bench: Bench) -> None:
    assert bench.ended(bench.task("print(1 +\n 1)", shell=sys.executable)).out == "2\n"


def test_a_plain_command_runs_without_a_shell(bench: Bench) -> None:
    launched, _ = bench.start(bench.task("sleep 60"))
    wait_for(lambda: Path(f"/proc/{launched.pid}/cmdline").read_bytes() == b"sleep\x0060\0")
    assert Path(f"/proc/{launched.pid}/exe").readlink().name != "dash"


WORDS = st.text("ab'\"\\ \t$`=~#%+@:,./-{}*?[]!^&|;<>()é", max_size=12)
SHELLS = [
    shell for name in ("dash", "bash", "mksh", "busybox") if (shell := shutil.which(name, path=SYSTEM_PATH))
]


@given(st.lists(WORDS, min_size=1, max_size=40))
def test_real_shells_cut_plain_text_into_the_same_words(texts: list[str]) -> None:
    plain = [(text, words) for text in texts if (words := plain_words(f"x {text}"))]
    lines = "".join(f'set -- x {text}\nprintf \'%s\\0\' "$#" "$@"\n' for text, _ in plain)
    expected = "".join(f"{len(words)}\0" + "".join(f"{word}\0" for word in words) for _, words in plain)
    for shell in SHELLS:
        argv = [shell, "sh"] if shell.endswith("busybox") else [shell]
        done = subprocess.run([*argv, "-c", lines], capture_output=True, check=True, cwd="/")
        assert done.stdout.decode() == expected


def test_every_word_that_bash_keeps_for_itself_is_known() -> None:
    listed = subprocess.run(
        ["/bin/bash", "-c", "compgen -b; compgen -k"], capture_output=True, text=True, check=True
    )
    missed = [word for word in listed.stdout.split() if word not in NOT_PROGRAMS and plain_words(word)]
    assert not missed


def test_a_program_is_searched_in_the_path_of_the_run(bench: Bench, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    script(tmp_path / "one" / "job", "not executable", 0o644)
    script(tmp_path / "two" / "job", "#!/bin/sh\necho $0\n")
    (tmp_path / "zero" / "job").mkdir(parents=True)
    path = f"zero:{tmp_path}/one:two:{SYSTEM_PATH}"
    assert bench.ended(bench.task("job", env={"PATH": path})).out == "two/job\n"


def test_a_relative_program_is_one_of_the_working_dir(bench: Bench, tmp_path: Path) -> None:
    script(tmp_path / "job", "#!/bin/sh\necho here\n")
    (tmp_path / "sub").mkdir()
    script(tmp_path / "sub" / "job", "#!/bin/sh\necho there\n")
    assert bench.ended(bench.task("./job")).out == "here\n"
    assert bench.ended(bench.task("./job", working_dir=str(tmp_path / "sub"))).out == "there\n"


def test_a_script_without_a_first_line_is_the_shells(bench: Bench, tmp_path: Path) -> None:
    script(tmp_path / "job", "echo by the shell: $1\n")
    assert bench.ended(bench.task("./job 'a b'")).out == "by the shell: a b\n"


def test_what_is_not_on_a_local_file_system_is_started_by_the_shell(bench: Bench) -> None:
    """/proc is no disk of this machine, and always there."""
    assert bench.ended(bench.task(f"/proc/{os.getpid()}/exe -c 'print(2)'")).out == "2\n"
    assert bench.ended(bench.task("cat sys/kernel/ostype", working_dir="/proc")).out == "Linux\n"
    shell = bench.task("echo $0", shell=f"/proc/{os.getpid()}/root/bin/sh")  # noqa: S604
    assert bench.ended(shell).out.strip().endswith("/root/bin/sh")


def test_a_program_or_interpreter_that_may_hang_is_left_to_the_shell(tmp_path: Path) -> None:
    mounts = Mounts()
    job = script(tmp_path / "job", "#! /proc/self/root/bin/sh -e\n")
    assert find_program("./job", "", str(tmp_path), mounts.is_local) is None
    assert find_program("job", f"/no:{tmp_path}", "/", mounts.is_local) is None
    assert find_program("exe", "/proc/self:/bin", "/", mounts.is_local) is None
    script(job, "#! /bin/sh -e\n")
    assert find_program("job", ":/bin", str(tmp_path), mounts.is_local) == "./job"
    mounts.close()


def test_a_file_that_its_disk_fails_to_give_is_left_to_the_kernel_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int, _size: int) -> bytes:
        raise OSError(errno.EIO, "simulated")

    script(tmp_path / "job", "#! /bin/sh -e\n")
    with closing(Mounts()) as mounts, monkeypatch.context() as patch:
        patch.setattr(os, "read", fail)
        assert find_program("./job", "", str(tmp_path), mounts.is_local) == "./job"


# Failures


def test_an_interpreter_is_named_up_to_a_nul(bench: Bench, tmp_path: Path) -> None:
    """As the kernel reads it; no file can be asked for by a name that holds one."""
    script(tmp_path / "job", "#!/no/such\0\n")
    error = refusal(bench, "./job")
    assert (error.exit_code, error.log_line) == (127, "exec: ./job: no such file or directory")
    assert "the interpreter /no/such" in error.message


@pytest.mark.fault("daemon", "spawn failing with ENOENT")
@pytest.mark.fault("daemon", "spawn failing with EACCES")
@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        ("nosuch x", (127, "exec: nosuch: no such file or directory")),
        ("/no/such", (127, "exec: /no/such: no such file or directory")),
        ("./text/x", (127, "exec: ./text/x: not a directory")),
        ("./loop", (127, "exec: ./loop: too many levels of symbolic links")),
        (f"./{'x' * 300}", (127, f"exec: ./{'x' * 300}: file name too long")),
        ("./text", (126, "exec: ./text: permission denied")),
        ("./folder", (126, "exec: ./folder: is a directory")),
        ("./orphan", (127, "exec: ./orphan: no such file or directory")),
    ],
)
@pytest.mark.parametrize("keys", [{}, pytest.param({"user": "nobody"}, marks=as_root)], ids=["plain", "user"])
def test_a_program_that_cannot_be_executed_is_named(
    bench: Bench, tmp_path: Path, keys: dict[str, str], run: str, verdict: tuple[int, str]
) -> None:
    script(tmp_path / "text", "x", 0o644)
    script(tmp_path / "orphan", "#!/no/interpreter\n")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    error = refusal(bench, run, **keys)
    assert (error.exit_code, error.log_line) == verdict
    assert error.message.startswith(verdict[1])


def test_a_program_that_is_being_written_is_named(bench: Bench, tmp_path: Path) -> None:
    shutil.copy("/bin/true", tmp_path / "busy")
    with (tmp_path / "busy").open("ab"):
        error = refusal(bench, "./busy")
    assert (error.exit_code, error.log_line) == (126, "exec: ./busy: text file busy")


def test_a_missing_shell_is_named(bench: Bench) -> None:
    error = refusal(bench, "a; b", shell="/no/sh")  # noqa: S604
    assert (error.exit_code, error.log_line) == (127, "exec: /no/sh: no such file or directory")


def test_a_missing_working_dir_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (
        refusal(bench, "./x", working_dir="/no/dir").message
        == "working_dir /no/dir: no such file or directory"
    )
    assert "not a directory" in refusal(bench, "./x", working_dir=str(tmp_path / "file")).message
    assert refusal(bench, "x", working_dir="/no/dir").exit_code == -1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, ".env: no such file or directory"),
        (lambda path: path.mkdir(), ".env: is a directory"),
        (os.mkfifo, ".env: not a regular file"),
        (lambda path: path.write_text("A=1\nwrong\n"), ".env:2: expected NAME=value"),
        (lambda path: path.write_bytes(b"#" * (launch.ENV_FILE_MAX + 1)), "longer than 1048576 bytes"),
    ],
)
def test_an_env_file_that_cannot_be_read_is_named(
    bench: Bench, tmp_path: Path, make: object, says: str
) -> None:
    assert callable(make)
    make(tmp_path / ".env")
    error = refusal(bench, "true", env_file=str(tmp_path / ".env"))
    assert says in error.message
    assert error.exit_code == -1


def test_a_too_long_command_is_a_failed_run(bench: Bench) -> None:
    error = refusal(bench, f"/bin/true {'x' * 200_000}")
    assert (error.exit_code, error.log_line) == (-1, "exec: /bin/true: argument list too long")
    assert refusal(bench, "/bin/true; true", env={"A": "x" * 200_000}).exit_code == -1


def test_a_text_that_no_process_can_be_given_is_a_failed_run(bench: Bench) -> None:
    assert "NUL" in refusal(bench, "echo \0").message
    assert "NUL" in refusal(bench, "true", env={"A": "\0"}).message


def test_no_descriptors_left_is_a_failed_run(bench: Bench) -> None:
    def without_descriptors() -> object:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        found = []
        fds = [os.open("/", os.O_RDONLY) for _ in range(4)]
        for spare in range(4):
            resource.setrlimit(resource.RLIMIT_NOFILE, (fds[0] + spare, hard))
            for fd in fds:
                os.close(fd)
            found.append(refusal(bench, "/bin/true").log_line)
            resource.setrlimit(resource.RLIMIT_NOFILE, (fds[0] + 20, hard))
            fds = [os.open("/", os.O_RDONLY) for _ in range(4)]
        return found

    assert forked(without_descriptors) == ["exec: /bin/true: too many open files"] * 4


@as_root
def test_no_processes_left_is_a_failed_run(bench: Bench) -> None:
    def without_processes() -> object:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        error = refusal(bench, "/bin/true", working_dir="/")
        return f"{error.exit_code} {error.message}"

    told = str(as_nobody(without_processes))
    assert told.startswith("-1 ")
    assert "no more processes are allowed" in told


@as_root
def test_we_never_leave_a_folder_that_we_could_not_come_back_to(bench: Bench, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    def shut_out() -> object:
        os.umask(0o022)
        return [refusal(bench, "/bin/true", working_dir="/", umask=0o077).message, os.umask(0o022)]

    assert as_nobody(shut_out) == [f"working_dir {tmp_path}: permission denied", 0o022]


@pytest.mark.fault("daemon", "spawn failing with ENOMEM")
@pytest.mark.parametrize(("number", "says"), [(errno.ENOMEM, "memory"), (errno.ENFILE, "fs.file-max")])
def test_a_machine_at_its_end_is_a_failed_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, "simulated")

    monkeypatch.setattr(os, "posix_spawn", fail)
    error = refusal(bench, "/bin/true")
    assert error.exit_code == -1
    assert says in error.message


def test_what_has_started_is_no_failed_run_though_the_machine_does_not_tell_when(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_pid: int) -> int:
        raise OSError(errno.ENFILE, "simulated")

    monkeypatch.setattr(launch, "start_ticks", fail)
    launched, _ = bench.start(bench.task("echo up"))
    assert launched.pid_started == 0
    assert bench.end(launched).out == "up\n"


# Users


def groups_of(text: str) -> set[int]:
    return {int(group) for group in fields(text)["Groups"].split()}


@as_root
@pytest.mark.parametrize("run", ["cat /proc/self/status", "cat /proc/self/status; true"])
def test_a_user_is_become_with_its_groups(bench: Bench, run: str) -> None:
    status = fields(bench.ended(bench.task(run, user="nobody")).out)
    assert set(status["Uid"].split()) == {str(NOBODY.pw_uid)}
    assert set(status["Gid"].split()) == {str(NOBODY.pw_gid)}
    assert {int(group) for group in status["Groups"].split()} == set(os.getgrouplist("nobody", NOBODY.pw_gid))
    assert int(status["CapEff"], 16) == 0


@as_root
def test_a_group_can_be_named(bench: Bench) -> None:
    assert bench.ended(bench.task("id -gn", user="nobody:daemon")).out == "daemon\n"


@as_root
def test_a_user_has_its_own_home(bench: Bench) -> None:
    env = fields(bench.ended(bench.task("env", user="nobody", env={"SHELL": "/mine"})).out)
    assert (env["HOME"], env["USER"], env["LOGNAME"]) == (NOBODY.pw_dir, "nobody", "nobody")
    assert env["SHELL"] == "/mine"


@pytest.mark.parametrize("user", ["no-such-user", "nobody:no-such-group"])
def test_an_unknown_user_is_named(bench: Bench, user: str) -> None:
    error = refusal(bench, "true", user=user)
    assert error.exit_code == -1
    assert user.rpartition(":")[2] in error.message


@as_root
def test_a_program_that_the_user_may_not_execute_is_named_in_the_log(bench: Bench, tmp_path: Path) -> None:
    script(tmp_path / "mine", "#!/bin/sh\n", 0o700)
    ended = bench.ended(bench.task("./mine", user="nobody"))
    assert (ended.exit_code, ended.err) == (126, "exec: ./mine: permission denied\n")


@as_root
def test_an_env_file_that_others_may_write_is_not_root_s_environment(bench: Bench, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("A=1\n")
    nobody = pwd.getpwnam("nobody").pw_uid
    for owner, mode in ((0, 0o666), (0, 0o664), (nobody, 0o600)):
        os.chown(env_file, owner, -1)
        env_file.chmod(mode)
        assert "may write it" in refusal(bench, "true", env_file=str(env_file)).message
    assert bench.ended(bench.task("true", user="nobody", env_file=str(env_file))).exit_code == 0


@as_root
def test_a_users_env_file_cannot_steer_what_still_has_our_rights(bench: Bench, tmp_path: Path) -> None:
    """The dynamic linker complains of a library that is not there: of setpriv and the shell it must not."""
    (tmp_path / ".env").write_text("LD_PRELOAD='/no/such.so'\nGLIBC_TUNABLES=''\n")
    ended = bench.ended(bench.task("env", user="nobody", env_file=str(tmp_path / ".env")))
    assert ended.err.count("/no/such.so") == 1
    assert fields(ended.out).items() >= {"LD_PRELOAD": "/no/such.so", "GLIBC_TUNABLES": ""}.items()
    assert "LATER" not in ended.out
