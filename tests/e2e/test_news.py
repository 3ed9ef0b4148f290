"""What happens while an answer is on its way is seen, although the answer is older."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from runwisp import host
from tests.e2e.conftest import Held, Site, Watch, admit, asked, log_in, stop_all
from tests.e2e.test_connection import AWAY
from tests.e2e.test_notifications import NOTICES, bell, fail, rows

TASKS = """
[tasks.sleeper]
run = "sleep 600"

[tasks.bad]
run = "exit 7"
"""


def hears_the_end(page: Page, run_id: str) -> None:
    """Of this run, by its stream."""
    page.wait_for_function(
        """async (id) => {
          const { store } = await import("/store.js");
          return store.recent.some((run) => run.id === id && run.status === "ended");
        }""",
        arg=run_id,
    )


SEEN_BY = {
    "/runs": (r"/api/runs\?.*limit=50", "table.runs tbody tr:first-child", "stopped"),
    "/tasks/sleeper": (r"/api/runs\?task_name=.*limit=100", ".chart-table tbody tr:nth-child(2)", "stopped"),
    "/tasks/sleeper/runs/{id}": ("/api/tasks/sleeper/runs/{id}$", ".run-title .state", "stopped"),
    "/timeline?as=table": (
        r"/api/runs\?created_after=",
        ".lane-table tbody tr:first-child [data-label=Running]",
        "–",
    ),
}
"""By page: what it asks for, and where the run is told to be over."""


def triggered(page: Page) -> str:
    """The id of the run."""
    return str(asked(page, "POST", "/api/tasks/sleeper/trigger")["id"])


@pytest.mark.parametrize("path", SEEN_BY)
def test_the_end_of_a_run_is_heard_before_an_answer_in_which_it_goes_on(
    page: Page, site: Site, path: str
) -> None:
    question, place, words = SEEN_BY[path]
    site.start(TASKS)
    log_in(page)
    triggered(page)
    stop_all(page)
    run_id = triggered(page)
    held = Held(page, re.compile(question.format(id=run_id)))
    page.goto(path.format(id=run_id))
    held.wait()
    stop_all(page)
    hears_the_end(page, run_id)
    held.let_go()
    expect(page.get_by_text("runs so far")).to_have_count(0)
    expect(page.locator(place)).to_contain_text(words)


def test_the_end_of_a_run_is_seen_while_its_neighbours_are_on_their_way(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page)
    run_id = triggered(page)
    held = Held(page, re.compile(r"/api/tasks/sleeper/runs\?created_after="))
    page.goto(f"/tasks/sleeper/runs/{run_id}")
    held.wait()
    stop_all(page)
    expect(page.locator(".run-title .state")).to_contain_text("stopped")
    held.let_go()


def test_the_end_of_a_run_is_seen_while_more_of_its_list_are_on_their_way(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page)
    run_id = triggered(page)

    def begin(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json={**answer, "next_cursor": "further"})

    further: list[Route] = []

    def hold(route: Route) -> None:
        further.append(route)

    page.route(re.compile(r"/api/runs\?.*limit=50"), begin)
    page.route("**/api/runs?*before=further*", hold)
    with page.expect_request("**/api/runs?*before=further*"):
        page.goto("/runs")
    stop_all(page)
    hears_the_end(page, run_id)
    further[0].fulfill(json={"runs": [], "next_cursor": "further"})
    expect(page.locator("table.runs tbody tr")).to_contain_text("stopped")


def test_what_was_heard_before_something_may_have_been_missed_is_forgotten(page: Page, site: Site) -> None:
    site.start(TASKS)
    admit(page)
    run_id = triggered(page)
    former = asked(page, "GET", f"/api/tasks/sleeper/runs/{run_id}")
    stop_all(page)
    told = f"event: run.updated\ndata: {json.dumps(former)}\n\nevent: reload\ndata: {{}}\n\n"
    page.route("**/api/runs/stream", lambda _: None)
    page.route(
        "**/api/runs/stream",
        lambda route: route.fulfill(headers={"Content-Type": "text/event-stream"}, body=told),
        times=1,
    )
    page.goto("/")
    expect(page.get_by_role("region", name="Recent activity")).to_contain_text("stopped")


def test_an_end_is_heard_before_the_older_of_two_answers(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page)
    run_id = triggered(page)
    recent = page.get_by_role("region", name="Recent activity")
    expect(recent).to_contain_text("running")
    held = Held(page, re.compile("/api/tasks$"), times=1)
    page.evaluate("import('/store.js').then(({ load }) => void load(true))")
    held.wait()
    page.evaluate("import('/store.js').then(({ load }) => load(true))")
    stop_all(page)
    hears_the_end(page, run_id)
    held.let_go()
    page.get_by_role("button", name="Run bad").click()
    page.get_by_role("button", name="Run Task").click()
    expect(recent).to_contain_text("failed")
    expect(recent).to_contain_text("stopped")


def is_unread(page: Page, count: int) -> None:
    expect(bell(page)).to_have_accessible_name(f"Notifications, {count} unread")


def test_a_failure_is_heard_before_an_answer_without_it(page: Page, site: Site, watch: Watch) -> None:
    watch.expect(*AWAY)
    daemon = site.start(TASKS)
    log_in(page, "/notifications")
    fail(page, "bad")
    is_unread(page, 1)
    held = Held(page, re.compile(r"/api/notifications\?"))
    site.kill_web(daemon)
    held.wait(2)  # as the stream is there again, and as it may have missed something
    fail(page, "bad")
    hears_the_end(page, site.house.ended("bad", 2)[-1].id)
    held.let_go()
    expect(rows(page)).to_contain_text("2 times")
    is_unread(page, 1)


@pytest.fixture
def long(page: Page, site: Site) -> Page:
    """More notices, all read, than are loaded."""
    site.start(TASKS).stop()
    site.house.pretend(NOTICES, 120, host.wall())
    site.start()
    log_in(page, "/notifications")
    expect(rows(page)).to_have_count(50)
    return page


def older(page: Page) -> Locator:
    return page.get_by_role("button", name="Load older")


def test_a_failure_is_heard_before_an_answer_with_older_notices(long: Page) -> None:
    held = Held(long, re.compile(r"/api/notifications\?.*before="))
    older(long).click()
    held.wait()
    fail(long, "bad")
    is_unread(long, 1)
    held.let_go()
    expect(rows(long)).to_have_count(101)
    is_unread(long, 1)


def test_notices_are_counted_anew_if_one_came_while_they_were_counted(long: Page) -> None:
    held = Held(long, re.compile("/unread-count"))
    fail(long, "bad")
    held.wait()
    oldest = f"/api/notifications/{119:026}/unread"
    long.request.post(oldest, headers={"Sec-Fetch-Site": "same-origin"})
    expect(rows(long)).to_have_count(52)
    with long.expect_request("**/unread-count"):
        held.let_go()
    is_unread(long, 2)
