"""What a daemon makes of a command: how it starts it, what the process gets, how its end is recorded."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Run, Trigger
from tests.integration.running import House, child
from tests.integration.waiting import wait_for

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may start tasks as another user")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@pytest.fixture
def open_house(open_folder: Path) -> Iterator[House]:
    with House(open_folder) as house:
        yield house


def task(name: str, run: str, *keys: str) -> str:
    return "\n".join((f"[tasks.{name}]", "run_on_start = true", f"run = '''{run}'''", *keys, ""))


ENDS = {
    "works": ("true", EndReason.SUCCESS, 0, ""),
    "fails": ("exit 3", EndReason.FAILED, 3, "exited with code 3"),
    "fails-plainly": ("false", EndReason.FAILED, 1, "exited with code 1"),
    "killed": ("kill -KILL $$", EndReason.FAILED, 137, "killed by SIGKILL"),
    "broken-pipe": ("kill -PIPE $$", EndReason.FAILED, 141, "killed by SIGPIPE"),
    "missing": ("/nowhere/at-all --now", EndReason.FAILED, 127, "exec: /nowhere/at-all: no such file"),
    "missing-word": ("no-such-program-anywhere", EndReason.FAILED, 127, "no-such-program-anywhere"),
    "missing-in-shell": ("/nowhere/at-all; true", EndReason.FAILED, 127, "exited with code 127"),
    "data": ("./plain-data", EndReason.FAILED, 126, "exec: ./plain-data: permission denied"),
    "folder": ("/tmp", EndReason.FAILED, 126, "exec: /tmp: "),
    "orphaned-script": ("./orphaned-script", EndReason.FAILED, 127, "exec: ./orphaned-script: no such file"),
    "script": ("./no-shebang", EndReason.SUCCESS, 0, ""),
    "stops-at-error": ("false\necho after", EndReason.FAILED, 1, "exited with code 1"),
}


@pytest.mark.fault("daemon", "spawn failing with ENOENT")
@pytest.mark.fault("daemon", "spawn failing with EACCES")
@pytest.mark.fault("daemon", "spawn failing with ENOEXEC")
def test_every_way_a_command_can_end_is_told_by_reason_code_and_message(house: House) -> None:
    (house.folder / "plain-data").write_text("true\n")
    for name, first in (("no-shebang", ""), ("orphaned-script", "#!/nowhere/sh\n")):
        (house.folder / name).write_text(f"{first}echo ran as a script\n")
        (house.folder / name).chmod(0o755)
    house.start("".join(task(name, run) for name, (run, *_) in ENDS.items()))
    for name, (_, reason, code, message) in ENDS.items():
        run = house.run_of(name)
        assert (run.end_reason, run.exit_code) == (reason, code), run
        assert message in run.message, run
        assert run.triggered_by is Trigger.STARTUP
        assert run.start_at is not None and run.end_at is not None
        assert run.created_at <= run.start_at <= run.end_at
    for name in ("missing", "data", "orphaned-script"):
        run = house.run_of(name)
        path = ENDS[name][0].split()[0]
        words = {127: "no such file or directory", 126: "permission denied"}[run.exit_code]
        assert f"exec: {path}: {words}\n" in house.logs(run, "exec: ")
    assert house.log(house.run_of("script")) == "ran as a script\n"
    assert house.log(house.run_of("stops-at-error")) == ""


def test_codes_named_in_exit_codes_are_successes_and_no_others(house: House) -> None:
    keys = "exit_codes = [3, 143]"
    house.start(task("three", "exit 3", keys) + task("zero", "true", keys) + task("term", "kill $$", keys))
    assert house.run_of("three").end_reason is EndReason.SUCCESS
    assert house.run_of("zero").end_reason is EndReason.FAILED
    assert (house.run_of("term").end_reason, house.run_of("term").exit_code) == (EndReason.SUCCESS, 143)


def test_a_plain_command_is_our_own_child_in_a_session_of_its_own_with_nothing_else_open(
    house: House,
) -> None:
    daemon = house.start(task("plain", "cat /proc/self/stat") + task("fds", "ls -l /proc/self/fd"))
    pid, _, _, ppid, group, session = house.log(house.run_of("plain")).split()[:6]
    assert int(ppid) == daemon.pid
    assert pid == group == session
    numbers = [line.split()[-3:] for line in house.log(house.run_of("fds")).splitlines() if "->" in line]
    assert {number: target.partition(":")[0] for number, _, target in numbers[:3]} == {
        "0": "/dev/null",
        "1": "pipe",
        "2": "pipe",
    }
    assert len(numbers) == 4, "the fourth is the listing itself"


def test_signals_are_at_their_defaults_and_none_is_blocked(house: House) -> None:
    house.start(task("signals", "cat /proc/self/status"), prefix=("env", "--ignore-signal=HUP,USR1"))
    lines = house.log(house.run_of("signals")).splitlines()
    masks = dict(line.split(":\t", 1) for line in lines if line.startswith("Sig"))
    of_the_c_library = 0b11 << 31  # 32 and 33, which its posix_spawn ignores by itself
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & ~of_the_c_library == 0


def test_the_environment_is_the_daemons_without_its_own_matters_and_with_what_the_file_says(
    house: House,
) -> None:
    (house.folder / "job.env").write_text("FROM_FILE=file\nBOTH=file\n")
    keys = ('env_file = "job.env"', 'env = { BOTH = "table", HERE = "a b" }', 'cron = "@every 1s"')
    hidden = {
        "RUNWISP_PASSWORD": "secret",
        "WATCHDOG_USEC": "1",
        "LISTEN_FDS": "0",
        "CREDENTIALS_DIRECTORY": "/run/c",
        "HOOK_URL": "https://example.org/secret",
    }
    notifier = '[[notifier]]\nid = "ops"\ntype = "slack"\nwebhook_url_env = "HOOK_URL"\n'
    house.start(task("job", "env", *keys) + notifier, env={**hidden, "KEPT": "kept"})
    run = next(run for run in house.ended("job", 2) if run.triggered_by is Trigger.CRON)
    seen = dict(line.split("=", 1) for line in house.log(run).splitlines())
    assert not set(hidden) & set(seen)
    assert {name: seen[name] for name in ("FROM_FILE", "BOTH", "HERE", "KEPT")} == {
        "FROM_FILE": "file",
        "BOTH": "table",
        "HERE": "a b",
        "KEPT": "kept",
    }
    told = {name: value for name, value in seen.items() if name.startswith("RUNWISP_")}
    at = told.pop("RUNWISP_SCHEDULED_FOR")
    assert at.endswith("Z") and at[10] == "T"
    assert told == {
        "RUNWISP_TASK": "job",
        "RUNWISP_RUN_ID": run.id,
        "RUNWISP_ATTEMPT": "0",
        "RUNWISP_TRIGGER": "cron",
        "RUNWISP_DATA": str(house.data),
    }


def test_an_env_file_is_read_at_each_start_and_its_absence_fails_only_the_run(house: House) -> None:
    house.start(
        task("late", "echo $WORD", 'env_file = "late.env"', "retry_attempts = 100", 'retry_delay = "100ms"')
    )
    [first] = house.ended("late")[:1]
    assert (first.end_reason, first.exit_code) == (EndReason.FAILED, -1)
    assert "late.env: no such file or directory" in first.message
    (house.folder / "late.env").write_text("WORD=there\n")

    def succeeded() -> list[Run]:
        return [run for run in house.runs("late") if run.end_reason is EndReason.SUCCESS]

    [run] = wait_for(succeeded)
    assert house.log(run) == "there\n"


def test_umask_and_working_dir_are_the_ones_of_the_task_and_stay_there(house: House) -> None:
    (house.folder / "deep").mkdir()
    house.start(
        task("masked", "umask; pwd", 'umask = "0027"', 'working_dir = "deep"')
        + task("plain", "umask; pwd")
        + task("nowhere", "true", 'working_dir = "gone"')
    )
    assert house.log(house.run_of("masked")) == f"0027\n{house.folder}/deep\n"
    assert house.log(house.run_of("plain")) == f"{os.umask(os.umask(0o22)):04o}\n{house.folder}\n"
    run = house.run_of("nowhere")
    assert (run.exit_code, run.end_reason) == (-1, EndReason.FAILED)
    assert f"working_dir {house.folder}/gone: no such file or directory" in run.message


@as_root
def test_a_task_of_another_user_has_its_ids_groups_and_home_and_is_known_when_it_cannot_start(
    open_house: House,
) -> None:
    house = open_house
    nobody = pwd.getpwnam("nobody")
    user = 'user = "nobody"'
    house.start(
        task("who", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME", user, 'env = { X = "1" }')
        + task("plain", "id -u", user)
        + task("missing", "/nowhere/at-all", user)
        + task("locked", "./locked", user)
        + task("nobody-knows", "true", 'user = "no-such-user"')
    )
    uid, gid, groups, names = house.log(house.run_of("who")).splitlines()
    assert (int(uid), int(gid)) == (nobody.pw_uid, nobody.pw_gid)
    assert groups.split() == [str(nobody.pw_gid)]
    assert names == f"{nobody.pw_dir} nobody nobody"
    assert house.log(house.run_of("plain")) == f"{nobody.pw_uid}\n"
    missing = house.run_of("missing")
    assert missing.exit_code == 127
    assert "exec: /nowhere/at-all: no such file or directory\n" in house.logs(missing, "exec:")
    unknown = house.run_of("nobody-knows")
    assert (unknown.exit_code, unknown.end_reason) == (-1, EndReason.FAILED)
    assert "no-such-user" in unknown.message


def test_output_of_both_streams_is_kept_as_it_came_and_counted(house: House) -> None:
    house.start(
        task("both", "echo out; echo err >&2")
        + task("bytes", child("raw_bytes"))
        + task("silent", "true")
        + task("much", child("spew", 3_000_000))
    )
    run = house.run_of("both")
    assert sorted(house.log(run).splitlines()) == ["[ERR] err", "out"]
    assert (run.log_lines, run.log_bytes, run.log_dropped_lines) == (2, 8, 0)
    raw = house.run_of("bytes")
    path = house.data / "logs/bytes" / f"{raw.log_stem}.log"
    assert path.read_bytes().startswith(bytes(range(256)) * 40 + b"\n\x00\xff\xfe\x1b[31m\xc3")
    silent = house.run_of("silent")
    assert not (house.data / "logs/silent").exists() and silent.log_lines == 0
    much = house.run_of("much")
    assert (much.log_lines, much.log_bytes) == (30_000, 3_000_000)
    assert (house.data / "logs/much" / f"{much.log_stem}.log").stat().st_size == 3_000_000


def test_what_a_run_used_is_in_its_row(house: House) -> None:
    house.start(task("busy", "dd if=/dev/zero of=/dev/null bs=64M count=3 status=none"))
    run = house.run_of("busy")
    assert run.cpu_seconds is not None and run.cpu_seconds > 0
    assert run.max_rss_bytes is not None and run.max_rss_bytes > 60_000_000


def test_every_line_of_the_data_directory_is_for_its_owner_only(house: House) -> None:
    daemon = house.start(task("job", "echo x"))
    house.run_of("job")
    modes = {path: path.stat().st_mode & 0o777 for path in (house.data, *house.data.rglob("*"))}
    wrong = {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)}
    assert not wrong
    assert (house.data / "daemon.pid").read_text() == f"{daemon.pid}\n"


def test_schedules_leave_a_row_for_every_firing_in_the_order_of_the_file(house: House) -> None:
    house.start("".join(f'[tasks.t{n}]\ncron = "@every 1s"\nrun = "true"\n' for n in range(5)))
    wait_for(lambda: all(len(house.runs(f"t{n}")) >= 3 for n in range(5)), lambda: house.said)
    by_second: dict[int, list[str]] = {}
    for run in sorted(house.runs(), key=lambda run: run.id):
        assert run.scheduled_for is not None and run.start_at is not None
        assert run.triggered_by is Trigger.CRON
        assert run.start_at >= run.scheduled_for
        by_second.setdefault(run.scheduled_for, []).append(run.task_name)
    for names in list(by_second.values())[:3]:
        assert names == sorted(names)
    for n in range(5):
        times = [run.scheduled_for for run in house.runs(f"t{n}")]
        assert times == list(range(times[0] or 0, (times[-1] or 0) + 1, 1000))


def test_a_daemon_of_many_runs_keeps_no_descriptor_and_no_zombie(house: House) -> None:
    daemon = house.start(
        '[services.spin]\nrun = "true"\nrestart_delay = "0s"\ninstances = 8\n'
        '[services.calm]\nrun = "sleep 1000"\n'
    )
    house.ended("spin", 20)

    def held() -> int:
        return len(os.listdir(f"/proc/{daemon.pid}/fd")) + len(os.listdir(f"/proc/{daemon.pump_pid}/fd"))

    most = held() + 2 * 8 * 2
    house.ended("spin", 200)
    wait_for(lambda: held() <= most, lambda: f"{held()} descriptors, at most {most} before")
    assert len(daemon.children()) <= 1 + 1 + 8
    assert all(run.phase is not Phase.PENDING or run.waits_for for run in house.runs("spin"))
