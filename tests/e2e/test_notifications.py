"""The bell and the page of notifications: what happened, how often, and which of it was read; live."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from runwisp import host
from tests.e2e.conftest import PHONE, Site, is_accessible, log_in, overflow

TASKS = """
[tasks.bad]
run = "exit 7"

[tasks.worse]
run = "exit 9"
"""
NOTICES = """
WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < ?1)
INSERT INTO notices (
    id, task_name, kind, severity, title, body, run_id, end_reason, count, times, created_at,
    updated_at, is_read
)
SELECT
    printf('0%025d', n), 'old', 'run.missed', 'warn', 'old missed firing ' || n, 'While it was away.', NULL,
    'missed', 1, '[' || (?2 - n * 1000) || ']', ?2 - n * 1000, ?2 - n * 1000, 1
FROM counted
"""


def fail(page: Page, task: str) -> None:
    """As somebody else would have it."""
    page.request.post(f"/api/tasks/{task}/trigger", headers={"Sec-Fetch-Site": "same-origin"})


def bell(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("button", name=re.compile("^Notifications"))


def rows(page: Page) -> Locator:
    return page.locator("main .notice-row")


@pytest.fixture
def quiet(page: Page, site: Site) -> Page:
    site.start(TASKS)
    log_in(page, "/notifications")
    expect(page.get_by_text("No notifications yet")).to_be_visible()
    return page


def test_a_failure_is_told_at_once_in_the_bell_and_on_the_page(quiet: Page, site: Site) -> None:
    fail(quiet, "bad")
    expect(bell(quiet)).to_have_accessible_name("Notifications, 1 unread")
    expect(rows(quiet)).to_have_count(1)
    row = rows(quiet).first
    expect(row).to_contain_text("Error")
    expect(row).to_contain_text("bad failed")
    expect(row.get_by_role("link", name="bad", exact=True)).to_have_attribute("href", "/tasks/bad")
    run = site.house.run_of("bad")
    expect(row.get_by_role("link", name="bad failed")).to_have_attribute("href", f"/tasks/bad/runs/{run.id}")
    expect(quiet).to_have_title(re.compile(r"^Notifications \(1\)"))


def test_repeats_are_one_row_with_their_times(quiet: Page, site: Site) -> None:
    for count in range(1, 4):
        fail(quiet, "bad")
        site.house.ended("bad", count)
    expect(rows(quiet)).to_have_count(1)
    repeats = rows(quiet).get_by_text("3 times, first")
    repeats.click()
    expect(rows(quiet).locator(".repeats li")).to_have_count(3)
    expect(bell(quiet)).to_have_accessible_name("Notifications, 1 unread")


def test_what_waits_and_what_was_dropped_is_told_on_the_page(page: Page, site: Site) -> None:
    hanging = '[[notifier]]\nid = "it"\ntype = "command"\nrun = "sleep 1000"\n'
    settings = '[notify]\ndefault_notifiers = ["it"]\nqueue_size = 2\ncoalesce_outbound = false\n'
    site.start(settings + hanging + TASKS)
    log_in(page, "/notifications")
    expect(page.get_by_text("No notifications yet")).to_be_visible()
    expect(page.locator(".deliveries")).to_have_count(0)
    fail(page, "bad")
    expect(page.locator(".deliveries")).to_have_text("1 message is on the way to a channel.")
    for ended in range(1, 5):
        site.house.ended("bad", ended)
        fail(page, "bad")
    expect(page.locator(".deliveries")).to_contain_text("2 messages are on the way to a channel. 3 dropped")


def test_reading_is_marked_and_taken_back(quiet: Page, site: Site) -> None:
    fail(quiet, "bad")
    quiet.get_by_role("button", name="Mark as read: bad failed").click()
    expect(bell(quiet)).to_have_accessible_name("Notifications")
    quiet.reload()
    quiet.get_by_role("button", name="Mark as unread: bad failed").click()
    expect(bell(quiet)).to_have_accessible_name("Notifications, 1 unread")
    fail(quiet, "worse")
    expect(bell(quiet)).to_have_accessible_name("Notifications, 2 unread")
    quiet.get_by_role("button", name="Mark all as read").click()
    expect(bell(quiet)).to_have_accessible_name("Notifications")
    quiet.locator(".tabs").get_by_role("button", name="Unread").click()
    expect(quiet.get_by_text("All read")).to_be_visible()
    quiet.reload()
    expect(quiet.get_by_text("All read")).to_be_visible()
    assert not [row for row in site.house.query("SELECT 1 FROM notices WHERE is_read = 0")]


def test_what_is_read_in_one_window_is_read_in_the_other(quiet: Page) -> None:
    other = quiet.context.new_page()
    other.goto("/")
    fail(quiet, "bad")
    expect(bell(other)).to_have_accessible_name("Notifications, 1 unread")
    quiet.get_by_role("button", name="Mark all as read").click()
    expect(bell(other)).to_have_accessible_name("Notifications")


def test_the_bell_opens_by_key_and_leads_to_the_run(quiet: Page) -> None:
    fail(quiet, "bad")
    quiet.goto("/runs")
    bell(quiet).focus()
    quiet.keyboard.press("Enter")
    popover = quiet.get_by_role("dialog", name="Notifications")
    expect(popover.get_by_role("link", name="bad failed")).to_be_visible()
    quiet.keyboard.press("Escape")
    expect(popover).to_have_count(0)
    expect(bell(quiet)).to_be_focused()
    quiet.keyboard.press("Enter")
    popover.get_by_role("link", name="bad failed").click()
    expect(quiet).to_have_url(re.compile("/tasks/bad/runs/"))
    expect(popover).to_have_count(0)
    expect(bell(quiet)).to_have_accessible_name("Notifications")


def test_older_ones_are_loaded_when_asked_for(page: Page, site: Site) -> None:
    site.start(TASKS).stop()
    site.house.pretend(NOTICES, 120, host.wall())
    site.start()
    log_in(page, "/notifications")
    expect(rows(page)).to_have_count(50)
    for count in (100, 120):
        page.get_by_role("button", name="Load older").click()
        expect(rows(page)).to_have_count(count)
    expect(page.get_by_role("button", name="Load older")).to_have_count(0)
    titles = page.locator("main .notice-title").all_inner_texts()
    assert titles == [f"old missed firing {n}" for n in range(120)]


def test_notifications_are_accessible_and_fit_a_phone(quiet: Page) -> None:
    is_accessible(quiet)
    fail(quiet, "bad")
    fail(quiet, "bad")
    rows(quiet).get_by_text("2 times, first").click()
    is_accessible(quiet)
    bell(quiet).click()
    expect(quiet.get_by_role("dialog", name="Notifications")).to_be_visible()
    is_accessible(quiet)
    quiet.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert overflow(quiet) <= 0
