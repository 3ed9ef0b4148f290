"""The loader and the machine: which files it reads, whose it trusts, what it looks for and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runwisp import config
from runwisp.config import Config
from runwisp.errors import ConfigError, ConfigUnreadable
from tests.integration.forked import as_nobody

ROOT = Path(__file__).parents[2]
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to somebody else")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "runwisp.toml"
    path.touch(0o600)
    return path


def load(file: Path, text: str, *, is_root: bool | None = None) -> Config:
    file.write_text(text)
    return config.load(str(file), is_root=is_root)


def warnings(file: Path, text: str) -> list[str]:
    return [warning.spelled("f") for warning in load(file, text, is_root=True).warnings]


def test_paths_are_relative_to_the_file_wherever_one_is(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[tasks.a]\nrun = "x"\nworking_dir = "w"')
    monkeypatch.chdir(tmp_path.parent)
    loaded = config.load(f"{tmp_path.name}/runwisp.toml")
    assert loaded.folder == str(tmp_path)
    assert loaded.tasks["a"].working_dir == f"{tmp_path}/w"
    assert loaded.path == f"{tmp_path.name}/runwisp.toml"


def test_a_file_that_is_missing_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigUnreadable, match=r"cannot read .*x\.toml: no such file or directory\n.*--config"
    ):
        config.load(str(tmp_path / "x.toml"))


def test_a_directory_and_a_pipe_are_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigUnreadable, match="is a directory"):
        config.load(str(tmp_path))
    with pytest.raises(ConfigUnreadable, match="not a file"):
        config.load(str(tmp_path / "pipe"))


def test_a_file_in_another_encoding_is_told_where(file: Path) -> None:
    file.write_bytes("# ok\n# ä".encode() + b" \xff\n")
    with pytest.raises(ConfigError) as caught:
        config.load(str(file))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 5)
    assert "UTF-8" in problem.message


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_root_refuses_a_file_that_others_may_write(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(
        ConfigUnreadable, match=rf"users beside its owner may write it.*{mode:04o}.*\n.*\n.*chmod go-w"
    ):
        config.load(str(file), is_root=True)
    assert config.load(str(file), is_root=False)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o444])
def test_root_reads_a_file_that_others_may_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert config.load(str(file), is_root=True)


@needs_root
def test_root_refuses_a_file_of_somebody_else_also_behind_a_link(file: Path, tmp_path: Path) -> None:
    os.chown(file, NOBODY, NOBODY)
    (tmp_path / "link").symlink_to(file)
    for path in (file, tmp_path / "link"):
        with pytest.raises(ConfigUnreadable, match=r"belongs to nobody, who could have.*\n.*\n.*chown root"):
            config.load(str(path))


NOT_THERE_YET = """[defaults]
env_file = "no.env"
[tasks.a]
run = "/no/such/program --flag"
working_dir = "nowhere"
[tasks.b]
run = "./plain | sort"
shell = "/no/such/shell"
user = "no-such-user"
[tasks.c]
run = "/etc/passwd && true"
env_file = "."
[tasks.d]
run = "/tmp; true"
env_file = "plain"
user = "root:no-such-group"
[[notifier]]
id = "x"
type = "command"
run = "true"
template_path = "no.txt"
"""
MISSING = "no such file or directory"
UNTIL_THERE = "runs will fail until it is there"
UNTIL_STARTED = "runs will fail until it can be started"
UNTIL_KNOWN = "create it or correct `user`; runs will fail until then"


def test_what_is_not_there_yet_is_a_warning(file: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch(0o644)
    assert warnings(file, NOT_THERE_YET) == [
        f"f:2:12: defaults.env_file: {tmp_path}/no.env: {MISSING}; {UNTIL_THERE}",
        f"f:4:7: tasks.a.run: /no/such/program: {MISSING}; {UNTIL_STARTED}",
        f"f:5:15: tasks.a.working_dir: {tmp_path}/nowhere: {MISSING}; {UNTIL_THERE}",
        f"f:8:9: tasks.b.shell: /no/such/shell: {MISSING}; runs that need it will fail",
        f"f:9:8: tasks.b.user: this machine knows no user 'no-such-user'; {UNTIL_KNOWN}",
        f"f:11:7: tasks.c.run: /etc/passwd: not executable; {UNTIL_STARTED}",
        f"f:12:12: tasks.c.env_file: {tmp_path}: is a directory; {UNTIL_THERE}",
        f"f:14:7: tasks.d.run: /tmp: not a file; {UNTIL_STARTED}",
        f"f:16:8: tasks.d.user: this machine knows no group 'no-such-group'; {UNTIL_KNOWN}",
        f"f:21:17: notifier[0].template_path: {tmp_path}/no.txt: {MISSING}; its messages use the usual text "
        "until it is there",
    ]


def test_what_is_there_is_no_warning(file: Path, tmp_path: Path) -> None:
    (tmp_path / "it.env").touch()
    text = '[tasks.a]\nrun = "/bin/sh -c true"\nenv_file = "it.env"\nworking_dir = "."\nuser = "root:root"'
    assert warnings(file, text) == []


def test_apprise_that_is_not_installed_is_a_warning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    (found,) = warnings(file, '[[notifier]]\nid = "a"\ntype = "apprise"\nurl = "json://x"')
    assert found.startswith("f:3:8: notifier[0].type: the apprise library is not installed")


def test_what_may_hang_is_not_looked_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runwisp.mounts.Mounts.is_local", lambda _self, _path: False)
    assert warnings(file, '[tasks.a]\nrun = "/no/such/program"\nenv_file = "/no/such/file"') == []


def test_ten_thousand_tasks_need_neither_croniter_nor_their_zone_each(file: Path) -> None:
    """How long it takes is the bench's to say; what makes it slow is counted here."""
    file.write_text(
        "".join(
            f'[tasks.t{n}]\nrun = "/bin/true {n}"\ncron = "{n % 60} {n // 60 % 24} {n // 1440 + 1} * *"\n'
            'timezone = "Europe/Berlin"\nenv = {A = "1"}\n'
            for n in range(10_000)
        )
    )
    source = """
import resource, sys
from runwisp import config, tomlplaces
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tomlplaces.Places = None
loaded = config.load(sys.argv[1])
assert len(loaded.tasks) == 10_000
assert "croniter" not in sys.modules
assert sum("Berlin" in str(path) for path in opened) <= 1, opened
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 100 * 1024, grown
"""
    done = subprocess.run(
        [sys.executable, "-c", source, str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.returncode, done.stderr


@needs_root
def test_who_may_not_read_it_is_named(open_folder: Path) -> None:
    """Root becomes the owner of the data directory, and so may be somebody else than it thinks."""
    file = open_folder / "runwisp.toml"
    file.touch(0o600)

    def refused() -> str:
        with pytest.raises(ConfigUnreadable) as caught:
            config.load(str(file))
        return caught.value.hint

    assert as_nobody(refused) == "Let nobody read it, or run the command as one who may."
