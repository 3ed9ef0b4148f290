"""The commands that speak with a daemon, each against a real one: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runwisp.cli import status
from runwisp.client import Client
from runwisp.errors import HistoryBusy
from runwisp.run import EndReason, Phase, Run
from runwisp.version import VERSION
from tests.integration.running import ROOT, RUNWISP, House, child, is_alive
from tests.integration.waiting import PATIENCE, wait_for

HELLO = '[tasks.hello]\nrun = "echo hello; echo oops >&2; exit 3"\n'
LONG = '[tasks.long]\nrun = "echo begun; exec sleep 600"\non_overlap = "skip"\ngraceful_stop = "0s"\n'
TICKER = '[services.ticker]\nrun = "echo up; exec sleep 600"\ngraceful_stop = "0s"\n'


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


def words(house: House, *command: str) -> list[str]:
    return [*RUNWISP, *command, "--data", str(house.data), "-p", str(house.daemons[-1].port)]


def runwisp(house: House, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(house, *command),
        cwd=house.folder,
        env={**house.environ(), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@contextmanager
def started(house: House, *command: str) -> Generator[subprocess.Popen[str], None, None]:
    with subprocess.Popen(
        words(house, *command),
        cwd=house.folder,
        env=house.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def out(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def started_run(house: House, task: str) -> Run:
    """A run that a command made, once it runs."""
    out(runwisp(house, "run-task", task))
    return house.running(task)[-1]


# status


def test_status_makes_do_with_what_began_in_the_day_where_too_much_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def runs_of(_client: object, _task: None, **query: str) -> list[dict[str, str]]:
        if "sort_field" in query:
            raise HistoryBusy("the history is being sorted for somebody else")
        return [query]

    monkeypatch.setattr(status, "runs_of", runs_of)
    [found] = status._failures(Client("http://127.0.0.1:1"))
    assert found.keys() == {"status", "created_after"}


def test_status_of_a_healthy_daemon(house: House) -> None:
    house.start(HELLO + TICKER)
    house.running("ticker")
    runwisp(house, "run-task", "hello")
    run = house.ended("hello")[0]
    told = out(runwisp(house, "status"))
    assert told.startswith(f"RunWisp {VERSION} is healthy\n")
    assert re.search(r"^Tasks +1 task, 1 service$", told, re.MULTILINE)
    assert re.search(r"^Running +1 run$", told, re.MULTILINE)
    assert re.search(r"^Failed +1 run in the last day$", told, re.MULTILINE)
    assert re.search(rf"^  {run.id[-8:]}  .*  hello  exited with code 3$", told, re.MULTILINE)
    assert not [line for line in told.splitlines() if len(line) > 80 and str(house.folder) not in line]


def test_status_for_programs(house: House) -> None:
    house.start(HELLO + TICKER)
    found = json.loads(out(runwisp(house, "status", "--json")))
    assert found["status"] == "ok"
    assert found["version"] == VERSION
    assert (found["tasks"], found["services"], found["failures_last_day"]) == (1, 1, 0)
    assert found["host"] == os.uname().nodename
    assert found["fingerprint"]
    assert found["uptime_seconds"] >= 0


def test_status_tells_of_what_failed_in_the_last_day_however_long_it_ran(house: House) -> None:
    house.start(HELLO)
    for _ in range(3):
        runwisp(house, "run-task", "hello", "--follow")
    long, former, last = sorted(house.ended("hello", 3), key=lambda run: run.id)
    house.daemons[-1].stop()
    day = 86_400_000
    house.pretend("UPDATE runs SET created_at = created_at - ? WHERE id = ?", 30 * day, long.id)
    house.pretend("UPDATE runs SET end_at = end_at + 60000 WHERE id = ?", long.id)
    house.pretend("UPDATE runs SET end_at = end_at - ? WHERE id = ?", 2 * day, former.id)
    house.start()
    found = json.loads(out(runwisp(house, "status", "--json")))
    assert found["failures_last_day"] == 2
    assert [run["id"] for run in found["failures"]] == [long.id, last.id]


def test_a_daemon_that_cannot_write_the_history_is_not_healthy_and_says_why(house: House) -> None:
    house.start(HELLO)
    with closing(sqlite3.connect(house.database, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        # The first start is what finds out.
        runwisp(house, "run-task", "hello")
        sick = runwisp(house, "status")
        assert sick.returncode == 1
        assert sick.stdout.startswith(f"RunWisp {VERSION} is degraded: the history cannot be written: ")
        refused = runwisp(house, "run-task", "hello")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("not started, since the history cannot be written: ")
        database.execute("ROLLBACK")
    wait_for(lambda: runwisp(house, "status").returncode == 0)


# run-task


def test_run_task_prints_the_id_of_the_run(house: House) -> None:
    house.start(HELLO)
    assert out(runwisp(house, "run-task", "hello")) == f"{house.ended('hello')[0].id}\n"


def test_run_task_follows_to_the_end_and_exits_with_the_code(house: House) -> None:
    house.start(HELLO)
    done = runwisp(house, "run-task", "hello", "--follow")
    run = house.ended("hello")[0]
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello\n", f"run {run.id}\noops\n")


def test_run_task_tells_why_a_run_ended_that_did_not_end_itself(house: House) -> None:
    house.start('[tasks.slow]\nrun = "exec sleep 600"\ntimeout = "100ms"\ngraceful_stop = "0s"\n')
    done = runwisp(house, "run-task", "slow", "--follow")
    assert done.returncode == 137
    assert done.stderr.splitlines()[-1] == f"slow: {house.ended('slow')[0].message}"


def test_run_task_exits_with_1_where_the_run_has_no_code(house: House) -> None:
    house.start(
        '[tasks.nowhere]\nrun = "true"\nworking_dir = "gone"\n[storage]\nmin_free_space = "1000000GB"\n'
    )
    done = runwisp(house, "run-task", "nowhere", "--follow")
    assert done.returncode == 1
    assert "insufficient disk space" in done.stderr


def test_a_run_that_is_refused_says_why(house: House) -> None:
    house.start(LONG + TICKER + '[tasks.locked]\nrun = "true"\napi_trigger = false\n')
    started_run(house, "long")
    skipped = runwisp(house, "run-task", "long")
    assert (skipped.returncode, skipped.stdout) == (1, "")
    assert skipped.stderr.startswith("task already running, skipping (policy: skip)")
    for name, why in (("ticker", "restart"), ("locked", "api_trigger"), ("lang", 'did you mean "long"?')):
        refused = runwisp(house, "run-task", name)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert why in refused.stderr


def test_leaving_a_follower_leaves_the_run(house: House) -> None:
    house.start(LONG)
    with started(house, "run-task", "long", "--follow") as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read().splitlines()[-1] == "the run goes on; end it with `runwisp stop long`"
    assert house.running("long")
    assert "long" in out(runwisp(house, "stop", "long"))
    assert house.ended("long")[0].end_reason is EndReason.STOPPED


def test_a_follower_misses_nothing_when_web_is_killed(house: House) -> None:
    daemon = house.start(f'[tasks.count]\nrun = "{child("count_up", house.folder / "enough")}"\n')
    with started(house, "run-task", "count", "--follow") as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(100)]
        for _ in range(3):
            killed = daemon.web_pid
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda killed=killed: daemon.web_pid not in (0, killed))  # type: ignore[misc]
            told += [process.stdout.readline() for _ in range(100)]
        (house.folder / "enough").touch()
        told += process.stdout.readlines()
        assert process.wait(PATIENCE) == 0
    assert told.pop() == f"end {len(told)}\n"
    assert [int(line) for line in told] == list(range(1, len(told) + 1))


# logs


def test_logs_prints_the_latest_run_that_started_or_the_one_that_is_named(house: House) -> None:
    house.start('[tasks.tell]\nrun = "echo run $RUNWISP_RUN_ID; echo oops >&2"\n')
    for _ in range(2):
        runwisp(house, "run-task", "tell", "--follow")
    first, second = house.ended("tell", 2)
    assert out(runwisp(house, "logs", "tell")) == f"run {second.id}\n[ERR] oops\n"
    for name in (first.id, first.id[-8:], first.id[-5:].lower()):
        assert out(runwisp(house, "logs", "tell", name)) == f"run {first.id}\n[ERR] oops\n"
    several = runwisp(house, "logs", "tell", first.id[:3])
    assert several.returncode == 1
    assert first.id in several.stderr and second.id in several.stderr
    for name in ("NOSUCH", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        unknown = runwisp(house, "logs", "tell", name)
        assert unknown.returncode == 1
        assert name in unknown.stderr


def test_logs_gives_a_pipe_every_byte_that_was_printed(house: House) -> None:
    house.start(f'[tasks.raw]\nrun = "{child("raw_bytes")}"\n')
    runwisp(house, "run-task", "raw", "--follow")
    run = house.ended("raw")[0]
    file = house.data / "logs/raw" / f"{run.log_stem}.log"
    command = words(house, "logs", "raw")
    told = subprocess.run(command, cwd=house.folder, env=house.environ(), capture_output=True, check=True)
    assert told.stdout == file.read_bytes()


def test_logs_gives_the_last_lines(house: House) -> None:
    house.start('[tasks.count]\nrun = "seq 12000"\n')
    runwisp(house, "run-task", "count", "--follow")
    for count in (1, 5, 11_000, 50_000):
        told = out(runwisp(house, "logs", "count", "-n", str(count))).split()
        assert told == [str(number) for number in range(max(0, 12_000 - count) + 1, 12_001)]


def test_a_line_that_was_cut_for_its_length_is_one_line_again(house: House) -> None:
    house.start("""[tasks.wide]\nrun = "head -c 200000 /dev/zero | tr '\\\\0' x; echo; echo end"\n""")
    done = runwisp(house, "run-task", "wide", "--follow")
    assert done.stdout.split("\n") == ["x" * 200_000, "end", ""]
    assert out(runwisp(house, "logs", "wide", "-n", "10")) == done.stdout


def test_logs_follows_a_run_to_its_end(house: House) -> None:
    house.start(LONG)
    run = started_run(house, "long")
    with started(house, "logs", "long", "-f") as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "begun\n"
        runwisp(house, "stop", "long")
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read().startswith(f"run {run.id} has ended: ")


def test_logs_says_where_there_is_nothing_to_show(house: House) -> None:
    closed = '[tasks.closed]\nrun = "true"\napi_trigger = false\n'
    house.start('[tasks.quiet]\nrun = "true"\n' + closed + HELLO)
    never = runwisp(house, "logs", "quiet")
    assert (never.returncode, never.stdout) == (1, "")
    assert never.stderr == '"quiet" has not run yet\nStart it with `runwisp run-task quiet`.\n'
    assert runwisp(house, "logs", "closed").stderr == '"closed" has not run yet\n'
    runwisp(house, "run-task", "quiet", "--follow")
    nothing = runwisp(house, "logs", "quiet")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "printed nothing" in nothing.stderr
    runwisp(house, "run-task", "hello", "--follow")
    for file in (house.data / "logs/hello").iterdir():
        file.unlink()
    gone = runwisp(house, "logs", "hello")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "log no longer available" in gone.stderr
    unknown = runwisp(house, "logs", "quit")
    assert unknown.returncode == 1
    assert 'did you mean "quiet"?' in unknown.stderr


def test_a_reader_that_leaves_early_is_no_error(house: House) -> None:
    house.start('[tasks.spew]\nrun = "seq 100000"\n')
    runwisp(house, "run-task", "spew", "--follow")
    with started(house, "logs", "spew") as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == ""


HOSTILE = "printf 'a\\033[31mred\\033[0m\\033]0;title\\007\\033[2J\\n'"


@pytest.mark.fault("web", "hostile task names and output in the pages and on the terminal")
@pytest.mark.parametrize(
    "command", [("logs", "evil"), ("logs", "evil", "-n", "5"), ("run-task", "evil", "--follow")]
)
def test_a_terminal_gets_colours_and_no_other_escapes(house: House, command: Sequence[str]) -> None:
    house.start(f'[tasks.evil]\nrun = """{HOSTILE}"""\n'.replace("\\", "\\\\"))
    runwisp(house, "run-task", "evil", "--follow")
    assert b"a\x1b[31mred\x1b[0m\r\n" in on_a_terminal(house, *command)
    assert b"\x1b]0;title\x07\x1b[2J" in on_a_terminal(house, *command, "--raw")
    assert "\x1b]0;title\x07\x1b[2J" in runwisp(house, *command).stdout


BROKEN_OFF = """
from runwisp.cli import logs
from runwisp.cli.main import main
def broken_off(client, run, output, count=None):
    output.write(b"\\x1b[8msecret")
    raise KeyboardInterrupt
