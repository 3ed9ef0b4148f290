"""The page of a task: what it is, what it did, and what a person can have it do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from runwisp.clock import DAY
from tests.e2e import longhistory
from tests.e2e.conftest import PHONE, Site, Watch, is_accessible, log_in, overflow
from tests.integration.waiting import wait_for

TASKS = """
[tasks.backup]
group = "Storage"
description = "Copies <b>everything</b>"
cron = "@every 1h"
run = "sleep 0.1; echo '<b>copied</b>'"
timeout = "2h"
env = { TOKEN = "very secret" }
on_overlap = "skip"

[tasks.slow]
run = "sleep 600"
on_overlap = "skip"

[tasks.locked]
run = "true"
api_trigger = false

[services.web]
run = "sleep 600"
instances = 2
"""


def definition(page: Page, key: str) -> Locator:
    return page.locator(".definition .facts > div", has=page.get_by_text(key, exact=True)).locator("dd")


def rows(page: Page) -> Locator:
    return page.locator("table.runs tbody tr")


def button(page: Page, name: str) -> Locator:
    return page.locator(".task-buttons").get_by_role("button", name=name, exact=True)


def confirm(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.fixture
def backup(page: Page, site: Site) -> Page:
    site.start(TASKS)
    log_in(page, "/tasks/backup")
    expect(page.get_by_role("heading", name="backup", level=1)).to_be_visible()
    return page


def test_the_definition_is_told_as_it_was_resolved(backup: Page, site: Site) -> None:
    expect(backup.get_by_label("Command")).to_have_text("sleep 0.1; echo '<b>copied</b>'")
    expect(backup.get_by_text("Copies <b>everything</b>")).to_be_visible()
    expect(definition(backup, "cron")).to_have_text("every hour @every 1h")
    expect(definition(backup, "timeout")).to_have_text("2 h")
    expect(definition(backup, "on_overlap")).to_contain_text("skip")
    expect(definition(backup, "working_dir")).to_have_text(str(site.house.folder))
    expect(definition(backup, "env")).to_have_text("TOKEN = hidden")
    expect(backup.locator(".definition")).to_contain_text(str(site.house.config))
    assert "very secret" not in backup.content()


def test_firings_to_come_are_told(backup: Page) -> None:
    expect(backup.locator(".task-facts")).to_contain_text(re.compile(r"in \d+ (h|min)"))
    expect(backup.locator(".firings li")).to_have_count(4)


def test_firings_of_a_calendar_are_told_as_the_daemon_reckons_them(page: Page, site: Site) -> None:
    site.start('[tasks.nightly]\nrun = "true"\ncron = "30 2 * * *"\ntimezone = "UTC"\n')
    log_in(page, "/tasks/nightly")
    times = page.locator(".firings time")
    expect(times).to_have_count(4)
    told = [str(each.get_attribute("datetime")) for each in times.all()]
    assert {each[10:16] for each in told} == {"T02:30"} and len(set(told)) == 4


def test_a_task_is_run_and_its_run_appears(backup: Page) -> None:
    expect(backup.get_by_text("Nothing has run yet")).to_be_visible()
    button(backup, "Run Task").click()
    expect(backup.get_by_role("dialog")).to_contain_text("It starts at once")
    confirm(backup, "Run Task")
    expect(rows(backup)).to_have_count(1)
    expect(rows(backup).first).to_contain_text("success")
    expect(backup.locator(".task-strip li")).to_have_count(1)
    backup.locator(".task-strip a").click()
    expect(backup).to_have_url(re.compile("/tasks/backup/runs/"))


def test_a_refused_run_says_why(page: Page, site: Site, watch: Watch) -> None:
    watch.expect("409")
    site.start(TASKS)
    log_in(page, "/tasks/slow")
    button(page, "Run Task").click()
    confirm(page, "Run Task")
    expect(page.locator(".task-facts")).to_contain_text("running")
    button(page, "Run Task").click()
    expect(page.get_by_role("dialog")).to_contain_text("this run will be refused")
    page.get_by_role("dialog").get_by_role("button", name="Run Task").click()
    expect(page.get_by_role("alert")).to_contain_text("task already running, skipping (policy: skip)")
    page.keyboard.press("Escape")
    expect(button(page, "Run Task")).to_be_focused()
    button(page, "Stop Task").click()
    confirm(page, "Stop Task")
    expect(page.get_by_role("link", name="stopped").first).to_be_visible()


def test_a_task_that_may_not_be_run_by_hand_says_so(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page, "/tasks/locked")
    expect(button(page, "Run Task")).to_be_disabled()
    expect(page.get_by_text("It cannot be started by hand")).to_be_visible()


def test_a_service_is_restarted_stopped_and_started(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page, "/tasks/web")
    facts = page.locator(".task-facts")
    expect(facts).to_contain_text("2/2 running")
    before = {run.id for run in site.house.running("web", 2)}
    button(page, "Restart Service").click()
    confirm(page, "Restart Service")
    wait_for(lambda: len({run.id for run in site.house.running("web", 2)} - before) == 2)
    expect(facts).to_contain_text("2/2 running")
    button(page, "Stop Service").click()
    expect(page.get_by_role("dialog")).to_contain_text("stay stopped")
    confirm(page, "Stop Service")
    expect(button(page, "Start Service")).to_be_visible()
    button(page, "Start Service").click()
    confirm(page, "Start Service")
    expect(facts).to_contain_text("2/2 running")


def test_charts_show_its_runs_and_so_does_a_table(page: Page, site: Site, watch: Watch) -> None:
    watch.expect("404")  # a run that was made up has no log
    longhistory.start(site, runs=300, of_tasks=2, over=DAY)
    log_in(page, "/tasks/task-0")
    expect(page.locator(".figure canvas")).to_have_count(2)
    expect(page.get_by_text("the last 100 runs")).to_be_visible()
    page.get_by_text("These runs as a table").click()
    table = page.get_by_role("region", name="Runs of the charts")
    expect(table.locator("tbody tr")).to_have_count(100)
    expect(table.locator("tbody tr").first).to_contain_text("KiB")
    chart = page.locator(".figure .u-over").first
    chart.hover()
    expect(page.locator(".pointed").first).to_contain_text(re.compile("success|failed"))
    chart.click()
    expect(page).to_have_url(re.compile("/tasks/task-0/runs/0+[0-9]+$"))


def test_a_task_that_is_gone_still_has_its_history(page: Page, site: Site) -> None:
    longhistory.start(site, runs=10, of_tasks=2, over=DAY)
    site.house.daemons[-1].stop()
    site.start(longhistory.tasks(1))
    log_in(page, "/tasks/task-1")
    expect(page.get_by_text("It is not in the configuration now")).to_be_visible()
    expect(rows(page)).to_have_count(5)


def test_a_task_that_never_was_is_told(page: Page, site: Site) -> None:
    site.start(TASKS)
    log_in(page, "/tasks/nobody")
    expect(page.get_by_text("No task of this name has ever run.")).to_be_visible()


def test_the_page_of_a_task_is_accessible_and_fits_a_phone(page: Page, site: Site) -> None:
    longhistory.start(site, runs=300, of_tasks=2, over=DAY, more=TASKS)
    log_in(page, "/tasks/task-0")
    expect(page.locator(".figure canvas")).to_have_count(2)
    is_accessible(page)
    page.goto("/tasks/web")
    expect(page.locator(".task-facts")).to_contain_text("2/2 running")
    is_accessible(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    is_accessible(page)
    assert overflow(page) <= 0
