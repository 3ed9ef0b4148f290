"""Logs over HTTP: pages, the text itself, and search."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runwisp.history import History
from runwisp.run import Run
from runwisp.web.routes.logs import RUNS_A_SEARCH
from tests.integration.following import Door, door_of, log_path
from tests.integration.rows import a_data_dir, an_ended, history_in
from tests.integration.running import House, child
from tests.integration.sending import write_log
from tests.integration.webhouse import Web, web_on


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


def printed(house: House, command: str, more: str = "") -> tuple[Door, str]:
    """The log of a task ``it`` that has run."""
    house.start(f"[tasks.it]\nrun = {json.dumps(command)}\nrun_on_start = true\n{more}")
    return door_of(house), log_path("it", house.run_of("it").id)


def numbers(page: Any) -> list[int]:
    return [line["n"] for line in page["lines"]]


def test_a_page_is_given_from_either_end(house: House) -> None:
    door, log = printed(house, "seq 2000")
    page = door.get(log).json
    assert numbers(page) == [*range(1001, 2001)]
    assert page | {"lines": 0} == {
        "lines": 0,
        "first_available": 1,
        "total_lines": 2000,
        "truncated": False,
        "finalized": True,
    }
    assert numbers(door.get(f"{log}?from=-3").json) == [1998, 1999, 2000]
    assert numbers(door.get(f"{log}?from=7&limit=2").json) == [7, 8]
    assert numbers(door.get(f"{log}?from=0&limit=1").json) == [1]
    assert numbers(door.get(f"{log}?from=2001").json) == []
    assert door.get(f"{log}?limit=0").status == 400
    assert door.get(f"{log}?limit=10001").status == 400
    assert door.get(f"{log}?from=x").json["errors"] == [
        {"where": "from", "message": "must be a whole number"}
    ]


def test_a_line_says_when_and_from_where_it_came(house: House) -> None:
    door, log = printed(house, "echo out; sleep 0.1; printf 'caf\\303\\251 \\377' >&2")
    out, err = door.get(log).json["lines"]
    assert (out["stream"], out["text"], out["continued"]) == ("stdout", "out", False)
    assert (err["stream"], err["text"]) == ("stderr", "caf\u00e9 \ufffd")
    assert err["ts"].endswith("Z") and len(err["ts"]) == len("2026-01-01T00:00:00.000Z")


def test_a_log_that_somebody_removed_is_no_longer_available_and_one_that_never_was_is_empty(
    house: House,
) -> None:
    house.start(
        '[tasks.it]\nrun = "echo x"\nrun_on_start = true\n[tasks.mute]\nrun = "true"\nrun_on_start = true\n'
    )
    run, mute = house.run_of("it"), house.run_of("mute")
    for path in (house.data / "logs/it").iterdir():
        path.unlink()
    door = door_of(house)
    for rest in ("", "/raw", "/stream"):
        gone = door.get(log_path("it", run.id, rest))
        assert gone.status == 404 and gone.json["type"].endswith("log_unavailable")
        assert "log no longer available" in gone.json["detail"]
        empty = door.get(log_path("mute", mute.id, rest))
        assert empty.status == 200
    assert door.get(log_path("mute", mute.id)).json["total_lines"] == 0
    assert door.get(log_path("it", mute.id)).status == 404, "a run of another task"


def test_the_text_is_given_as_it_lies_on_disk(house: House) -> None:
    door, log = printed(house, "seq 3; sleep 0.1; printf 'e\\377' >&2")
    raw = door.get(f"{log}/raw")
    assert raw.body == b"1\n2\n3\n[ERR] e\xff"
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.headers["content-disposition"].startswith('attachment; filename="it_2')
    assert raw.headers["content-length"] == str(len(raw.body))
    for asked in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=99-"}):
        head = door.get(f"{log}/raw", "HEAD", **asked)
        assert (head.status, head.headers["content-length"]) == (200, raw.headers["content-length"])
        assert not head.body


@pytest.mark.parametrize(
    ("asked", "status", "body", "where"),
    [
        ("bytes=0-1", 206, b"01", "bytes 0-1/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=3-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
    ],
)
def test_a_range_of_the_text_can_be_asked_for(
    house: House, asked: str, status: int, body: bytes | None, where: str | None
) -> None:
    door, log = printed(house, "printf 0123456789")
    response = door.get(f"{log}/raw", Range=asked)
    assert response.status == status
    assert response.headers.get("content-range") == where
    assert body is None or response.body == body


def test_a_download_goes_on_only_where_nothing_before_it_was_dropped(house: House) -> None:
    door, log = printed(house, "printf 0123456789")
    tag = door.get(f"{log}/raw").headers["etag"]
    ranged = {"Range": "bytes=5-"}
    assert door.get(f"{log}/raw", **ranged, **{"If-Range": tag}).body == b"56789"
    assert door.get(f"{log}/raw", **ranged, **{"If-Range": '"other"'}).body == b"0123456789"


def test_both_files_of_a_log_are_one_text_also_while_it_rotates(house: House) -> None:
    run = child("count_up", house.folder / "stop")
    house.start(f'[tasks.it]\nrun = "{run}"\nrun_on_start = true\nlog_max_size = "4KB"\n')
    [found] = house.running("it")
    door, raw = door_of(house), log_path("it", found.id, "/raw")
    starts = set[int]()
    while len(starts) < 4:
        text = door.get(raw).body
        counts = [int(line) for line in text.splitlines() if line.isdigit()]
        if counts:
            starts.add(counts[0])
            assert counts == [*range(counts[0], counts[-1] + 1)]
    (house.folder / "stop").touch()


def test_a_large_download_costs_little_memory_and_no_worker(house: House) -> None:
    door, log = printed(house, child("spew", 40_000_000))
    web = house.daemons[-1].web_pid
    before = resident(web)
    streams = [door.stream(f"{log}/raw", buffer=4096) for _ in range(20)]
    try:
        assert [stream.status() for stream in streams] == [200] * 20
        assert door.get("/api/tasks").status == 200
        assert len(streams[0].rest()) == 40_000_000
        assert resident(web) - before < 12 * 1024 * 1024
    finally:
        for stream in streams:
            stream.close()


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


# Search


def found(door: Door, query: str) -> Any:
    return door.get(f"/api/tasks/it/log/search?{query}").json


def test_a_search_finds_lines_of_all_runs_newest_first_and_goes_on_where_it_stopped(house: House) -> None:
    door, _ = printed(house, "seq 300; echo ERROR 5 >&2")
    door.get("/api/tasks/it/trigger", "POST")
    newest = house.ended("it", 2)[-1].id
    page = found(door, "q=5&stream=stderr")
    assert [(hit["run_id"] == newest, hit["n"], hit["text"]) for hit in page["hits"]] == [
        (True, 301, "ERROR 5"),
        (False, 301, "ERROR 5"),
    ]
    assert page["exhausted"] and "next_cursor" not in page and page["scanned_runs"] == 2
    assert [hit["n"] for hit in found(door, "q=error&ignore_case=true")["hits"]] == [301, 301]
    assert not found(door, "q=error")["hits"]
    assert [hit["n"] for hit in found(door, "q=^29.%24&regex=true")["hits"]] == [*range(290, 300)] * 2
    hits, cursor = [], ""
    while True:
        page = found(door, f"q=[0-9]&regex=true&stream=stdout{cursor}")
        hits += [hit["n"] for hit in page["hits"]]
        if page["exhausted"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert hits == [*range(1, 301)] * 2 and cursor


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Web, History, list[Run]]]:
    """Web, and the history of a task that printed 150 lines in each of three runs, the oldest first."""
    data = a_data_dir(tmp_path)
    runs = [an_ended("it") for _ in range(3)]
    for run in runs:
        write_log(tmp_path / "data", run, *["x"] * 150)
    with history_in(data) as history, web_on(data.path) as web:
        yield web, history, runs


def every_hit(web: Web, meanwhile: Callable[[], object]) -> list[tuple[str, int]]:
    """Where a search finds something that goes on until it is done; ``meanwhile`` is after its first page."""
    hits, cursor = [], ""
    door = Door(web.port, web.token())
    for _ in range(10):
        page = found(door, f"q=x{cursor}")
        hits += [(hit["run_id"], hit["n"]) for hit in page["hits"]]
        if page["exhausted"]:
            break
        if not cursor:
            meanwhile()
        cursor = f"&cursor={page['next_cursor']}"
    return hits


def lines_of(runs: Iterable[Run]) -> list[tuple[str, int]]:
    return [(run.id, n) for run in runs for n in range(1, 151)]


@pytest.mark.parametrize("step", [1, -1])
def test_a_search_goes_on_where_it_stopped_whatever_the_clock_made_of_the_ids(
    three: tuple[Web, History, list[Run]], step: int
) -> None:
    web, history, runs = three
    history.save(runs[::step])
    assert every_hit(web, lambda: None) == lines_of(runs[::-step])


def test_a_search_goes_on_where_it_stopped_however_many_runs_came_meanwhile(
    three: tuple[Web, History, list[Run]],
) -> None:
    web, history, runs = three
    history.save(runs)
    newer = [an_ended("it") for _ in range(RUNS_A_SEARCH + 1)]
    assert every_hit(web, lambda: history.save(newer)) == lines_of(runs[::-1])


def test_a_search_goes_on_after_a_run_that_was_deleted_meanwhile(
    three: tuple[Web, History, list[Run]],
) -> None:
    web, history, (oldest, middle, newest) = three
    history.save((oldest, middle, newest))
    hits = every_hit(web, lambda: history.delete_run(middle.id))
    assert hits == lines_of((newest, middle))[:200] + lines_of((oldest,))


def test_a_search_in_one_run_stays_in_it(house: House) -> None:
    door, _ = printed(house, "seq 300")
    door.get("/api/tasks/it/trigger", "POST")
    run = house.ended("it", 2)[0]
    page = found(door, f"q=5&run_id={run.id}")
    assert {hit["run_id"] for hit in page["hits"]} == {run.id} and page["exhausted"]
    assert page["scanned_runs"] == 1
    page = found(door, f"q=[0-9]&regex=true&run_id={run.id}")
    assert page["hits"][-1]["n"] == 200 and not page["exhausted"]
    page = found(door, f"q=[0-9]&regex=true&run_id={run.id}&cursor={page['next_cursor']}")
    assert [hit["n"] for hit in page["hits"]] == [*range(201, 301)] and page["exhausted"]
    assert door.get(f"/api/tasks/it/log/search?q=5&run_id={'0' * 26}").status == 404


def test_what_is_no_regular_expression_or_no_cursor_is_refused_with_the_reason(house: House) -> None:
    door, _ = printed(house, "seq 3")
    assert door.get("/api/tasks/it/log/search?q=(&regex=true").json["errors"][0]["where"] == "q"
    for cursor in ("x", "WzFd", "WyJ4IiwiIiwxXQ", "W251bGwsIiIsMV0", "WyIiLCJcdWQ4MDAiLDFd"):
        assert door.get(f"/api/tasks/it/log/search?q=a&cursor={cursor}").status == 404
    assert door.get("/api/tasks/it/log/search").status == 400
    assert door.get("/api/tasks/nobody/log/search?q=a").status == 404


def test_a_regular_expression_that_takes_for_ever_is_ended_and_holds_up_nobody(house: House) -> None:
    door, _ = printed(house, "head -c 60000 /dev/zero | tr '\\000' a")
    started = time.monotonic()
    with door.stream("/api/tasks/it/log/search?q=(a%2B)%2Bb&regex=true") as slow:
        slowest = 0.0
        for _ in range(20):
            asked = time.monotonic()
            assert door.get("/api/tasks").status == 200
            slowest = max(slowest, time.monotonic() - asked)
        assert slow.status() == 400
        assert json.loads(slow.rest())["type"].endswith("search_too_long")
    assert slowest < 2 < time.monotonic() - started
