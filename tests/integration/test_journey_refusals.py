"""A stranger at three in the morning: whatever is wrong with a machine, each command says so and what to do.

Each row is a state of a folder, the commands that cannot work there, and what they say first.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import House

GOOD = '[tasks.job]\ncron = "@daily"\nrun = "echo done"\n'
RUNNERS = (("exec", "job"), ("daemon",))
EVERYBODY = (("list",), ("validate",), ("next", "job"), *RUNNERS)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        house.write(GOOD)
        yield house
        if house.database.is_dir():  # so that nobody looks into it
            house.database.rmdir()


def no_file(house: House) -> None:
    house.config.unlink()


def a_folder_for_a_file(house: House) -> None:
    house.config.unlink()
    house.config.mkdir()


def a_pipe_for_a_file(house: House) -> None:
    house.config.unlink()
    os.mkfifo(house.config)


def a_mistake(house: House) -> None:
    house.write(GOOD + "retires = 3\n")


def another_language(house: House) -> None:
    house.write("tasks:\n  job: {}\n")


def latin_1(house: House) -> None:
    house.config.write_bytes(GOOD.replace("done", "größer").encode("latin-1"))


def a_file_for_the_data(house: House) -> None:
    house.data.touch()


def a_symlink_for_the_data(house: House) -> None:
    (house.folder / "elsewhere").mkdir(0o700)
    house.data.symlink_to("elsewhere")


def data_open_to_all(house: House) -> None:
    house.data.mkdir()
    house.data.chmod(0o777)


def with_data(act: Callable[[Path], object]) -> Callable[[House], None]:
    def prepare(house: House) -> None:
        house.data.mkdir(0o700)
        act(house.data)

    return prepare


def a_socket(data: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(data / "daemon.pid"))


REFUSALS: dict[str, tuple[Callable[[House], None], tuple[tuple[str, ...], ...], str]] = {
    "no file": (no_file, EVERYBODY, "cannot read the configuration {config}: no such file or directory"),
    "a folder": (a_folder_for_a_file, EVERYBODY, "cannot read the configuration {config}: is a directory"),
    "a pipe": (a_pipe_for_a_file, EVERYBODY, "cannot read the configuration {config}: not a file"),
    "a mistake": (
        a_mistake,
        EVERYBODY,
        '{config}:4:1: tasks.job.retires: unknown key, did you mean "retry_attempts"?',
    ),
    "not TOML": (
        another_language,
        EVERYBODY,
        "{config}:1:6: not TOML: Expected '=' after a key in a key/value pair",
    ),
    "not UTF-8": (
        latin_1,
        EVERYBODY,
        "{config}:3:15: not UTF-8, which TOML must be; save the file in that encoding",
    ),
    "data is a file": (a_file_for_the_data, RUNNERS, "the data directory {data} is not a directory"),
    "data is a symlink": (a_symlink_for_the_data, RUNNERS, "refusing to write {data}: path is a symlink"),
    "data open to all": (
        data_open_to_all,
        RUNNERS,
        "every user of this machine may write the data directory {data}",
    ),
    "pid file a symlink": (
        with_data(lambda data: (data / "daemon.pid").symlink_to("/nowhere")),
        RUNNERS,
        "refusing to write {data}/daemon.pid: path is a symlink",
    ),
    "pid file a socket": (with_data(a_socket), RUNNERS[1:], "cannot use the data directory {data}: "),
    "history a symlink": (
        with_data(lambda data: (data / "runwisp.db").symlink_to("/nowhere")),
        RUNNERS,
        "refusing to write {data}/runwisp.db: path is a symlink",
    ),
    "history a folder": (
        with_data(lambda data: (data / "runwisp.db").mkdir()),
        RUNNERS,
        "cannot use the data directory {data}: cannot open {data}/runwisp.db: Is a directory",
    ),
    "logs a symlink": (
        with_data(lambda data: (data / "logs").symlink_to("/nowhere")),
        RUNNERS,
        "refusing to write {data}/logs: path is a symlink",
    ),
}


@pytest.mark.parametrize("state", REFUSALS)
def test_whatever_is_wrong_is_said_on_stderr_with_exit_code_1(house: House, state: str) -> None:
    prepare, refusing, sentence = REFUSALS[state]
    prepare(house)
    for words in refusing:
        done = house.run(*words)
        assert (done.returncode, done.stdout) == (1, ""), (words, done.stderr)
        assert done.stderr.startswith(sentence.format(config=house.config, data=house.data)), done.stderr
        assert "Traceback" not in done.stderr
    assert not (house.data / "logs").is_dir(), "nothing ran"
