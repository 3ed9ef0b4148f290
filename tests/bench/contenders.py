"""RunWisp and its peers, each started in a folder of its own and ended with everything it started.

The peers are installed by the bench itself, below ``build/``; nothing of the machine is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bench.watching import MARK, end_all, helpers, that_run, wait_until

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build/bench"
PACKAGES = ("supervisor", "circus")
ASKED = (
    "[rpcinterface:supervisor]",
    "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    "[inet_http_server]",
)
STOPS_WITHIN = 15.0
POLL = 0.002


@cache
def peers() -> Path:
    """The programs of supervisord and circus."""
    programs = CACHE / "peers/bin"
    if not all((programs / name).exists() for name in ("supervisord", "circusd")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE / "peers"], check=True)
        pip = [str(programs / "python"), "-m", "pip", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *PACKAGES], check=True)
    return programs


@cache
def cron() -> Path | None:
    """Debian's cron, unpacked from its package and not installed; None where that cannot be had."""
    unpacked = CACHE / "cron"
    program = unpacked / "usr/sbin/cron"
    if not program.exists() and shutil.which("apt-get"):
        CACHE.mkdir(parents=True, exist_ok=True)
        for stale in CACHE.glob("cron_*.deb"):
            stale.unlink()
        download = ["apt-get", "-q", "download", "cron"]
        if subprocess.run(download, cwd=CACHE, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            [package] = CACHE.glob("cron_*.deb")
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
    return program if program.exists() else None


@contextmanager
def workshop(within: Path | None = None) -> Iterator[Path]:
    """A folder for one contender and one measurement; what still runs there at the end is ended.

    ``within`` another it is removed with that one: where thousands of files were just removed, ext4 is slow
    to make new ones, as it does not take their inodes again for some minutes, and looks at each to see that.
    """
    folder = tempfile.mkdtemp(prefix="bench-", dir=within)
    try:
        yield Path(folder)
    finally:
        end_all(folder)
        if within is None:
            shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Running:
    """A contender at work. ``process`` is its main process."""

    process: subprocess.Popen[bytes]
    folder: Path

    def helpers(self, command: tuple[str, ...] = ()) -> list[int]:
        """The contender's own processes, without those it runs."""
        return helpers(self.process.pid, command)


@contextmanager
def started(folder: Path, command: Sequence[str | Path]) -> Iterator[Running]:
    """Its output is in ``output`` of the folder. Ended by SIGTERM, as an init system would."""
    environment = {**_plain_environment(), MARK: str(folder)}
    with open(folder / "output", "ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield Running(process, folder)
        if process.poll() not in (None, 0):
            raise RuntimeError(f"{command[0]} failed:\n{(folder / 'output').read_text()[-2000:]}")
    except TimeoutError as error:
        error.add_note(f"{command[0]} says:\n{(folder / 'output').read_text()[-2000:]}")
        raise
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _plain_environment() -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RUNWISP_")}
    return {**plain, "PYTHONPATH": str(ROOT)}


@contextmanager
def runwisp(folder: Path, tables: Mapping[str, str]) -> Iterator[Running]:
    """``tables``: the headers of its configuration, ``services.x``, and what stands below each."""
    text = "".join(f"[{name}]\n{body}\n" for name, body in tables.items())
    (folder / "runwisp.toml").write_text(text)
    command = [sys.executable, "-m", "runwisp", "daemon", "-c", "runwisp.toml", "--data", "data", "-p", "0"]
    with started(folder, command) as running:
        yield running


def history(folder: Path, query: str) -> list[tuple[float, ...]]:
    """What stands in RunWisp's database; nothing while there is none yet."""
    path = folder / "data/runwisp.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def runs(folder: Path, condition: str) -> int:
    found = history(folder, f"SELECT count(*) FROM runs WHERE {condition}")  # noqa: S608
    return int(found[0][0]) if found else 0


def pump(running: Running) -> int:
    """The process of RunWisp that reads the pipes, once it is there."""

    def found() -> list[int]:
        return that_run("runwisp.pump.main", running.helpers())

    wait_until(lambda: bool(found()), POLL)
    return found()[0]


@contextmanager
def supervisord(folder: Path, programs: Mapping[str, Mapping[str, str]], port: int = 0) -> Iterator[Running]:
    """``programs``: the keys of each ``[program:x]``. It listens on ``port``, if there is one."""
    sections = [
        "[supervisord]",
        "nodaemon = true",
        "silent = true",
        f"logfile = {folder}/supervisord.log",
        f"pidfile = {folder}/supervisord.pid",
        f"childlogdir = {folder}",
        "minfds = 8192",
        *(["user = root"] if os.geteuid() == 0 else []),
        *([*ASKED, f"port = 127.0.0.1:{port}"] if port else []),
    ]
    for name, keys in programs.items():
        sections += [f"[program:{name}]", *(f"{key} = {value}" for key, value in keys.items())]
    (folder / "supervisord.conf").write_text("\n".join(sections) + "\n")
    with started(folder, [peers() / "supervisord", "-c", "supervisord.conf"]) as running:
        yield running


def told(folder: Path, words: str) -> int:
    """How often supervisord's log says something."""
    log = folder / "supervisord.log"
    return log.read_text().count(words) if log.exists() else 0


@contextmanager
def circus(
    folder: Path, watchers: Mapping[str, Mapping[str, str]], check_delay: float = 5
) -> Iterator[Running]:
    """It looks every ``check_delay`` seconds, 5 unless told, whether something has to be started again."""
    sections = [
        "[circus]",
        f"endpoint = ipc://{folder}/endpoint",
        f"pubsub_endpoint = ipc://{folder}/pubsub",
        f"check_delay = {check_delay}",
        "statsd = False",
    ]
    for name, keys in watchers.items():
        sections += [f"[watcher:{name}]", "copy_env = True", "warmup_delay = 0"]
        sections += [f"{key} = {value}" for key, value in keys.items()]
    (folder / "circus.ini").write_text("\n".join(sections) + "\n")
    with started(folder, [peers() / "circusd", "circus.ini"]) as running:
        yield running


def bare(*arguments: object) -> list[str]:
    """The command of one of the programs in ``limits``: the least that does the work."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("limits.py")), *map(str, arguments)]
