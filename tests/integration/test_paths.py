"""The data directory: modes, symlinks, owners, and the lock that gives it to one daemon."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.errors import DataDirError, DataDirLocked, SymlinkRefused
from runwisp.paths import DataDir, denied, open_private
from tests.integration.forked import as_nobody

ROOT = Path(__file__).parents[2]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=[0o000, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def python(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs ``source`` in a process of its own, which may change who it is."""
    command = [sys.executable, "-c", source, *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


# Modes and places


def test_modes_are_explicit_whatever_the_umask(umask: None) -> None:
    data = DataDir("a/data")
    data.prepare()
    os.close(data.open("password", os.O_WRONLY | os.O_CREAT))
    lock = data.lock()
    assert mode("a") == mode("a/data") == 0o700
    assert mode("a/data/password") == mode("a/data/daemon.pid") == 0o600
    lock.release()


def test_a_file_that_was_open_to_others_is_closed_when_written() -> None:
    data = DataDir("data")
    data.prepare()
    Path("data/password").write_text("secret")
    os.chmod("data/password", 0o644)
    os.close(data.open("password", os.O_WRONLY | os.O_CREAT))
    assert mode("data/password") == 0o600


def test_a_directory_that_is_there_is_left_as_it_is() -> None:
    os.mkdir("data", 0o750)
    DataDir("data").prepare()
    assert mode("data") == 0o750


def test_paths_stay_right_when_the_working_directory_changes(tmp_path: Path) -> None:
    data = DataDir("data/")
    data.prepare()
    os.chdir("/")
    data.lock().release()
    assert data.path == "data"
    assert data.absolute == str(tmp_path / "data")
    assert data.database == str(tmp_path / "data/runwisp.db")


def test_one_directory_has_one_absolute_path_however_it_is_written(tmp_path: Path) -> None:
    os.mkdir("real")
    os.symlink("real", "way")
    spellings = [
        "real/data",
        "./real/data/",
        "way/data",
        "way/../real/data",
        "real//data/.",
        f"{tmp_path}/way/data",
    ]
    assert {DataDir(spelling).absolute for spelling in spellings} == {f"{tmp_path}/real/data"}


def test_a_directory_that_everybody_may_write_is_refused() -> None:
    os.mkdir("data")
    os.chmod("data", 0o777)
    with pytest.raises(DataDirError, match=r"every user .* may write .* data\n.*\n +chmod 0700 data"):
        DataDir("data").prepare()


def test_a_file_in_the_place_of_the_directory_is_named() -> None:
    Path("data").touch()
    with pytest.raises(DataDirError, match="data is not a directory"):
        DataDir("data").prepare()


@as_root
@pytest.mark.parametrize(
    ("path", "why"), [("file/data", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_root_is_told_of_a_path_that_cannot_be(path: str, why: str) -> None:
    Path("file").touch()
    with pytest.raises(DataDirError, match=f"cannot use the data directory {path}: .*: {why}\n"):
        DataDir(path).become_owner()


# Symlinks


def test_a_file_is_never_reached_through_a_symlink() -> None:
    data = DataDir("data")
    data.prepare()
    Path("elsewhere").write_text("before")
    for name in ("password", "daemon.pid"):
        os.symlink("../elsewhere", f"data/{name}")
        with pytest.raises(SymlinkRefused, match=f"^refusing to write data/{name}: path is a symlink\n"):
            data.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    with pytest.raises(SymlinkRefused):
        data.lock()
    assert Path("elsewhere").read_text() == "before"


@pytest.mark.parametrize("spelling", ["data", "data/", "data/.", "./data//"])
@pytest.mark.parametrize("target", ["real", "missing"])
def test_the_directory_itself_may_not_be_a_symlink(spelling: str, target: str) -> None:
    os.mkdir("real")
    os.symlink(target, "data")
    data = DataDir(spelling)
    for touch in (data.prepare, data.lock, data.become_owner, lambda: data.open("password", os.O_CREAT)):
        if touch == data.become_owner and os.geteuid() != 0:
            continue
        with pytest.raises(SymlinkRefused, match=r"^refusing to write (\./)?data: path is a symlink\n"):
            touch()
    assert not os.listdir("real")


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() -> None:
    os.mkfifo("password")
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
        with pytest.raises(DataDirError, match="p/password is not a regular file"):
            open_private("password", flags, shown="p/password")


# The lock


def test_a_second_daemon_is_told_who_has_the_directory() -> None:
    data = DataDir("data")
    data.prepare()
    lock = data.lock()
    message = f"^another daemon \\(pid {os.getpid()}\\) is already using data directory data\n"
    with pytest.raises(DataDirLocked, match=message):
        DataDir("data").lock()
    done = python(
        "import sys; from runwisp.paths import DataDir; print(DataDir(sys.argv[1]).holder())", "data"
    )
    assert done.stdout == f"{os.getpid()}\n"
    lock.release()


def test_asking_for_the_holder_neither_takes_the_lock_nor_loses_it() -> None:
    data = DataDir("data")
    data.prepare()
    assert data.holder() is None
    lock = data.lock()
    assert data.holder() == data.holder() == os.getpid()
    with pytest.raises(DataDirLocked):
        data.lock()
    lock.release()
    assert data.holder() is None
    assert not os.path.exists("data/daemon.pid")


def test_a_stale_file_keeps_nobody_out_whosever_pid_it_holds() -> None:
    data = DataDir("data")
    data.prepare()
    for stale in (f"{os.getppid()}\n", "1\n", "", "rubbish", "99999999999999\n" * 9):
        Path("data/daemon.pid").write_text(stale)
        assert data.holder() is None
        lock = data.lock()
        assert Path("data/daemon.pid").read_text() == f"{os.getpid()}\n"
        lock.release()


def test_the_death_of_the_holder_frees_the_directory_and_its_children_do_not_keep_it() -> None:
    source = """
import os, sys
from runwisp.paths import DataDir
lock = DataDir("data").lock()
silent = [(os.POSIX_SPAWN_CLOSE, 1), (os.POSIX_SPAWN_CLOSE, 2)]
child = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ, file_actions=silent)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""
    data = DataDir("data")
    data.prepare()
    child = int(python(source).stdout)
    try:
        assert os.path.exists("data/daemon.pid")
        assert data.holder() is None
        data.lock().release()
    finally:
        os.kill(child, 9)


def test_of_daemons_that_come_and_go_never_two_have_the_directory() -> None:
    """Each holder makes a file that must not be there yet; release and lock race all the time."""
    source = """
import os
from runwisp.errors import DataDirLocked
from runwisp.paths import DataDir
data = DataDir("data")
taken = 0
while taken < 300:
    try:
        lock = data.lock()
    except DataDirLocked:
        continue
    os.close(os.open("alone", os.O_CREAT | os.O_EXCL))
    os.unlink("alone")
    lock.release()
    taken += 1
"""
    DataDir("data").prepare()
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    crowd = [subprocess.Popen([sys.executable, "-c", source], env=environ) for _ in range(4)]
    assert [one.wait(timeout=60) for one in crowd] == [0, 0, 0, 0]


# Owners and permissions

ACT = """
import os, sys
from runwisp.errors import DataDirError
from runwisp.paths import DataDir
uid = int(sys.argv[1])
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
elif os.geteuid() == 0:
    os.setgroups([1, 2])
data = DataDir(sys.argv[2])
try:
    data.become_owner()
    data.prepare()
    data.lock()
except DataDirError as error:
    print(error)
print("now", os.geteuid(), os.getegid(), os.getgroups(), os.environ.get("USER"), os.getresuid())
"""


@as_root
def test_permission_denied_names_directory_owner_user_and_what_to_do(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    DataDir("data").prepare()
    told = python(ACT, str(NOBODY), "data").stdout
    assert told.startswith("permission denied on the data directory data: ")
    assert f"{open_folder}/data belongs to root:root (mode 0700), the daemon runs as nobody\n" in told
    assert (
        f"\n  sudo chown -R nobody:nogroup {open_folder}/data\n  sudo chmod 0700 {open_folder}/data\n" in told
    )


@as_root
def test_a_directory_that_cannot_be_made_is_named_with_the_place_it_would_be_in(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    os.mkdir("place")
    told = python(ACT, str(NOBODY), "place/deep/data").stdout
    assert told.startswith("permission denied on the data directory place/deep/data: cannot make it; ")
    assert f"{open_folder}/place belongs to root:root" in told
    assert f"\n  sudo mkdir -p {open_folder}/place/deep/data\n  sudo chown -R " in told


@as_root
@pytest.mark.parametrize(
    ("held", "is_given"), [("lost+found", True), ("runwisp.db", True), ("passwd", False)]
)
def test_nobody_is_told_to_give_away_a_directory_that_holds_something_else(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, held: str, is_given: bool
) -> None:
    monkeypatch.chdir(open_folder)
    os.mkdir("etc")
    Path("etc", held).touch()
    told = python(ACT, str(NOBODY), "etc").stdout
    assert ("sudo chown" in told) is is_given
    assert ("It holds other things than RunWisp's; name a directory of its own" in told) is not is_given


@as_root
def test_logs_of_another_user_are_refused_before_output_is_lost(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    os.makedirs("data/logs", 0o700)
    os.chown("data", NOBODY, NOBODY)
    told = python(ACT, str(NOBODY), "data").stdout
    assert told.startswith("permission denied on the data directory data: cannot write in data/logs; ")
    assert f"{open_folder}/data/logs belongs to root:root" in told
    assert f"\n  sudo chown -R nobody:nogroup {open_folder}/data\n" in told


def test_logs_that_are_no_folder_are_refused_before_output_is_lost(in_a_folder: Path) -> None:
    data = DataDir("data")
    data.prepare()
    (in_a_folder / "elsewhere").mkdir()
    (in_a_folder / "data/logs").symlink_to(in_a_folder / "elsewhere")
    with pytest.raises(SymlinkRefused, match=r"^refusing to write data/logs: path is a symlink\n"):
        data.prepare()
    (in_a_folder / "data/logs").unlink()
    (in_a_folder / "data/logs").touch()
    with pytest.raises(DataDirError, match=r"^data/logs is not a directory\n"):
        data.prepare()


def test_a_working_directory_that_was_deleted_is_said_to_be(in_a_folder: Path) -> None:
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir(in_a_folder / "gone")
    with pytest.raises(DataDirError, match="the working directory was deleted"):
        DataDir("data")
    DataDir(f"{in_a_folder}/data").prepare()


@as_root
def test_a_file_of_another_user_in_ones_own_directory_is_named(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    DataDir("data").prepare()
    Path("data/daemon.pid").touch(0o600)
    os.chown("data", NOBODY, NOBODY)
    told = python(ACT, str(NOBODY), "data").stdout
    assert told.startswith("permission denied on the data directory data: cannot open data/daemon.pid; ")


@as_root
def test_root_becomes_the_owner_of_the_directory_for_good(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    DataDir("data").prepare()
    os.chown("data", NOBODY, NOBODY)
    told = python(ACT, "0", "data").stdout
    assert told == f"now {NOBODY} {NOBODY} [{NOBODY}] nobody ({NOBODY}, {NOBODY}, {NOBODY})\n"
    assert os.stat("data/daemon.pid").st_uid == NOBODY


@as_root
def test_root_becomes_an_owner_that_has_no_account(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    DataDir("data").prepare()
    os.chown("data", 54321, 54322)
    assert python(ACT, "0", "data").stdout.startswith("now 54321 54322 [] ")


@as_root
def test_root_stays_root_where_the_directory_is_its_own_or_not_there() -> None:
    assert python(ACT, "0", "data").stdout.startswith("now 0 ")
    assert python(ACT, "0", "data").stdout.startswith("now 0 ")


@as_root
def test_a_read_only_file_system_is_called_so(tmp_path: Path) -> None:
    DataDir("data").prepare()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs", "data"], check=True)
    try:
        told = python(ACT, "0", "data").stdout
    finally:
        subprocess.run(["umount", "data"], check=True)
    assert told.startswith("cannot use the data directory data: cannot write in it: Read-only file system\n")


@as_root
def test_a_full_disk_does_not_keep_a_daemon_from_its_lock(tmp_path: Path) -> None:
    data = DataDir("data")
    data.prepare()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "tmpfs", "data"], check=True)
    try:
        Path("data/daemon.pid").touch()
        with pytest.raises(OSError, match="No space left"):
            Path("data/fill").write_bytes(b"x" * 65536)
        lock = data.lock()
        assert data.holder() == 0
        lock.release()
    finally:
        subprocess.run(["umount", "data"], check=True)


@as_root
def test_another_owner_is_only_named_where_there_is_one(open_folder: Path) -> None:
    """Who may not write in a directory of their own, or make one, is not sent to sudo."""
    own = open_folder / "own"
    own.mkdir(mode=0o500)
    os.chown(own, NOBODY, NOBODY)

    def told(path: Path) -> list[object]:
        data = DataDir(str(path))
        try:
            data.prepare()
        except DataDirError as error:
            return [denied(data, error) is error, str(error)]
        return []

    for path, words in {own: "cannot write in it", open_folder / "new": "cannot make it"}.items():
        found = as_nobody(lambda path=path: told(path))  # type: ignore[misc]
        assert isinstance(found, list)
        assert found[0], "another owner is named"
        assert words in found[1]
