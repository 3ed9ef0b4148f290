"""The page of a run: why it ended, what it took, what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site, Watch, admit, asked, is_accessible, stop_all

pytestmark = pytest.mark.together

CONFIGURATION = """
[tasks.backup]
run = "echo 'cannot reach the bucket' >&2; exit 3"
retry_attempts = 1
retry_delay = "1s"

[tasks.good]
run = "echo done"

[tasks.sleeper]
run = "echo up; sleep 600"
on_overlap = "queue"
queue_max = 5

[tasks.careful]
run = "sleep 600"
on_overlap = "skip"

[services.web]
run = "echo serving; sleep 600"

[services.pair]
run = "echo $RUNWISP_REPLICA is up; sleep 600"
instances = 2
"""


@pytest.fixture(autouse=True)
def _admitted(site: Site, page: Page) -> Generator[None, None, None]:
    site.serve(CONFIGURATION)
    admit(page)
    yield
    stop_all(page)


def runs_of(page: Page, task: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = asked(page, "GET", f"/api/tasks/{task}/runs")["runs"]
    return found


def started(page: Page, task: str) -> str:
    """Starts it; the path of the page of the run."""
    return f"/tasks/{task}/runs/{asked(page, 'POST', f'/api/tasks/{task}/trigger')['id']}"


def opened(page: Page, task: str) -> str:
    """Starts it and opens the page of the run."""
    path = started(page, task)
    page.goto(path)
    page.wait_for_selector(".run")
    return path


def test_a_failure_is_told_in_words_and_its_retry_is_linked_both_ways(page: Page) -> None:
    first = opened(page, "backup")
    expect(page.get_by_text("It ended with exit code 3: only 0 is a success.")).to_be_visible()
    expect(page.get_by_text("cannot reach the bucket")).to_be_visible()
    page.get_by_role("link", name="tried again").click()
    expect(page).not_to_have_url(re.compile(re.escape(first)))
    expect(page.get_by_text("This was retry 1 of 1.")).to_be_visible()
    page.get_by_role("link", name="the attempt before").click()
    expect(page).to_have_url(re.compile(re.escape(first)))


def test_a_run_is_followed_from_its_start_to_its_end_without_a_reload(page: Page) -> None:
    opened(page, "sleeper")
    expect(page.get_by_text("It has been running for")).to_be_visible()
    expect(page.locator(".log-text", has_text="up")).to_be_visible()
    page.get_by_role("button", name="Stop Now").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("SIGTERM")
    dialog.get_by_role("button", name="Stop Now").click()
    expect(page.locator(".run-title .state")).to_have_text("stopped")
    expect(page.get_by_text("It was stopped by hand.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop Now")).to_have_count(0)


def test_escape_leaves_a_run_as_it_is(page: Page) -> None:
    opened(page, "sleeper")
    button = page.get_by_role("button", name="Stop Now")
    button.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    expect(page.locator(".run-title .state")).to_have_text("running")


def test_a_run_that_waits_says_for_what_and_starts_before_our_eyes(page: Page) -> None:
    former = started(page, "sleeper")
    opened(page, "sleeper")
    expect(page.locator(".run-title .state")).to_have_text("queued")
    expect(page.get_by_text("Not started yet")).to_be_visible()
    asked(page, "POST", f"/api{former}/stop")
    expect(page.locator(".run-title .state")).to_have_text("running")
    expect(page.locator(".log-text", has_text="up")).to_be_visible()


def test_a_skipped_firing_reads_failed_with_its_exit_code_and_message(page: Page) -> None:
    started(page, "careful")
    asked(page, "POST", "/api/tasks/careful/trigger")
    skipped = next(run for run in runs_of(page, "careful") if run["status"] == "ended")
    page.goto(f"/tasks/careful/runs/{skipped['id']}")
    expect(page.locator(".run-title .state")).to_have_text(re.compile("failed.*skipped"))
    expect(page.get_by_text("task already running, skipping (policy: skip)")).to_be_visible()
    expect(page.get_by_text("-1 (never started)")).to_be_visible()
    expect(page.get_by_text("It never started.")).to_be_visible()


def test_a_run_is_deleted_after_it_was_asked_and_nobody_asks_for_it_again(page: Page) -> None:
    path = opened(page, "good")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("deleted for good")
    page.get_by_role("button", name="Delete Run").click()
    expect(page).to_have_url(re.compile(r"/tasks/good$"))
    page.wait_for_selector(".runs-panel :is(table, .empty)")
    assert page.request.get(f"/api{path}").status == 404


def test_it_is_run_again_after_it_was_asked(page: Page) -> None:
    path = opened(page, "good")
    page.get_by_role("button", name="Run again").click()
    page.get_by_role("button", name="Run Task").click()
    page.get_by_role("link", name="Later run").click()
    expect(page).not_to_have_url(re.compile(re.escape(path)))
    expect(page.locator(".run-title .state")).to_have_text("success")
    page.get_by_role("link", name="Earlier run").click()
    expect(page).to_have_url(re.compile(re.escape(path)))


def test_a_run_that_is_not_there_is_told(page: Page, watch: Watch) -> None:
    watch.expect("404")
    page.goto("/tasks/good/runs/01M8863ZXT9AVEZ47MS8AGJFJS")
    expect(page.get_by_role("alert")).to_contain_text("no run of")


def test_the_run_of_a_service_tells_its_instance(page: Page) -> None:
    run = runs_of(page, "web")[0]
    page.goto(f"/tasks/web/runs/{run['id']}")
    expect(page.locator(".log-text", has_text="serving")).to_be_visible()
    expect(page.get_by_text("by the service")).to_be_visible()
    expect(page.locator(".facts", has_text="Instance")).to_be_visible()


def test_instances_are_counted_from_one(page: Page) -> None:
    page.goto("/tasks/pair")
    expect(page.get_by_role("cell", name="service, instance 1")).to_be_visible()
    expect(page.get_by_role("cell", name="service, instance 2")).to_be_visible()
    page.goto("/tasks/web")
    expect(page.get_by_role("cell", name="service", exact=True)).to_be_visible()


def test_all_that_count_the_same_time_agree(page: Page) -> None:
    """However much time passes between drawing one and drawing the other."""
    opened(page, "sleeper")
    seen: list[list[str]] = page.evaluate(
        """async () => {
          const now = Date.now;
          let passed = 0;
          Date.now = () => now() + (passed += 700);
          const seen = [];
          for (let round = 0; round < 30; round++) {
            m.redraw.sync();
            const times = document.querySelectorAll(".run-why time, .run-facts dd > time:not([datetime])");
            seen.push([...times].map((each) => each.textContent));
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          Date.now = now;
          return seen;
        }"""
    )
    assert len({first for first, _ in seen}) > 1
    assert [first for first, _ in seen] == [second for _, second in seen]


@pytest.mark.parametrize("task", ["backup", "sleeper"])
def test_the_page_of_a_run_is_accessible(page: Page, task: str) -> None:
    opened(page, task)
    page.wait_for_selector(".log-row")
    is_accessible(page)
    page.get_by_role("button", name="Keys of the log").click()
    is_accessible(page)
