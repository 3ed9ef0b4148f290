"""What is seen when the daemon goes away, and when it comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import PASSWORD, REFUSED, Site, Watch, asked, is_accessible, log_in
from tests.integration.waiting import wait_for

TASKS = """
[tasks.hello]
run = "echo hello"

[tasks.early]
run = "echo early"
run_on_start = true
"""
STREAM = "**/api/runs/stream"
BELL = "**/api/notifications/stream"
HIDDEN_FOR = 20_000
"""Milliseconds after which a page that nobody sees has given its streams back."""
AWAY = (REFUSED, "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "503")


def mark(page: Page) -> None:
    """A page that is loaded anew does not have it any more."""
    page.evaluate("window.marked = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.marked === true"))


def see(page: Page, *, is_hidden: bool) -> None:
    """As when another tab is chosen, or this one again."""
    page.evaluate(
        """(isHidden) => {
          Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def listeners(page: Page) -> int:
    """To whether the page is seen."""
    session = page.context.new_cdp_session(page)
    document = session.send("Runtime.evaluate", {"expression": "document"})["result"]["objectId"]
    found = session.send("DOMDebugger.getEventListeners", {"objectId": document})["listeners"]
    return sum(each["type"] == "visibilitychange" for each in found)


def test_a_lost_connection_is_told_and_found_again_without_reloading(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.expect(*AWAY)
    daemon = site.start(TASKS)
    log_in(page)
    mark(page)
    daemon.stop()
    overlay = page.get_by_role("dialog", name="Connection lost")
    expect(overlay).to_be_visible()
    expect(overlay).to_contain_text(re.compile(r"Lost for\s*\d+ s"))
    expect(overlay).to_contain_text(re.compile(r"Next attempt\s*in \d+ s"))
    site.start()
    expect(overlay).to_be_hidden()
    assert is_marked(page)


def test_parts_of_the_page_that_could_not_be_had_come_once_they_can(
    page: Page, site: Site, watch: Watch
) -> None:
    """The daemon may go in the moment between the page and what it loads after."""
    watch.expect(REFUSED)
    site.start(TASKS)
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.url in refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort("connectionrefused")

    for part in ("**/bell.js", "**/sha2.js"):
        page.route(part, refuse_once)
    page.goto("/")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Notifications")).to_be_visible()
    assert len(refused) == 2


def lost_after_one_run(page: Page, site: Site) -> None:
    """The dashboard has seen it, and the daemon is stopped then."""
    daemon = site.start(TASKS)
    site.house.ended("early")
    log_in(page)
    expect(page.get_by_role("img", name=re.compile("^Last 1 runs"))).to_have_count(1)
    daemon.stop()


def test_runs_that_were_missed_appear_after_the_return(page: Page, site: Site, watch: Watch) -> None:
    watch.expect(*AWAY)
    lost_after_one_run(page, site)
    expect(page.get_by_role("dialog", name="Connection lost")).to_be_visible()
    site.start()
    site.house.ended("early", 2)
    page.evaluate("document.querySelector('dialog .primary')?.click()")  # unless it is back by itself by now
    expect(page.get_by_role("img", name=re.compile("^Last 2 runs"))).to_have_count(1)


def test_what_was_missed_is_asked_for_until_it_can_be_had(page: Page, site: Site, watch: Watch) -> None:
    watch.expect(*AWAY)
    lost_after_one_run(page, site)
    page.route("**/api/tasks", lambda route: route.fulfill(status=503, body=""))
    site.start()
    site.house.ended("early", 2)
    expect(page.get_by_text("Not live")).to_be_visible()
    page.unroute("**/api/tasks")
    expect(page.get_by_role("img", name=re.compile("^Last 2 runs"))).to_have_count(1)
    expect(page.get_by_text("Not live")).to_be_hidden()


def test_retry_tries_at_once(page: Page, site: Site, watch: Watch) -> None:
    watch.expect(*AWAY)
    daemon = site.start(TASKS)
    log_in(page)
    daemon.stop()
    overlay = page.get_by_role("dialog", name="Connection lost")
    expect(overlay).to_contain_text(re.compile(r"Next attempt\s*in ([7-9]|\d\d) s"))
    with page.expect_request("**/health", timeout=5000):
        page.keyboard.press("Enter")
    site.start()
    expect(overlay).to_be_hidden()


def test_the_overlay_stays_whatever_key_is_pressed_and_is_accessible(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.expect(*AWAY, "preload assets")  # axe looks for style sheets anew
    daemon = site.start(TASKS)
    log_in(page)
    daemon.stop()
    overlay = page.get_by_role("dialog", name="Connection lost")
    expect(overlay).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(overlay).to_be_visible()
    is_accessible(page)


def test_a_web_process_that_is_replaced_leaves_no_trace(page: Page, site: Site, watch: Watch) -> None:
    watch.expect(*AWAY)
    daemon = site.start(TASKS)
    log_in(page)
    mark(page)
    site.kill_web(daemon)
    page.get_by_role("button", name="Run hello").click()
    page.get_by_role("button", name="Run Task").click()
    expect(page.get_by_role("link", name=re.compile("success.*exit 0")).first).to_be_visible()
    assert is_marked(page)


def test_a_person_who_works_when_it_goes_is_told_where_they_were(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.expect(*AWAY)
    daemon = site.start(TASKS)
    log_in(page)
    page.get_by_role("button", name="Run hello").click()
    daemon.stop()
    expect(page.get_by_role("dialog", name="Connection lost")).to_be_visible()
    site.start()
    expect(page.get_by_role("dialog", name="Connection lost")).to_be_hidden()
    expect(page.get_by_role("dialog", name="Run hello now?")).to_be_visible()
    page.get_by_role("button", name="Run Task").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    site.house.ended("hello")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, "application/problem+json"), (502, "text/html")],
    ids=["by the daemon", "by a proxy"],
)
def test_live_streams_that_are_refused_are_told_and_tried_again(
    page: Page, site: Site, watch: Watch, status: int, kind: str
) -> None:
    watch.expect(str(status))
    site.start(TASKS)

    def refuse(route: Route) -> None:
        route.fulfill(status=status, headers={"Retry-After": "1", "Content-Type": kind}, body="{}")

    page.route(STREAM, refuse)
    log_in(page)
    expect(page.get_by_text("Not live")).to_be_visible()
    expect(page.get_by_role("link", name="hello")).to_be_visible()
    page.unroute(STREAM)
    expect(page.get_by_text("Not live")).to_be_hidden()


def test_runs_that_were_missed_while_live_streams_were_refused_appear(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.expect("502")
    site.start(TASKS)
    site.house.ended("early")
    page.route(STREAM, lambda route: route.fulfill(status=502, body=""))
    log_in(page, "/runs")
    expect(page.get_by_text("Not live")).to_be_visible()
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    asked(page, "POST", "/api/tasks/hello/trigger")
    site.house.ended("hello")
    page.unroute(STREAM)
    expect(page.locator("table.runs tbody tr")).to_have_count(2)


def test_however_long_a_pause_is_asked_for_it_is_made(page: Page, site: Site) -> None:
    site.start(TASKS)
    page.goto("/login")
    first = page.evaluate(
        """async () => {
          const { pauses } = await import("/pauses.js");
          const rest = pauses().rest({ retryAfter: 3e6 }).then(() => "went on");
          return Promise.race([rest, new Promise((over) => setTimeout(over, 100, "rests"))]);
        }"""
    )
    assert first == "rests"


def test_a_page_that_is_seen_again_is_live_at_once_however_often(page: Page, site: Site) -> None:
    site.start(TASKS)
    page.clock.install()
    with page.expect_response(STREAM):
        log_in(page)
    for _ in range(8):
        see(page, is_hidden=True)
        page.clock.fast_forward(HIDDEN_FOR)
        with page.expect_response(STREAM, timeout=10_000):
            see(page, is_hidden=False)


def test_nothing_goes_on_listening_for_a_page_that_was_hidden(page: Page, site: Site) -> None:
    site.start(TASKS)
    page.clock.install()
    with page.expect_response(BELL):
        log_in(page)
    before = listeners(page)
    see(page, is_hidden=True)
    page.clock.fast_forward(HIDDEN_FOR)
    wait_for(lambda: listeners(page) == before)
    with page.expect_response(BELL), page.expect_response(STREAM):
        see(page, is_hidden=False)
    assert listeners(page) == before
