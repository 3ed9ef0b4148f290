"""The loader, from text to what it says: tables, defaults, inheritance, order, and every rejection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from signal import Signals

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import config
from runwisp.clock import DAY, HOUR, SECOND
from runwisp.config import Config, Reader, definition_named
from runwisp.configkeys import HOMES, INSTEAD_IN_SERVICE, INSTEAD_IN_TASK, NOTIFIER, ONLY_SERVICE, ONLY_TASK
from runwisp.errors import ConfigError, UnknownTask
from runwisp.hostzone import HostZone
from runwisp.logcap import LogOnFull
from runwisp.task import Backoff, CatchUp, Kind, OnOverlap, Restart, Service, Task

MACHINE = HostZone("Europe/Berlin")


def parse(text: str, *, is_root: bool = True, host_zone: HostZone = MACHINE) -> Config:
    return config.parse(text, "/etc/runwisp/runwisp.toml", Reader(is_root, host_zone))


def task(text: str) -> Task:
    (found,) = parse(text).tasks.values()
    assert isinstance(found, Task)
    return found


def service(text: str) -> Service:
    (found,) = parse(text).tasks.values()
    assert isinstance(found, Service)
    return found


def problems(text: str, *, is_root: bool = True) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, is_root=is_root)
    return [problem.spelled("f") for problem in caught.value.problems]


def problem(text: str, *, is_root: bool = True) -> str:
    (found,) = problems(text, is_root=is_root)
    return found


def warnings(text: str) -> list[str]:
    return [warning.spelled("f") for warning in parse(text).warnings]


def test_an_empty_file_is_a_configuration() -> None:
    loaded = parse("")
    assert loaded.tasks == {}
    assert loaded.max_size == loaded.min_free_space == 0
    assert loaded.shutdown_timeout == 10 * SECOND
    assert loaded.external_url is None
    assert loaded.notify.default_notifiers == ("inapp",)
    assert loaded.folder == "/etc/runwisp"


def test_a_task_has_every_key_of_its_table() -> None:
    assert task(
        """
        [tasks.backup]
        run = "true"
        group = "Backups"
        description = "every night"
        cron = "30 2 * * MON"
        timezone = "America/New_York"
        catch_up = "all"
        max_catch_up_runs = 7
        run_on_start = true
        parallelism = 1024
        on_overlap = "terminate"
        queue_max = 0
        timeout = "1h"
        retry_attempts = 3
        retry_delay = "2s"
        retry_backoff = "exponential"
        restart = "never"
        api_trigger = false
        graceful_stop = "0s"
        stop_signal = "SIGINT"
        log_max_size = "1mb"
        log_on_full = "kill_task"
        keep_runs = -1
        keep_for = "unlimited"
        working_dir = "data/../x"
        shell = "/bin/sh"
        env = {A = "1"}
        env_file = "/etc/environment"
        umask = "077"
        user = "root:root"
        exit_codes = [0, 3]
        notify_on_failure = ["inapp"]
        notify_on_success = []
        """
    ) == Task(
        name="backup",
        run="true",
        group="Backups",
        description="every night",
        cron="30 2 * * MON",
        timezone="America/New_York",
        catch_up=CatchUp.ALL,
        max_catch_up_runs=7,
        run_on_start=True,
        parallelism=1024,
        on_overlap=OnOverlap.TERMINATE,
        queue_max=0,
        timeout=HOUR,
        retry_attempts=3,
        retry_delay=2 * SECOND,
        retry_backoff=Backoff.EXPONENTIAL,
        restart=Restart.NEVER,
        api_trigger=False,
        graceful_stop=0,
        stop_signal=Signals.SIGINT,
        log_max_size=1024**2,
        log_on_full=LogOnFull.KILL_TASK,
        keep_runs=None,
        keep_for=None,
        working_dir="/etc/runwisp/data/../x",
        env={"A": "1"},
        env_file="/etc/environment",
        umask=0o077,
        user="root:root",
        exit_codes=frozenset({0, 3}),
        notify_on_failure=("inapp",),
        notify_on_success=(),
    )


def test_a_service_has_every_key_of_its_table() -> None:
    assert service(
        """
        [services.web]
        run = "serve"
        instances = 64
        restart_delay = "0s"
        restart_backoff = "linear"
        healthy_after = "1h"
        autostart = false
        """
    ) == Service(
        name="web",
        run="serve",
        working_dir="/etc/runwisp",
        instances=64,
        restart_delay=0,
        restart_backoff=Backoff.LINEAR,
        healthy_after=HOUR,
        autostart=False,
    )


def test_a_plain_task_has_the_defaults() -> None:
    assert task('[tasks.a]\nrun = "x"') == Task(
        name="a", run="x", working_dir="/etc/runwisp", timezone="Europe/Berlin"
    )


def test_both_kinds_come_in_file_order() -> None:
    text = """
        [services.c]
        run = "x"
        [tasks.b]
        run = "[tasks.z]"
        [services.a]
        run = "x"
        [tasks]
        d.run = "x"
        """
    assert [(each.name, each.kind) for each in parse(text).tasks.values()] == [
        ("c", Kind.SERVICE),
        ("b", Kind.TASK),
        ("a", Kind.SERVICE),
        ("d", Kind.TASK),
    ]


def test_defaults_are_inherited_unless_the_key_is_set() -> None:
    loaded = parse(
        """
        [defaults]
        timeout = "1h"
        log_max_size = 0
        log_on_full = "drop_new"
        keep_runs = -1
        keep_for = "1d"
        graceful_stop = "1s"
        stop_signal = "SIGHUP"
        shell = "/bin/sh"
        exit_codes = [7]
        env_file = "/etc/environment"
        [tasks.a]
        run = "x"
        [tasks.b]
        run = "x"
        timeout = "2h"
        keep_runs = 5
        exit_codes = [0]
        [services.c]
        run = "x"
        """
    ).tasks
    a, b, c = loaded["a"], loaded["b"], loaded["c"]
    assert isinstance(a, Task)
    assert isinstance(b, Task)
    assert (a.timeout, a.log_max_size, a.log_on_full, a.keep_runs) == (HOUR, 0, LogOnFull.DROP_NEW, None)
    assert (a.keep_for, a.graceful_stop, a.stop_signal) == (DAY, SECOND, Signals.SIGHUP)
    assert (a.exit_codes, a.env_file) == (frozenset({7}), "/etc/environment")
    assert (b.timeout, b.keep_runs, b.exit_codes, b.keep_for) == (2 * HOUR, 5, frozenset({0}), DAY)
    assert (c.exit_codes, c.stop_signal) == (frozenset({7}), Signals.SIGHUP)


def test_environments_are_merged_and_the_nearer_table_wins() -> None:
    loaded = parse(
        """
        [defaults]
        env = {A = "1", B = "1"}
        [tasks.a]
        run = "x"
        [tasks.b]
        run = "x"
        env = {B = "2", C = "2"}
        [tasks.c]
        run = "x"
        """
    ).tasks
    assert loaded["a"].env == loaded["c"].env == {"A": "1", "B": "1"}
    assert loaded["b"].env == {"A": "1", "B": "2", "C": "2"}


def test_the_zone_is_the_task_s_or_the_scheduler_s_or_the_machine_s() -> None:
    body = '[tasks.a]\nrun = "x"\n[tasks.b]\nrun = "x"\ntimezone = "Asia/Tokyo"\n'
    of_machine = parse(body)
    assert (of_machine.timezone, of_machine.timezone_source) == ("Europe/Berlin", "system")
    of_file = parse('[scheduler]\ntimezone = "UTC"\n' + body)
    assert (of_file.timezone, of_file.timezone_source) == ("UTC", "config")
    zones = [each.timezone for each in of_file.tasks.values() if isinstance(each, Task)]
    assert zones == ["UTC", "Asia/Tokyo"]


def test_a_doubt_about_the_machine_s_zone_is_a_warning_unless_the_file_names_one() -> None:
    doubtful = HostZone("UTC", "the variable TZ is odd; UTC is used")
    (warning,) = parse("", host_zone=doubtful).warnings
    assert "the variable TZ is odd" in warning.message
    assert parse('[scheduler]\ntimezone = "UTC"', host_zone=doubtful).warnings == ()


def test_paths_are_from_the_folder_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/joe")
    base = '[tasks.a]\nrun = "x"\n'
    for written, meant in {
        "x": "/etc/runwisp/x",
        ".": "/etc/runwisp",
        "./x/": "/etc/runwisp/x",
        "/x": "/x",
        "~": "/home/joe",
        "~/x": "/home/joe/x",
        "a~b": "/etc/runwisp/a~b",
    }.items():
        found = task(f'{base}working_dir = "{written}"\nenv_file = "{written}"')
        assert (found.working_dir, found.env_file) == (meant, meant)


def test_a_home_is_that_of_the_user_the_command_runs_as(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/joe")
    assert task('[tasks.a]\nrun = "x"\nuser = "root"\nworking_dir = "~/x"').working_dir == "/root/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # unknown tables and keys
        ("[task.a]", 'f:1:2: task: unknown table, did you mean "tasks"?'),
        ("[zzz]", "f:1:2: zzz: unknown table"),
        ("max_size = 1", "f:1:1: max_size: unknown key here; it belongs in [storage]"),
        ("[storage]\nmax_sise = 1", 'f:2:1: storage.max_sise: unknown key, did you mean "max_size"?'),
        ('[daemon]\n"a\\u001bb" = 1', 'f:2:1: daemon."a\\x1bb": unknown key'),
        ("[defaults]\nrun = 'x'", "unknown key here; it belongs in [tasks.NAME] or [services.NAME]"),
        # tables that are none
        ("tasks = 5", "f:1:1: tasks: expected a table; write [tasks]"),
        ("[tasks]\na = 'x'", "f:2:1: tasks.a: expected a table; write [tasks.a]"),
        ("[notifier]\nid = 'x'", "f:1:2: notifier: expected an array of tables; write [[notifier]]"),
        ("notifier = ['x']", "f:1:13: notifier[0]: expected a table"),
        # names
        ("[tasks.'a b']\nrun = 'x'", 'f:1:8: tasks."a b": a name has 1 to 100 letters'),
        ("[tasks.'..']\nrun = 'x'", 'f:1:8: tasks."..": a name has'),
        (
            "[services.a]\nrun = 'x'\n[tasks.a]\nrun = 'x'",
            "f:3:8: tasks.a: the name is taken by a service; choose another",
        ),
        ("[tasks.a]\nrun = 'x'\n[services.a]\nrun = 'x'", "f:3:11: services.a: the name is taken by a task"),
        # values
        (
            "[scheduler]\ntimezone = 'Berlin'",
            'f:2:12: scheduler.timezone: "Berlin" is not a time zone, did you',
        ),
        ("[scheduler]\ntimezone = 'Europe/Berln'", 'did you mean "Europe/Berlin"?'),
        ("[scheduler]\ntimezone = 'posix/UTC'", '"posix/UTC" is not a time zone'),
        (
            "[scheduler]\ntimezone = '../x'",
            '"../x" is not a time zone; write an IANA name such as "Europe/Berlin"',
        ),
        ("[scheduler]\ntimezone = 5", "expected a string, not an integer"),
        ("[scheduler]\ntimezone = []", "f:2:12: scheduler.timezone: expected a string, not an array"),
        ("[storage]\nmin_free_space = -1", "f:2:18: storage.min_free_space: -1 is out of range: 0 to"),
        ("[daemon]\nshutdown_timeout = 30", 'did you mean "30s"?'),
        ("[daemon]\nexternal_url = 'a.b'", '"a.b" is not an absolute URL'),
        ("[defaults]\nkeep_runs = -2", "f:2:13: defaults.keep_runs: -2 is out of range: -1 to"),
        ("[tasks.a]", "f:1:8: tasks.a.run: is missing; write the command to start"),
        ("[tasks.a]\nrun = ' '", "f:2:7: tasks.a.run: is blank"),
        ("[tasks.a]\nrun = 5", "f:2:7: tasks.a.run: expected a string, not an integer"),
        (
            "[tasks.a]\nrun = 'x'\ncron = '* * * * * *'",
            "f:3:8: tasks.a.cron: a cron expression has five fields, not six",
        ),
        ("[tasks.a]\nrun = 'x'\ncron = '@reboot'", "use run_on_start = true"),
        ("[tasks.a]\nrun = 'x'\ncron = ''", "f:3:8: tasks.a.cron: is blank"),
        (
            "[tasks.a]\nrun = 'x'\ntimeout = '0s'",
            'f:3:11: tasks.a.timeout: "0s" is out of range: 1ms to 36500d',
        ),
        (
            "[tasks.a]\nrun = 'x'\nparallelism = 0",
            "f:3:15: tasks.a.parallelism: 0 is out of range: 1 to 1024",
        ),
        ("[tasks.a]\nrun = 'x'\nqueue_max = 10001", "10001 is out of range: 0 to 10000"),
        ("[tasks.a]\nrun = 'x'\nretry_attempts = 101", "101 is out of range: 0 to 100"),
        ("[tasks.a]\nrun = 'x'\nmax_catch_up_runs = 0", "0 is out of range: 1 to"),
        ("[services.a]\nrun = 'x'\ninstances = 65", "65 is out of range: 1 to 64"),
        (
            "[tasks.a]\nrun = 'x'\nexit_codes = [0, 256]",
            "f:3:18: tasks.a.exit_codes[1]: 256 is out of range: 0 to 255",
        ),
        (
            "[tasks.a]\nrun = 'x'\nenv.A = 1",
            'f:3:9: tasks.a.env.A: expected a string, not an integer, did you mean "1"?',
        ),
        ("[tasks.a]\nrun = 'x'\nshell = 'sh'", '"sh" is not an absolute path'),
        (
            "[tasks.a]\nrun = 'x'\nrestart = 'always'",
            'f:3:11: tasks.a.restart: "always" is what a service does',
        ),
        ("[tasks.a]\nrun = 'x'\nrestart = 'no'", '"no" is not one of "never", "on_failure"'),
        (
            "[tasks.a]\nrun = 'x'\nrestart = 'on_failure'\nretry_attempts = 2",
            'f:4:1: tasks.a.retry_attempts: excludes restart = "on_failure"',
        ),
        (
            "[tasks.a]\nrun = 'x'\nnotify_on_failure = ['x']",
            'f:3:22: tasks.a.notify_on_failure[0]: "x" is not the id',
        ),
        # syntax
        (
            "[tasks.a]\nrun = 'x'\n[tasks.a]\n",
            "the table [tasks.a] is there twice; put all of it in one place",
        ),
        ("a = ", "f:1:5: not TOML: Invalid value"),
        ("a = 1\nb = 'x\n", "f:3:1: not TOML: Expected"),
        ("a = [1,", "f:1:8: not TOML: "),
        ("\ufeff[tasks]", "f:1:1: the file begins with a byte order mark"),
        ("a = " + "[" * 2000 + "]" * 2000, "f:1:1: values are nested too deeply"),
        ("a = " + "9" * 5000, "f:1:"),
    ],
)
def test_what_is_rejected_is_told_with_its_place_and_a_way_out(text: str, expected: str) -> None:
    assert expected in problem(text)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("retires", "retry_attempts"),
        ("retries", "retry_attempts"),
        ("command", "run"),
        ("schedule", "cron"),
        ("timout", "timeout"),
        ("working-dir", "working_dir"),
        ("cwd", "working_dir"),
        ("discription", "description"),
    ],
)
def test_words_of_other_programs_and_typos_are_understood(word: str, meant: str) -> None:
    text = f"[tasks.a]\nrun = 'x'\n{word} = 1"
    assert problem(text) == f'f:3:1: tasks.a.{word}: unknown key, did you mean "{meant}"?'


@pytest.mark.parametrize(
    ("table", "instead", "keys"),
    [("services", INSTEAD_IN_SERVICE, ONLY_TASK), ("tasks", INSTEAD_IN_TASK, ONLY_SERVICE)],
)
def test_a_key_of_the_other_kind_is_refused_with_what_to_use(
    table: str, instead: Mapping[str, str], keys: Mapping[str, object]
) -> None:
    assert set(instead) == set(keys)
    for key, hint in instead.items():
        assert problem(f"[{table}.a]\nrun = 'x'\n{key} = 1") == f"f:3:1: {table}.a.{key}: {hint}"


def test_a_user_needs_root() -> None:
    text = "[tasks.a]\nrun = 'x'\nuser = 'root'"
    assert problem(text, is_root=False).startswith("f:3:1: tasks.a.user: only a daemon that runs as root")
    assert task(text).user == "root"


def test_all_problems_come_at_once_in_file_order() -> None:
    found = problems(
        """
