"""The timeline: what ran when, in lanes; moved by mouse and keys; the same as a table; thousands of lanes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from runwisp.clock import DAY
from tests.e2e import longhistory
from tests.e2e.conftest import PHONE, Effort, Site, is_accessible, log_in, overflow
from tests.integration.waiting import wait_for

TASKS = """
[tasks.bad]
group = "Mail"
run = "exit 7"
run_on_start = true

[tasks.often]
group = "Mail"
cron = "@every 1h"
run = "true"

[services.web]
run = "sleep 600"
"""


def stretch(page: Page) -> tuple[datetime, datetime]:
    """What stands in the address."""
    expect(page).to_have_url(re.compile("from="))
    given = parse_qs(urlsplit(page.url).query)
    return datetime.fromisoformat(given["from"][0]), datetime.fromisoformat(given["to"][0])


@pytest.fixture
def timeline(page: Page, site: Site) -> Page:
    site.serve(TASKS)
    site.house.ended("bad")
    log_in(page, "/timeline?span=1h")
    expect(page.locator(".lane-name")).to_have_count(5)
    return page


def press(page: Page, *keys: str) -> None:
    page.locator(".lanes").focus()
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.together
def test_runs_are_told_and_opened_by_keys(timeline: Page, site: Site) -> None:
    press(timeline, "ArrowDown")
    expect(timeline.locator(".chosen")).to_contain_text("bad")
    expect(timeline.locator(".chosen")).to_contain_text("exited with code 7")
    press(timeline, "Enter")
    expect(timeline).to_have_url(re.compile(f"/tasks/bad/runs/{site.house.run_of('bad').id}$"))


def test_a_run_is_found_by_the_mouse(timeline: Page) -> None:
    box = timeline.locator(".lanes canvas").bounding_box()
    name = timeline.locator(".lane-name", has_text="web").last.bounding_box()
    assert box
    assert name
    now = box["x"] + box["width"] / 1.12
    timeline.mouse.move(now - 1, name["y"] + name["height"] / 2)
    expect(timeline.locator(".chosen")).to_contain_text("web")
    expect(timeline.locator(".chosen")).to_contain_text("running")
    timeline.mouse.click(now - 1, name["y"] + name["height"] / 2)
    expect(timeline).to_have_url(re.compile("/tasks/web/runs/"))


@pytest.mark.together
def test_it_is_moved_and_zoomed_by_keys_and_returns_to_now(timeline: Page) -> None:
    press(timeline, "Shift+ArrowLeft")
    start, end = stretch(timeline)
    press(timeline, "+")
    expect(timeline).not_to_have_url(
        re.compile(re.escape(f"from={start:%Y-%m-%dT%H}%3A{start:%M}%3A{start:%S}"))
    )
    closer_start, closer_end = stretch(timeline)
    assert closer_end - closer_start < end - start
    timeline.reload()
    assert stretch(timeline) == (closer_start, closer_end)
    press(timeline, "0")
    expect(timeline).to_have_url(re.compile(r"/timeline$"))


@pytest.mark.together
def test_it_is_dragged_and_zoomed_by_the_mouse(timeline: Page) -> None:
    canvas = timeline.locator(".lanes canvas")
    box = canvas.bounding_box()
    assert box
    x, y = box["x"] + 300, box["y"] + 60
    timeline.mouse.move(x, y)
    timeline.mouse.down()
    timeline.mouse.move(x + 200, y, steps=4)
    timeline.mouse.up()
    start, end = stretch(timeline)
    timeline.keyboard.down("Control")
    timeline.mouse.wheel(0, 400)
    timeline.keyboard.up("Control")
    expect(timeline).not_to_have_url(timeline.url, timeout=5000)
    wider_start, wider_end = stretch(timeline)
    assert wider_end - wider_start > end - start


def box_of(element: Locator) -> FloatRect:
    box = element.bounding_box()
    assert box
    return box


class Fingers:
    """On the lanes, at parts of their width and some pixels below their top."""

    def __init__(self, page: Page) -> None:
        self._screen = page.context.new_cdp_session(page)
        self._box = box_of(page.locator(".lanes canvas"))

    def put(self, *places: tuple[float, float]) -> None:
        self._say("touchStart", places)

    def move(self, *places: tuple[float, float]) -> None:
        self._say("touchMove", places)

    def lift(self) -> None:
        self._say("touchEnd", ())

    def _say(self, kind: str, places: tuple[tuple[float, float], ...]) -> None:
        box = self._box
        points = [
            {"x": box["x"] + box["width"] * part, "y": box["y"] + y, "id": number}
            for number, (part, y) in enumerate(places)
        ]
        self._screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def held(phone: Page, site: Site) -> Page:
    site.serve(TASKS)
    site.house.ended("bad")
    log_in(phone, "/timeline?span=1h")
    expect(phone.locator(".lane-name")).to_have_count(5)
    return phone


@pytest.mark.together
def test_fingers_move_it_and_bring_it_closer(held: Page) -> None:
    fingers = Fingers(held)
    fingers.put((0.3, 100))
    for step in range(1, 6):
        fingers.move((0.3 + step / 10, 100))
    fingers.lift()
    start, end = stretch(held)
    width = end - start
    assert start < datetime.now(UTC) - width

    fingers.put((0.4, 100), (0.6, 100))
    for step in range(1, 6):
        fingers.move((0.4 - step * 0.06, 100), (0.6 + step * 0.06, 100))
    fingers.lift()
    wait_for(lambda: stretch(held)[1] - stretch(held)[0] < width / 2)
    held.get_by_role("button", name="Back to now").tap()
    expect(held).not_to_have_url(re.compile("from="))


def test_a_tap_tells_of_a_run_and_does_not_leave(held: Page) -> None:
    expect(held.get_by_text("Tap a run to see it here.")).to_be_visible()
    expect(held.get_by_text("Drag to move in time")).to_be_visible()
    expect(held.get_by_text("Arrow keys go from")).to_be_hidden()
    lane = box_of(held.locator(".lane-name", has_text="bad"))
    canvas = box_of(held.locator(".lanes canvas"))
    now = 1 / 1.12  # where the present is, beside what is to come
    for back in range(8):
        held.touchscreen.tap(canvas["x"] + canvas["width"] * now - 2 * back, lane["y"] + lane["height"] * 0.7)
        if held.get_by_role("link", name="Open the run").is_visible():
            break
    expect(held.locator(".chosen")).to_contain_text("exited with code 7")
    expect(held).to_have_url(re.compile("/timeline"))
    held.get_by_role("link", name="Open the run").tap()
    expect(held).to_have_url(re.compile("/tasks/bad/runs/"))


def test_what_runs_meanwhile_appears(timeline: Page, site: Site) -> None:
    timeline.get_by_role("button", name="As a table").click()
    row = timeline.locator(".lane-table tr", has=timeline.get_by_role("link", name="bad", exact=True))
    expect(row.locator("td[data-label=Failed]")).to_have_text("1")
    timeline.request.post("/api/tasks/bad/trigger", headers={"Sec-Fetch-Site": "same-origin"})
    expect(row.locator("td[data-label=Failed]")).to_have_text("2")
    often = timeline.locator(".lane-table tr", has=timeline.get_by_role("link", name="often", exact=True))
    expect(often.locator("td[data-label='Next firing']")).to_have_text(re.compile("in "))
    expect(timeline).to_have_url(re.compile("as=table"))


@pytest.mark.together
def test_tasks_are_searched_and_the_runs_seen_as_a_list(timeline: Page) -> None:
    timeline.get_by_role("searchbox", name="Search tasks").fill("ba")
    expect(timeline.locator(".lane-name")).to_have_count(2)
    timeline.get_by_role("link", name="These runs as a list").click()
    expect(timeline.locator("table.runs tbody tr")).to_have_count(2)


def test_a_thousand_lanes_and_very_many_runs(page: Page, site: Site) -> None:
    longhistory.start(site, runs=100_000, of_tasks=1000, over=6 * DAY)
    log_in(page, "/timeline?span=7d")
    expect(page.get_by_text("The newest 20,")).to_be_visible()
    assert page.locator(".lane-name").count() < 60
    page.get_by_role("button", name="Load older").click()
    expect(page.get_by_text(re.compile("The newest 4[01],"))).to_be_visible()
    page.locator(".lanes").evaluate("element => element.scrollTo(0, element.scrollHeight)")
    expect(page.locator(".lane-name", has_text="task-999")).to_be_visible()
    assert page.locator(".lane-name").count() < 60
    press(page, "ArrowUp")
    expect(page.locator(".chosen")).to_contain_text("task-")
    effort = Effort(page)
    page.evaluate(MOVES, FRAMES)
    assert effort.spent() / FRAMES < 0.1


def test_the_oldest_runs_make_room_for_those_that_are_heard_of(page: Page, site: Site) -> None:
    longhistory.start(site, runs=19_000, of_tasks=1, over=6 * DAY)
    page.add_init_script(HEARD)
    log_in(page, "/timeline?span=7d&as=table")
    runs = page.locator(".lane-table [data-label=Runs]")
    expect(runs).to_have_text("19,000")
    older = page.get_by_role("button", name="Load older")
    expect(older).to_have_count(0)
    page.evaluate("window.end(2500)")
    expect(page.get_by_text("The newest 20,000 runs are shown")).to_be_visible()
    expect(runs).to_have_text("20,000")
    older.click()
    expect(runs).to_have_text("21,500")
    expect(older).to_have_count(0)


HEARD = """
const ask = window.fetch;
window.fetch = (path, options) => {
  if (path !== "/api/runs/stream") return ask(path, options);
  return Promise.resolve(new Response(new ReadableStream({ start: (stream) => { window.told = stream; } })));
};
window.end = (count) => {
  const now = new Date().toISOString();
  const said = { task_name: "task-0", status: "ended", end_reason: "success", exit_code: 0 };
  const times = { created_at: now, start_at: now, end_at: now };
  const events = Array.from({ length: count }, (_, at) => {
    const run = { id: `Z${at}`, triggered_by: "cron", ...said, ...times };
    return `event: run.completed\ndata: ${JSON.stringify(run)}\n\n`;
  });
  window.told.enqueue(new TextEncoder().encode(events.join("")));
};
"""
FRAMES = 30
MOVES = """
async (frames) => {
  const canvas = document.querySelector('.lanes canvas');
  const box = canvas.getBoundingClientRect();
  for (let turn = 0; turn < frames; turn++) {
    const init = { deltaX: turn % 2 ? 40 : -60, clientX: box.x + 200, clientY: box.y + 90, cancelable: true };
    canvas.dispatchEvent(new WheelEvent('wheel', init));
    await new Promise(requestAnimationFrame);
  }
}
"""


@pytest.mark.together
def test_the_timeline_is_accessible_and_fits_a_phone(timeline: Page) -> None:
    press(timeline, "ArrowDown")
    is_accessible(timeline)
    timeline.set_viewport_size(PHONE)  # type: ignore[arg-type]
    is_accessible(timeline)
    timeline.goto("/timeline?as=table&span=24h")
    expect(timeline.locator(".lane-table tbody tr")).to_have_count(3)
    is_accessible(timeline)
    assert overflow(timeline) <= 0
