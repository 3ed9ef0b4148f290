"""A real Chromium on real daemons. Whatever a test does, the browser must find no fault with the dashboard.

Every page is watched: an error in the console, an exception, a report of the content security policy or a
request that leaves the origin fails the test.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.resources import files
from re import Pattern
from typing import Any

import pytest
from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from tests.integration.conftest import command_line
from tests.integration.running import Daemon, House
from tests.integration.waiting import PATIENCE, wait_for

PASSWORD = "a password for tests"
CHROMIUM = "/usr/bin/chromium"
PHONE = {"width": 360, "height": 780}
WIDTHS = (PHONE["width"], 768, 900, 1024, 1280)
DESKTOP = {"width": 1440, "height": 900}
THEMES = ("light", "dark")
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()

REFUSED = "ERR_CONNECTION_REFUSED"
"""What the browser says of a daemon that is away, whatever the page does."""


def launched(chromium: BrowserType) -> Browser:
    # In a container it is root, which Chromium has no sandbox for.
    return chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@dataclass
class Site:
    """A house whose daemons listen at one address."""

    house: House
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, configuration: str = "", **variables: str) -> Daemon:
        """A daemon that serves; without a configuration, with that of the one before."""
        ours = {"RUNWISP_PORT": str(self.port), "RUNWISP_PASSWORD": PASSWORD}
        return self.house.start(configuration, {**ours, **variables})

    def serve(self, configuration: str) -> None:
        """With this configuration, by the daemon that is up or by a new one."""
        if not self.house.daemons:
            self.start(configuration)

    def kill_web(self, daemon: Daemon) -> None:
        [pid] = [pid for pid in daemon.children() if "runwisp.web.main" in command_line(pid)]
        os.kill(pid, signal.SIGKILL)


@dataclass
class Watch:
    """What the browser complained about, but for what a test expects."""

    origin: str
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def expect(self, *words: str) -> None:
        """Complaints with any of these words are as they should be."""
        self.expected += words

    def watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}\n{error.stack}"))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.complaints.append(f"left the origin: {request.url}")

    def check(self) -> None:
        unexpected = [text for text in self.complaints if not any(word in text for word in self.expected)]
        assert not unexpected, "\n".join(unexpected)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser, None, None]:
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright, closing(launched(playwright.chromium)) as browser:
        yield browser


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "together: on one daemon with the others of its module, which it leaves as it found it"
    )
    config.addinivalue_line("markers", "alone: on a daemon of its own, whatever the others of its module do")


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site, None, None]:
    with House(tmp_path_factory.mktemp("house")) as house:
        yield Site(house)


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Generator[Site, None, None]:
    marks = [request.node.get_closest_marker(name) for name in ("together", "alone")]
    if marks[0] and not marks[1]:
        yield request.getfixturevalue("lasting_site")
        return
    with House(request.getfixturevalue("tmp_path")) as house:
        yield Site(house)


@pytest.fixture
def watch(site: Site) -> Watch:
    return Watch(site.url)


def _be_patient(context: BrowserContext) -> None:
    """A page is some forty files and the programs in them, all of which a busy machine has to get through."""
    context.set_default_timeout(1000 * PATIENCE)
    context.set_default_navigation_timeout(3000 * PATIENCE)


@pytest.fixture
def context(site: Site, watch: Watch, browser: Browser) -> Generator[BrowserContext, None, None]:
    with closing(
        browser.new_context(base_url=site.url, viewport=DESKTOP, reduced_motion="reduce")  # type: ignore[arg-type]
    ) as context:
        _be_patient(context)
        context.on("page", watch.watch)
        yield context
    watch.check()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Not logged in."""
    return context.new_page()


@pytest.fixture
def phone(site: Site, watch: Watch, browser: Browser) -> Generator[Page, None, None]:
    """Held in a hand: touched, with no mouse that could hover."""
    with closing(
        browser.new_context(
            base_url=site.url,
            viewport=PHONE,  # type: ignore[arg-type]
            reduced_motion="reduce",
            is_mobile=True,
            has_touch=True,
        )
    ) as context:
        _be_patient(context)
        context.on("page", watch.watch)
        yield context.new_page()
    watch.check()


def log_in(page: Page, path: str = "/") -> None:
    """Asks for this page, and is on it when this returns."""
    admit(page)
    page.goto(path)
    page.wait_for_selector("main.page > *")


def admit(page: Page) -> None:
    """As the login does; its page is tested for itself."""
    nonce = page.request.get("/api/auth/challenge").json()["nonce"]
    response = hashlib.sha256(f"{PASSWORD}:{nonce}".encode()).hexdigest()
    answer = page.request.post("/api/auth", data={"nonce": nonce, "response": response})
    assert answer.ok, answer.text()


def asked(page: Page, method: str, path: str) -> dict[str, Any]:
    """Of the API, as the page would."""
    answer = page.request.fetch(path, method=method, headers={"Sec-Fetch-Site": "same-origin"})
    found: dict[str, Any] = answer.json()
    return found


def stop_all(page: Page) -> None:
    """Every run of a task that goes on or waits."""
    unfinished = "/api/runs?status=pending,running"

    def tasks() -> list[dict[str, Any]]:
        return [run for run in asked(page, "GET", unfinished)["runs"] if run["kind"] == "task"]

    for run in tasks():
        asked(page, "POST", f"/api/tasks/{run['task_name']}/runs/{run['id']}/stop")
    wait_for(lambda: not tasks())


class Held:
    """Answers that are on their way until they are let go: the daemon gave them, the page has to wait."""

    def __init__(self, page: Page, url: Pattern[str], times: int | None = None) -> None:
        self._page = page
        self._url = url
        self._answers: list[tuple[Route, APIResponse]] = []
        page.route(url, self._hold, times=times)

    def _hold(self, route: Route) -> None:
        self._answers.append((route, route.fetch()))

    def wait(self, count: int = 1) -> None:
        wait_for(lambda: self._page.evaluate("true") and len(self._answers) >= count)

    def let_go(self) -> None:
        for route, answer in self._answers:
            route.fulfill(response=answer)
        self._page.unroute(self._url)


class Effort:
    """Seconds of processor that a page takes on its own thread, from now on: what the page does, however busy
    the machine is.
    """

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = self._so_far()

    def spent(self) -> float:
        return self._so_far() - self._before

    def _so_far(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float({each["name"]: each["value"] for each in metrics}["TaskDuration"])


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now, one line each."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {node['target']}\n    {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def is_accessible(page: Page) -> None:
    """In both themes, as it is now; and it does not overflow, there or on anything from a phone on."""
    size = page.viewport_size
    assert size
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert not violations(page), f"{theme}:\n" + "\n".join(violations(page))
    for width in (*WIDTHS, size["width"]):
        page.set_viewport_size({"width": width, "height": size["height"]})
        assert overflow(page) <= 0, f"wider than {width}"