logs.reached, logs._latest = lambda _: None, lambda *_: {"status": "running"}
logs._all = logs._follow = logs._last = broken_off
main(["logs", "a"])
"""


def test_a_terminal_is_left_as_it_was_though_the_output_is_broken_off() -> None:
    told = from_terminal([sys.executable, "-c", BROKEN_OFF], {**os.environ, "PYTHONPATH": str(ROOT)})
    assert told.endswith(b"secret\x1b[0m")


def on_a_terminal(house: House, *command: str) -> bytes:
    return from_terminal(words(house, *command), house.environ(), house.folder)


def from_terminal(command: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT) -> bytes:
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            told = b""
            try:
                while piece := os.read(ours, 65536):
                    told += piece
            except OSError:  # all that had it open are gone
                pass
            assert process.wait(PATIENCE) == 0, told
    finally:
        os.close(ours)
    return told


# runs


def test_runs_shows_what_ran_and_how_it_ended(house: House) -> None:
    house.start(HELLO + '[tasks.fine]\nrun = "true"\n')
    assert out(runwisp(house, "runs")) == "Nothing has run yet.\n"
    for task in ("hello", "fine"):
        runwisp(house, "run-task", task, "--follow")
    hello, fine = house.ended("hello")[0], house.ended("fine")[0]
    head, first, second = out(runwisp(house, "runs")).splitlines()
    assert head.split() == ["RUN", "TASK", "STARTED", "TOOK", "STATUS", "EXIT", "MESSAGE"]
    assert first.split()[:2] == [fine.id[-8:], "fine"]
    assert second.split()[:2] == [hello.id[-8:], "hello"]
    assert " success " in first and " failed " in second
    assert second.endswith("  3     exited with code 3")
    assert [line.split() for line in out(runwisp(house, "runs", "--failed")).splitlines()[1:]] == [
        second.split()
    ]
    assert out(runwisp(house, "runs", "fine", "--failed")) == "No run has failed.\n"
    assert [run["id"] for run in json.loads(out(runwisp(house, "runs", "--json")))] == [fine.id, hello.id]
    assert json.loads(out(runwisp(house, "runs", "fine", "--failed", "--json"))) == []
    assert len(out(runwisp(house, "runs", "-n", "1")).splitlines()) == 2
    unknown = runwisp(house, "runs", "helo")
    assert unknown.returncode == 1
    assert 'did you mean "hello"?' in unknown.stderr
    assert "those that were there when it started" in unknown.stderr


# stop, restart


def test_a_service_is_restarted_stopped_and_started_again(house: House) -> None:
    house.start(TICKER)
    before = house.running("ticker")[0]
    assert "ticker" in out(runwisp(house, "restart", "ticker"))
    wait_for(
        lambda: [run for run in house.runs("ticker") if run.phase is Phase.RUNNING and run.id != before.id]
    )
    assert "ticker" in out(runwisp(house, "stop", "ticker"))
    wait_for(lambda: all(run.phase is Phase.ENDED for run in house.runs("ticker")))
    assert "1 of them stopped" in out(runwisp(house, "status"))
    out(runwisp(house, "restart", "ticker"))
    house.running("ticker")


def test_a_task_cannot_be_restarted(house: House) -> None:
    house.start(HELLO)
    refused = runwisp(house, "restart", "hello")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "hello" in refused.stderr


def test_stop_alone_ends_the_daemon_and_waits_for_it(house: House) -> None:
    daemon = house.start(TICKER)
    house.running("ticker")
    assert out(runwisp(house, "stop")) == f"The daemon (pid {daemon.pid}) has stopped.\n"
    assert not is_alive(daemon.pid)
    assert daemon.ends() == 0
    again = runwisp(house, "stop")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(f"no daemon uses the data directory {house.data}\n")


def test_stop_says_what_it_waits_for_and_ctrl_c_ends_only_the_waiting(house: House) -> None:
    task = f'[tasks.stubborn]\nrun = "{child("ignore_term")}"\ngraceful_stop = "20s"\n'
    daemon = house.start(f'[daemon]\nshutdown_timeout = "20s"\n{task}')
    started_run(house, "stubborn")
    with started(house, "stop") as process:
        assert process.stderr
        assert f"(pid {daemon.pid}) stops what it runs" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert is_alive(daemon.pid)
    daemon.signal(signal.SIGTERM)


def test_stop_signals_nobody_but_the_holder_of_the_lock(house: House) -> None:
    daemon = house.start(TICKER)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (house.data / "daemon.pid").write_text(f"{stranger.pid}\n")
        refused = runwisp(house, "stop")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"process {stranger.pid}" in refused.stderr
        assert stranger.poll() is None
        stranger.kill()
    (house.data / "daemon.pid").write_text("")
    assert "does not say" in runwisp(house, "stop").stderr
    assert is_alive(daemon.pid)
