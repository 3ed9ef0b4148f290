"""All runs: found by any filter, in any order, to the millionth; and live without moving under the reader."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from runwisp.clock import DAY
from tests.e2e import longhistory
from tests.e2e.conftest import PHONE, Site, Watch, is_accessible, log_in, overflow

TASKS = """
[tasks.good]
run = "echo fine"

[tasks.bad]
run = "exit 7"
run_on_start = true

[tasks.slow]
run = "sleep 600"
on_overlap = "skip"
"""


def rows(page: Page) -> Locator:
    return page.locator("table.runs tbody tr")


def numbers(page: Page) -> list[int]:
    """Of the runs of a long history that are on the page, from the top."""
    return [int(text.rsplit(" ", 1)[1]) for text in page.locator("table.runs .why").all_inner_texts()]


def pager(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Pages of runs")


def turn(page: Page, to: str) -> None:
    pager(page).get_by_role("button", name=to, exact=True).click()


@pytest.fixture
def few(page: Page, site: Site) -> Page:
    site.start(TASKS)
    site.house.ended("bad")
    log_in(page, "/runs")
    expect(rows(page)).to_have_count(1)
    return page


@pytest.fixture
def some(page: Page, site: Site) -> Page:
    """A thousand runs of ten tasks in two days."""
    if not site.house.daemons:
        longhistory.start(site, runs=1000, of_tasks=10, over=2 * DAY)
    log_in(page, "/runs")
    expect(rows(page)).to_have_count(50)
    return page


def trigger(page: Page, task: str) -> None:
    """As somebody else would."""
    page.request.post(f"/api/tasks/{task}/trigger", headers={"Sec-Fetch-Site": "same-origin"})


def test_a_row_tells_what_became_of_the_run(few: Page) -> None:
    row = rows(few).first
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("exited with code 7")
    expect(row.get_by_role("link", name="bad")).to_have_attribute("href", "/tasks/bad")
    expect(row.get_by_role("link", name="failed")).to_have_attribute(
        "href", re.compile("^/tasks/bad/runs/[0-9A-Z]{26}$")
    )
    expect(row.locator("td[data-label=Exit]")).to_have_text("7")


def test_new_runs_are_announced_and_come_when_asked_for(few: Page, site: Site) -> None:
    trigger(few, "good")
    trigger(few, "good")
    site.house.ended("good", 2)
    news = few.get_by_role("button", name="2 new runs")
    expect(news).to_be_visible()
    expect(rows(few)).to_have_count(1)
    news.click()
    expect(rows(few)).to_have_count(3)
    expect(news).to_have_count(0)


def test_a_skipped_firing_reads_failed_with_its_reason_and_message(few: Page) -> None:
    trigger(few, "slow")
    trigger(few, "slow")
    few.get_by_role("button", name="2 new runs").click()
    skipped = rows(few).first
    expect(skipped).to_contain_text("failed")
    expect(skipped).to_contain_text("skipped")
    expect(skipped).to_contain_text("task already running, skipping (policy: skip)")
    expect(skipped.locator("td[data-label=Exit]")).to_have_text("-1")


def test_a_run_that_is_seen_ends_where_it_stands(few: Page) -> None:
    trigger(few, "slow")
    few.get_by_role("button", name="1 new run").click()
    row = rows(few).first
    expect(row).to_contain_text("running")
    row.get_by_role("button", name="Stop Now").click()
    dialog = few.get_by_role("dialog")
    expect(dialog).to_contain_text("SIGTERM")
    dialog.get_by_role("button", name="Stop Now").click()
    expect(row).to_contain_text("stopped")
    expect(row.get_by_role("button", name="Delete")).to_be_visible()


def test_deleting_asks_and_takes_the_row_away(few: Page, site: Site) -> None:
    rows(few).first.get_by_role("button", name="Delete").click()
    few.keyboard.press("Escape")
    expect(few.get_by_role("dialog")).to_have_count(0)
    assert len(site.house.runs()) == 1
    rows(few).first.get_by_role("button", name="Delete").click()
    few.get_by_role("dialog").get_by_role("button", name="Delete Run").click()
    expect(few.get_by_text("Nothing has run yet")).to_be_visible()
    assert not site.house.runs()


@pytest.mark.together
@pytest.mark.parametrize(
    ("query", "count", "whole"),
    [
        ("status=failed", 20, "1 to 20 of 20"),
        ("status=timeout", 1, "1 to 1 of 1"),
        ("task=task-3", 50, "1 to 50 of 100"),
        ("trigger=api&task=task-0", 50, "1 to 50"),
        ("q=number+77", 11, "1 to 11"),
        ("since=24h", 50, "1 to 50"),
    ],
)
def test_a_filter_in_the_address_is_what_is_seen(some: Page, query: str, count: int, whole: str) -> None:
    some.goto(f"/runs?{query}")
    expect(pager(some)).to_contain_text(whole)
    expect(rows(some)).to_have_count(count)


@pytest.mark.together
def test_what_is_chosen_is_in_the_address_and_back_undoes_it(some: Page) -> None:
    some.get_by_label("Status").select_option("failed")
    expect(rows(some)).to_have_count(20)
    expect(some).to_have_url(re.compile(r"\?status=failed$"))
    some.get_by_label("Task", exact=True).fill("task-0")
    some.keyboard.press("Tab")
    expect(some).to_have_url(re.compile(r"status=failed&task=task-0$"))
    some.get_by_role("searchbox", name="Search runs").fill("number 1000")
    expect(rows(some)).to_have_count(1)
    some.reload()
    expect(rows(some)).to_have_count(1)
    some.go_back()
    expect(rows(some)).to_have_count(20)
    expect(some.get_by_label("Task", exact=True)).to_have_value("")
    some.get_by_role("button", name="Clear filters").click()
    expect(rows(some)).to_have_count(50)


@pytest.mark.together
def test_a_stretch_of_time_is_given_in_the_readers_zone(some: Page) -> None:
    some.get_by_label("Time", exact=True).select_option("between")
    expect(some.get_by_label("From")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d$"))
    expect(some).to_have_url(re.compile("from=20"))
    some.get_by_label("Before").fill("2001-01-01T00:00")
    some.keyboard.press("Tab")
    expect(some.get_by_text("No run matches")).to_be_visible()


@pytest.mark.together
def test_headings_sort_both_ways(some: Page) -> None:
    some.get_by_role("button", name="Took").click()
    longest = numbers(some)
    expect(some).to_have_url(re.compile(r"sort=duration$"))
    expect(some.get_by_role("columnheader", name="Took")).to_have_attribute("aria-sort", "descending")
    some.get_by_role("button", name="Took").click()
    expect(some).to_have_url(re.compile(r"sort=duration&dir=asc$"))
    expect(some.get_by_role("columnheader", name="Took")).to_have_attribute("aria-sort", "ascending")
    expect(some.locator("table.runs")).to_have_attribute("aria-busy", "false")
    took = {n: 1000 + n * 7919 % 60000 for n in range(1, 1001)}
    expect(rows(some)).to_have_count(50)
    shortest = sorted(took, key=lambda n: (took[n], n))[:50]
    assert numbers(some) == shortest
    assert longest != shortest


@pytest.mark.together
def test_pages_lead_to_and_fro_and_survive_a_reload(some: Page) -> None:
    assert numbers(some) == list(range(1000, 950, -1))
    turn(some, "Next page")
    expect(pager(some)).to_contain_text("51 to 100 of 1,000")
    assert numbers(some) == list(range(950, 900, -1))
    turn(some, "Next page")
    expect(pager(some)).to_contain_text("101 to 150 of 1,000")
    some.reload()
    expect(pager(some)).to_contain_text("101 to 150 of 1,000")
    assert numbers(some) == list(range(900, 850, -1))
    turn(some, "Previous page")
    expect(pager(some)).to_contain_text("51 to 100 of 1,000")
    assert numbers(some) == list(range(950, 900, -1))
    some.go_back()
    expect(pager(some)).to_contain_text("101 to 150 of 1,000")
    turn(some, "First page")
    expect(pager(some)).to_contain_text("1 to 50 of 1,000")
    expect(pager(some).get_by_role("button", name="Previous page")).to_be_disabled()


@pytest.mark.together
def test_the_last_page_is_one_step_away(some: Page) -> None:
    turn(some, "Last page")
    expect(pager(some)).to_contain_text("951 to 1,000 of 1,000")
    assert numbers(some) == list(range(50, 0, -1))
    expect(pager(some).get_by_role("button", name="Next page")).to_be_disabled()
    turn(some, "Previous page")
    expect(pager(some)).to_contain_text("901 to 950 of 1,000")
    assert numbers(some) == list(range(100, 50, -1))
    turn(some, "Next page")
    expect(pager(some)).to_contain_text("951 to 1,000 of 1,000")


def test_a_million_runs_are_shown_at_once_from_either_end(page: Page, site: Site) -> None:
    longhistory.start(site, runs=1_000_000, of_tasks=100, over=80 * DAY)
    log_in(page, "/runs")
    expect(pager(page)).to_contain_text("1 to 50 of 1,000,000")
    assert numbers(page)[0] == 1_000_000
    turn(page, "Last page")
    expect(pager(page)).to_contain_text("999,951 to 1,000,000 of 1,000,000")
    assert numbers(page)[-1] == 1
    page.goto("/runs?q=number+777777")
    expect(pager(page)).to_contain_text("1 to 1")
    assert numbers(page) == [777777]
    page.goto("/runs?q=nowhere+to+be+found")
    expect(page.get_by_text("No run matches")).to_be_visible()


def test_far_into_a_list_a_reload_keeps_the_way_back(page: Page, site: Site) -> None:
    """Farther than the API counts from the start."""
    longhistory.start(site, runs=20_000, of_tasks=10, over=2 * DAY)
    log_in(page, "/runs")
    cursor = page.request.get("/api/runs?limit=50&offset=10000").json()["next_cursor"]
    page.goto(f"/runs?at={cursor}&row=10051")
    for there in ("10,051 to 10,100", "10,101 to 10,150"):
        expect(pager(page)).to_contain_text(there)
        turn(page, "Next page")
    expect(pager(page)).to_contain_text("10,151 to 10,200")
    page.reload()
    for there in ("10,151 to 10,200", "10,101 to 10,150"):
        expect(pager(page)).to_contain_text(there)
        turn(page, "Previous page")
    expect(pager(page)).to_contain_text("10,051 to 10,100")
    assert numbers(page)[0] == 9950


def test_what_looks_like_markup_stays_text(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page, "/runs?q=<img src=x onerror=alert(1)>&task=<b>bold</b>")
    expect(page.get_by_role("searchbox", name="Search runs")).to_have_value("<img src=x onerror=alert(1)>")
    expect(page.get_by_text("No run matches")).to_be_visible()
    assert not page.locator("main img, main b").count()


def test_a_filter_that_does_not_exist_is_told_and_can_be_cleared(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.expect("400")
    site.start(TASKS)
    log_in(page, "/runs?status=wonderful")
    expect(page.get_by_role("alert")).to_contain_text("must be one of")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.together
def test_runs_are_accessible_and_fit_a_phone(some: Page) -> None:
    is_accessible(some)
    some.set_viewport_size(PHONE)  # type: ignore[arg-type]
    some.goto("/runs?status=failed&from=2020-01-01T00:00:00Z")
    expect(rows(some)).to_have_count(20)
    is_accessible(some)
    assert overflow(some) <= 0


def test_keys_alone_reach_and_do_everything(few: Page) -> None:
    few.get_by_role("searchbox", name="Search runs").focus()
    few.keyboard.press("Tab")
    expect(few.get_by_label("Status")).to_be_focused()
    rows(few).first.get_by_role("link", name="failed").focus()
    for _ in range(2):
        few.keyboard.press("Tab")
    few.keyboard.press("Enter")
    expect(few.get_by_role("dialog")).to_be_visible()
    few.keyboard.press("Escape")
    expect(rows(few).first.get_by_role("button", name="Delete")).to_be_focused()
