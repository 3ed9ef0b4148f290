"""The overview: what it tells, that it follows what happens, and what can be done on it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PHONE, Site, Watch, is_accessible, log_in, overflow

TASKS = """
[tasks.backup-db]
group = "Databases"
description = "Dumps <b>all</b> <img src=x onerror=alert(1)> databases"
cron = "0 3 * * *"
run = "sleep 0.2; echo done"

[tasks.flaky]
run = "echo about to fail; exit 3"
run_on_start = true

[tasks.long]
run = "sleep 600"

[tasks.locked]
run = "true"
api_trigger = false

[services.web]
group = "Web"
run = "sleep 600"
instances = 2
"""


def row(page: Page, name: str) -> Locator:
    return page.locator("li.task", has=page.get_by_role("link", name=name, exact=True))


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


@pytest.fixture
def overview(page: Page, site: Site) -> Page:
    site.serve(TASKS)
    site.house.ended("flaky")
    log_in(page)
    expect(row(page, "web")).to_contain_text("2/2 running")
    return page


@pytest.mark.together
def test_it_tells_what_each_task_is_does_and_did(overview: Page) -> None:
    backup = row(overview, "backup-db")
    expect(backup).to_contain_text("daily at 03:00")
    expect(backup).to_contain_text("0 3 * * *")
    expect(backup).to_contain_text(re.compile(r"in \d+ (h|min|s)"))
    expect(backup).to_contain_text("never run")
    flaky = row(overview, "flaky")
    expect(flaky).to_contain_text(re.compile(r"failed.*exit 3"))
    expect(flaky.get_by_role("img")).to_have_attribute("aria-label", "Last 1 runs, newest first: failed")
    expect(flaky).to_contain_text("at the daemon's start")


@pytest.mark.together
def test_it_tells_of_the_daemon_and_its_machine(overview: Page) -> None:
    expect(overview.locator(".daemon")).to_contain_text(re.compile(r"RunWisp\s*\d+\.\d+\.\d+.*Up for"))
    tiles = overview.locator(".tiles")
    expect(tiles).to_contain_text("4 tasks")
    expect(tiles).to_contain_text("1 service")
    expect(tiles).to_contain_text(re.compile(r"CPU\s*\d+ %"))
    expect(tiles).to_contain_text(re.compile(r"Memory\s*\d+ %"))
    expect(tiles).to_contain_text(re.compile(r"Success, 30 days\s*0 %\s*1 failed"))


@pytest.mark.together
def test_the_panels_tell_what_needs_a_look(overview: Page) -> None:
    expect(panel(overview, "Needs attention")).to_contain_text(
        re.compile("flaky.*failed.*exited with code 3")
    )
    expect(panel(overview, "Running now")).to_contain_text("2 service instances are up.")
    expect(panel(overview, "Up next")).to_contain_text("backup-db")
    expect(panel(overview, "Recent activity")).to_contain_text("flaky")


@pytest.mark.fault("web", "hostile task names and output in the pages and on the terminal")
def test_what_a_file_says_stays_text(overview: Page) -> None:
    expect(row(overview, "backup-db")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(overview.locator(".task img, .task b")).to_have_count(0)


def test_a_task_is_run_and_its_run_appears_streams_and_ends_by_itself(overview: Page) -> None:
    backup = row(overview, "backup-db")
    overview.get_by_role("button", name="Run backup-db").click()
    overview.get_by_role("dialog", name="Run backup-db now?").get_by_role("button", name="Run Task").click()
    expect(overview.get_by_role("dialog")).to_have_count(0)
    expect(overview.get_by_role("link", name="Show the run")).to_be_visible()
    expect(backup).to_contain_text(re.compile(r"success.*exit 0"))
    expect(panel(overview, "Recent activity").get_by_role("listitem").first).to_contain_text("backup-db")
    expect(backup).to_contain_text("100 %")


def test_a_run_is_stopped_after_a_question(overview: Page, site: Site) -> None:
    overview.get_by_role("button", name="Run long").click()
    overview.get_by_role("button", name="Run Task").click()
    expect(panel(overview, "Running now")).to_contain_text("long")
    overview.get_by_role("button", name="Stop long").click()
    dialog = overview.get_by_role("dialog", name="Stop long?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    overview.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(overview.get_by_role("button", name="Stop long")).to_be_focused()
    expect(row(overview, "long")).to_contain_text("running")
    overview.keyboard.press("Enter")
    overview.get_by_role("button", name="Stop Task").click()
    expect(row(overview, "long").locator(".task-last")).to_contain_text("stopped")
    expect(panel(overview, "Running now")).to_contain_text("No task runs just now.")


def test_a_service_is_stopped_started_and_restarted(overview: Page, site: Site) -> None:
    web = row(overview, "web")
    before = {run.id for run in site.house.running("web", 2)}
    overview.get_by_role("button", name="Restart web").click()
    overview.get_by_role("button", name="Restart Service").click()
    expect(overview.get_by_role("dialog")).to_have_count(0)
    expect(web).to_contain_text("2/2 running")
    site.house.ended("web", 2)
    assert not before & {run.id for run in site.house.running("web", 2)}
    overview.get_by_role("button", name="Stop web").click()
    overview.get_by_role("button", name="Stop Service").click()
    expect(web.locator(".task-state")).to_have_text("stopped")
    overview.get_by_role("button", name="Start web").click()
    overview.get_by_role("button", name="Start Service").click()
    expect(web).to_contain_text("2/2 running")


def test_what_the_daemon_refuses_is_told_in_the_question(overview: Page, watch: Watch) -> None:
    watch.expect("409")
    overview.evaluate(
        """async () => {
          const { runTask } = await import("/actions.js");
          const { store } = await import("/store.js");
          runTask({ ...store.tasks.get("web"), running: 0 });
        }"""
    )
    overview.get_by_role("button", name="Start Service").click()
    expect(overview.get_by_role("dialog").get_by_role("alert")).to_contain_text("web")
    overview.get_by_role("button", name="Cancel").click()


@pytest.mark.together
def test_a_task_that_may_not_be_run_by_hand_says_so(overview: Page) -> None:
    button = overview.get_by_role("button", name="Run locked")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", re.compile("api_trigger"))


@pytest.mark.parametrize(
    ("tab", "names"),
    [
        ("All", ["backup-db", "flaky", "long", "locked", "web"]),
        ("Attention", ["flaky"]),
        ("Running", ["web"]),
        ("Scheduled", ["backup-db"]),
        ("Manual", ["flaky", "long", "locked"]),
    ],
)
@pytest.mark.together
def test_tabs_show_what_they_say_and_count_it(overview: Page, tab: str, names: list[str]) -> None:
    button = overview.get_by_role("button", name=re.compile(f"^{tab} "))
    button.click()
    expect(button).to_have_text(f"{tab}{len(names)}")
    expect(overview.locator(".task-name > a")).to_have_count(len(names))
    assert sorted(overview.locator(".task-name > a").all_inner_texts()) == sorted(names)


@pytest.mark.together
def test_search_sort_and_tab_are_in_the_address(overview: Page) -> None:
    overview.get_by_role("button", name=re.compile("^Manual")).click()
    overview.keyboard.press("/")
    expect(overview.get_by_role("searchbox")).to_be_focused()
    overview.keyboard.type("fl")
    overview.get_by_role("combobox", name="Sort tasks").select_option("Name")
    expect(overview).to_have_url(re.compile(r"/\?tab=manual&q=fl&sort=name$"))
    expect(overview.locator(".task-name > a")).to_have_text(["flaky"])
    overview.reload()
    expect(overview.locator(".task-name > a")).to_have_text(["flaky"])
    expect(overview.get_by_role("searchbox")).to_have_value("fl")
    overview.go_back()
    expect(overview.locator(".task-name > a")).to_have_count(5)


@pytest.mark.together
def test_nothing_found_is_told(overview: Page) -> None:
    overview.get_by_role("searchbox").fill("nobody")
    expect(overview.get_by_text("No task matches")).to_be_visible()


def test_no_tasks_at_all_is_told_with_what_to_do(page: Page, site: Site) -> None:
    site.start("# nothing yet\n")
    log_in(page)
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    expect(page.locator(".empty")).to_contain_text("runwisp.toml")


def test_a_file_that_changed_is_told(overview: Page, site: Site) -> None:
    site.house.write(TASKS + "\n# changed\n")
    overview.reload()
    expect(overview.locator(".notice")).to_contain_text("has changed since the daemon loaded it")


@pytest.mark.together
def test_everything_is_reached_by_keyboard(overview: Page) -> None:
    overview.reload()
    page = overview
    page.wait_for_selector(".task")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    reached: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || ''"
            )
        )
    text = "\n".join(reached)
    for name in ("All", "Search tasks", "Sort tasks", "backup-db", "Run flaky", "Restart web", "Stop web"):
        assert name in text, text


@pytest.mark.together
def test_it_is_accessible_in_both_themes_and_fits_a_phone(overview: Page) -> None:
    is_accessible(overview)
    overview.get_by_role("button", name="Run long").click()
    is_accessible(overview)


@pytest.mark.together
def test_the_theme_is_switched_and_kept(overview: Page) -> None:
    for theme in ("light", "dark"):
        overview.get_by_role("button", name=re.compile("^Theme")).click()
        expect(overview.locator(f"html[data-theme={theme}]")).to_have_count(1)
    overview.reload()
    expect(overview.locator("html[data-theme=dark]")).to_have_count(1)
    assert overview.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_on_a_phone_targets_are_as_large_as_a_finger(overview: Page, site: Site) -> None:
    browser = overview.context.browser
    assert browser
    context = browser.new_context(
        base_url=site.url,
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        is_mobile=True,
    )
    phone = context.new_page()
    log_in(phone)
    phone.wait_for_selector(".task")
    assert overflow(phone) <= 0
    sizes = phone.locator("button:visible, select:visible, input:visible, nav a").evaluate_all(
        "all => all.map(e => [e.innerText || e.ariaLabel, e.getBoundingClientRect()])"
        ".map(([name, box]) => [name, box.width, box.height])"
    )
    small = [each for each in sizes if each[1] < 43.5 or each[2] < 43.5]
    context.close()
    assert not small, small