[notifier]
[services.b]
cron = 1
timeout = 1
[scheduler]
timezone = "x"
[tasks.a]
parallelism = 0
exit_codes = [300, 'x']
run = ""
retires = 3
"""
    )
    assert [line.split(": ")[0] for line in found] == [
        f"f:{line}:{column}"
        for line, column in [
            (2, 2),
            (3, 11),
            (4, 1),
            (5, 1),
            (7, 12),
            (9, 15),
            (10, 15),
            (10, 20),
            (11, 7),
            (12, 1),
        ]
    ]


def test_lines_may_end_as_in_windows() -> None:
    assert problem("[tasks.a]\r\nrun = 'x'\r\nenv.A = 1").startswith("f:3:9: ")


def test_a_value_cannot_break_the_line_it_is_told_in() -> None:
    assert problem('[scheduler]\ntimezone = "a\\nb\\u001b[31m"').isprintable()


def test_the_digest_changes_with_the_text() -> None:
    assert parse("").text_digest == parse("").text_digest
    assert parse("").text_digest != parse(" ").text_digest


def test_an_unknown_task_is_told_what_was_meant() -> None:
    loaded = parse("[tasks.backup]\nrun = 'x'")
    assert definition_named(loaded, "backup").run == "x"
    with pytest.raises(UnknownTask, match='"bakup", did you mean "backup"'):
        definition_named(loaded, "bakup")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tasks.a]\nrun = 'x'\ncron = '0 0 30 2 *'", 'f:3:8: tasks.a.cron: "0 0 30 2 *" can never fire'),
        (
            "[tasks.a]\nrun = 'x'\ncron = '@daily'\ncatch_up = 'all'\non_overlap = 'skip'",
            'f:4:12: tasks.a.catch_up: on_overlap = "skip" would drop most',
        ),
        (
            "[tasks.a]\nrun = 'x'\ngraceful_stop = '11s'",
            "f:3:17: tasks.a.graceful_stop: a graceful_stop of 11s is longer than the shutdown_timeout of",
        ),
        (
            "[defaults]\ngraceful_stop = '1m'\n[tasks.a]\nrun = 'x'\n[services.b]\nrun = 'x'",
            "f:2:17: defaults.graceful_stop: a graceful_stop of 1m",
        ),
        (
            "[daemon]\nshutdown_timeout = '3s'\n[tasks.a]\nrun = 'x'",
            "f:2:20: daemon.shutdown_timeout: a graceful_stop of 5s is longer than the shutdown_timeout of",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning(text: str, expected: str) -> None:
    (found,) = warnings(text)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "[tasks.a]\nrun = 'x'\ncron = '0 0 29 2 *'",
        "[tasks.a]\nrun = 'x'\ncatch_up = 'all'\non_overlap = 'skip'",
        "[tasks.a]\nrun = 'x'\ngraceful_stop = '10s'",
        "[tasks.a]\nrun = 'x &'",
    ],
)
def test_what_may_well_be_meant_is_not(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize(
    "run",
    [
        "x &",
        "x &\n",
        "nohup x > log 2>&1 &",
        "x --daemon",
        "docker run -d img",
        "docker compose up --detach web",
        "daemonize x",
    ],
)
def test_a_service_that_goes_into_the_background_is_a_warning(run: str) -> None:
    (found,) = warnings(f"[services.a]\nrun = '''{run}'''")
    assert found.startswith("f:2:7: services.a.run: looks as if it put itself into the background")


@pytest.mark.parametrize(
    "run",
    [
        "x && y",
        "x",
        "a & b & wait",
        "x 2>&1",
        "x |& y",
        "nginx -g 'daemon off;'",
        "x --daemon --no-detach",
        "git daemon -d",
        "x --daemon-port=5",
    ],
)
def test_a_service_that_stays_is_none(run: str) -> None:
    assert warnings(f'[services.a]\nrun = """{run}"""') == []


WORDS = st.sampled_from(
    ["", "x", "a b", "inapp", "@daily", "* * * * *", "5s", "100MB", "UTC", "on_failure", "\0", "~"]
)
VALUES = st.recursive(
    WORDS | st.booleans() | st.integers(-2, 2**64) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
KEYS = sorted(
    {key for keys in HOMES.values() for key in keys} | set(NOTIFIER) | {"match", "kind", "url_env", "zzz"}
)
TABLE = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4) | VALUES
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={name: st.dictionaries(WORDS, TABLE, max_size=2) | VALUES for name in ("tasks", "services")}
    | {name: st.lists(TABLE, max_size=2) | VALUES for name in ("notifier", "notification_route")}
    | {name: TABLE for name in ("scheduler", "storage", "daemon", "defaults", "notify", "zzz")},
)


def toml(value: object) -> str:
    """As an inline value."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case float():
            return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value}.0"
        case _:
            return json.dumps(value)


@given(DOCUMENTS)
def test_whatever_stands_in_a_file_it_loads_or_says_where_it_is_wrong(document: dict[str, object]) -> None:
    text = "".join(f"{name} = {toml(value)}\n" for name, value in document.items())
    try:
        parse(text)
    except ConfigError as error:
        assert error.problems
        for each in error.problems:
            assert 1 <= each.line <= max(1, len(document))
            assert each.key
            assert each.spelled("f").isprintable()
