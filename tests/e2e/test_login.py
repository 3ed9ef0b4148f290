"""The login as a person sees it."""

from __future__ import annotations

import hashlib
import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.e2e.conftest import PASSWORD, REFUSED, Site, Watch, is_accessible

pytestmark = pytest.mark.together

TASK = """
[tasks.hello]
run = "echo hello"
"""


@pytest.fixture(autouse=True)
def started(site: Site) -> None:
    site.serve(TASK)


def log_in(page: Page, path: str = "/") -> None:
    page.goto(path)
    password(page, PASSWORD)
    page.wait_for_selector("main.page > *")


def log_in_for_good(page: Page) -> None:
    """Until the page has asked for all it wants; later that would be refused, and lead to the login."""
    with page.expect_response(re.compile(r"/api/notifications\?")):
        log_in(page)


def password(page: Page, text: str) -> None:
    page.get_by_label("Password", exact=True).fill(text)
    page.keyboard.press("Enter")


def test_a_person_logs_in_and_is_on_the_overview(page: Page) -> None:
    log_in(page)
    expect(page.get_by_role("link", name="hello")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/$"))


def test_after_the_login_comes_the_page_that_was_asked_for(page: Page) -> None:
    log_in(page, "/?tab=manual&q=hel")
    expect(page).to_have_url(re.compile(r"/\?tab=manual&q=hel$"))
    expect(page.get_by_role("searchbox", name="Search tasks")).to_have_value("hel")


@pytest.mark.parametrize(
    "elsewhere", ["//example.com/", "https://example.com/", "/\\example.com", "/.//example.com/"]
)
def test_the_login_leads_nowhere_but_into_the_dashboard(page: Page, site: Site, elsewhere: str) -> None:
    page.goto(f"/login?to={elsewhere}")
    password(page, PASSWORD)
    page.wait_for_selector("main.page")
    assert page.url.startswith(f"{site.url}/")


@pytest.mark.alone
def test_a_wrong_password_is_told_and_can_be_mended(page: Page, watch: Watch) -> None:
    watch.expect("401")
    page.goto("/")
    password(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Wrong password.")
    password(page, PASSWORD)
    page.wait_for_selector("main.page")


@pytest.mark.alone
def test_an_expired_challenge_is_asked_for_anew_without_a_word(page: Page, watch: Watch) -> None:
    watch.expect("401")
    spent: list[str] = []

    def spend(route: Route) -> None:
        """The first nonce that the page gets is one that the daemon does not know any more."""
        if spent:
            route.continue_()
        else:
            spent.append("0" * 64)
            route.fulfill(json={"nonce": spent[0]})

    page.route("**/api/auth/challenge", spend)
    log_in(page)
    assert spent


@pytest.mark.alone
def test_too_many_failures_are_told_with_a_countdown(page: Page, watch: Watch) -> None:
    watch.expect("401", "429")
    page.goto("/")
    for _ in range(5):
        # What the page shows may still be the answer to the attempt before.
        with page.expect_response("**/api/auth"):
            password(page, "wrong")
        expect(page.get_by_role("alert")).to_have_text("Wrong password.")
        expect(page.get_by_role("button", name="Log in")).to_be_enabled()
    password(page, PASSWORD)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(re.compile(r"Too many failed logins. Try again in [45] min"))
    expect(page.get_by_role("button", name="Log in")).to_be_disabled()
    before = alert.inner_text()
    expect(alert).not_to_have_text(before)


def test_the_password_never_leaves_the_page(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data} {request.headers}"))
    log_in(page)
    assert any("/api/auth" in text for text in sent)
    assert not [text for text in sent if PASSWORD in text]


def test_the_login_works_where_the_browser_has_no_crypto(page: Page) -> None:
    """As over plain http on a LAN address."""
    page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined });")
    log_in(page)


def test_logging_out_ends_the_session(page: Page) -> None:
    log_in_for_good(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    page.goto("/?q=hello")
    expect(page).to_have_url(re.compile(r"/login\?to=%2F%3Fq%3Dhello$"))


def test_who_cannot_be_logged_out_is_told(page: Page, watch: Watch) -> None:
    watch.expect(REFUSED)
    log_in(page)
    page.route("**/api/auth/logout", lambda route: route.abort("connectionrefused"), times=1)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are still logged in.")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_who_is_logged_out_already_comes_to_the_login(page: Page, watch: Watch) -> None:
    watch.expect("401")
    log_in_for_good(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


@pytest.mark.alone
def test_who_they_are_is_asked_ever_more_rarely_until_there_is_an_answer(page: Page, watch: Watch) -> None:
    watch.expect("500")
    requests: list[Request] = []

    def fail(route: Route) -> None:
        requests.append(route.request)
        if len(requests) > 3:
            route.continue_()
        else:
            route.fulfill(status=500, body="")

    page.route("**/api/auth/status", fail)
    log_in(page)
    began = [request.timing["startTime"] for request in requests]
    assert began[3] - began[0] > 1500


def test_a_session_that_ends_leads_to_the_login_and_back(page: Page, watch: Watch) -> None:
    watch.expect("401")
    log_in(page, "/?tab=manual")
    page.get_by_role("button", name="Run hello").click()
    expect(page.get_by_role("button", name="Run Task")).to_be_focused()
    page.context.clear_cookies()
    page.keyboard.press("Enter")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/\?tab=manual$"))
    expect(page.get_by_role("link", name="hello")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_who_is_logged_in_is_not_asked_again(page: Page) -> None:
    log_in(page)
    page.goto("/login?to=/?tab=manual")
    expect(page).to_have_url(re.compile(r"/\?tab=manual$"))


@pytest.mark.parametrize("text", ["", "plain", "ünïcode 🗝", "x" * 1000])
def test_any_password_is_hashed_as_the_daemon_does_it(page: Page, text: str) -> None:
    page.goto("/login")
    given = page.evaluate("async (text) => (await import('/login.js')).answerTo('ab', text)", text)
    assert given == hashlib.sha256(f"{text}:ab".encode()).hexdigest()


@pytest.mark.alone
def test_the_login_is_accessible(page: Page, watch: Watch) -> None:
    watch.expect("401")
    page.goto("/login")
    page.wait_for_selector("#password")
    is_accessible(page)
    password(page, "wrong")
    page.wait_for_selector(".problem")
    is_accessible(page)
