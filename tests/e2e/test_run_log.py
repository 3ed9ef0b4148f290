"""The log of a run as a person reads it: from its end, to its first line, to any line, and as it grows."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, Request, Route, expect

from tests.e2e.conftest import PHONE, Effort, Site, Watch, admit, asked, is_accessible, overflow, stop_all
from tests.e2e.test_run import opened, started
from tests.integration.waiting import wait_for

pytestmark = pytest.mark.together

MILLION = 1_000_000
FEW_HUNDRED = 300
NEVER = {"Retry-After": "600"}
"""Of what is refused: later than a test waits."""
AT_ONCE_MS = 500
OPENINGS = 5

CONFIGURATION = r"""
[tasks.million]
run = "seq 1 1000000"

[tasks.colours]
run = '''
printf '\033[31mred\033[0m plain \033[1;38;5;208morange\033[0m \033[38;2;120;200;255mblue\033[0m\n'
printf '\033[33mstill yellow\nhere too\033[0m\n'
printf '10%%\r50%%\rall done\n'
printf '\033]8;;https://example.com\033\\a link\033]8;;\033\\\n'
echo '<img src=x onerror=document.title=1>'
printf '\033[32m<b onclick=x>bold</b> &amp; "quoted"\033[0m\n'
'''
description = "<img src=x onerror=document.title=1>"

[tasks.ticker]
run = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo tick $i; sleep 0.02; done"

[tasks.thousands]
run = "seq 1 5000; sleep 600"

[tasks.mixed]
run = "echo out; sleep 0.3; echo err >&2; sleep 0.3; seq 1 300; echo needle one; seq 301 600; echo Needle two"

[tasks.long]
run = "for i in 1 2 3; do head -c 200000 /dev/zero | tr '\\0' x; echo; echo short $i; done"

[tasks.rotating]
run = "seq 1 100000"
log_max_size = "100KB"

[tasks.silent]
run = "true"

[tasks.prompt]
run = "printf 'continue? [y/N] '; until [ -e answered ]; do sleep 0.1; done; echo yes; echo went on"

[tasks.turning]
description = "paid \\u202eEUR 001\\u202c in full"
run = "printf 'abc \\342\\200\\256fdp.exe\\n\\033[31mred \\342\\201\\246x\\033[0m\\n'"
"""


@pytest.fixture(autouse=True)
def _admitted(site: Site, page: Page) -> Generator[None, None, None]:
    site.serve(CONFIGURATION)
    admit(page)
    yield
    stop_all(page)


def line(page: Page, n: int) -> Locator:
    return page.locator(f"#L{n}")


def text(page: Page, n: int) -> Locator:
    return line(page, n).locator(".log-text")


def rows(page: Page) -> int:
    return page.locator(".log-row").count()


def has_ended(page: Page, task: str) -> str:
    """Runs it to its end; the path of the page."""
    path = started(page, task)
    wait_for(lambda: asked(page, "GET", f"/api{path}")["status"] == "ended", lambda: f"{task} did not end")
    return path


def read(page: Page, task: str) -> str:
    """Runs it to its end and opens the page of the run."""
    path = has_ended(page, task)
    page.goto(path)
    page.wait_for_selector(".log-row")
    return path


def lines_at_the_edges(page: Page) -> tuple[int, int]:
    found = re.search(r"Lines? ([\d,]+)(?: to ([\d,]+))? of", page.locator(".log-place").inner_text())
    assert found
    first, last = found.groups(default=found[1])
    return int(first.replace(",", "")), int(last.replace(",", ""))


def is_followed_to(page: Page, n: int) -> None:
    """To this line or a later one."""
    page.wait_for_selector(".log-row")
    wait_for(lambda: lines_at_the_edges(page)[1] >= n)


def scroll(page: Page, pixels: int) -> None:
    page.locator(".log-scroller").hover()
    page.mouse.wheel(0, pixels)


def test_a_million_lines_are_opened_at_their_end_at_once(page: Page) -> None:
    path = has_ended(page, "million")
    page.goto(path)
    expect(text(page, MILLION)).to_have_text("1000000")
    expect(text(page, MILLION)).to_be_in_viewport()
    assert rows(page) < FEW_HUNDRED
    effort = Effort(page)
    waited = page.evaluate(
        """async ([path, openings]) => {
          const { m } = window;
          const times = [];
          for (let nth = 0; nth < openings; nth++) {
            m.route.set("/tasks/million");
            while (document.querySelector(".log")) await new Promise(requestAnimationFrame);
            const began = performance.now();
            m.route.set(path);
            while (!document.querySelector("#L1000000")) await new Promise(requestAnimationFrame);
            times.push(performance.now() - began);
          }
          return Math.min(...times);
        }""",
        [path, OPENINGS],
    )
    took = 1000 * effort.spent() / OPENINGS
    print(f"opened {waited:.0f} ms after it was asked for, with {took:.0f} ms of processor")
    assert took < AT_ONCE_MS


def test_a_million_lines_are_scrolled_from_end_to_end_with_few_rows(page: Page) -> None:
    read(page, "million")
    expect(text(page, MILLION)).to_be_in_viewport()
    scroller = page.locator(".log-scroller")
    scroller.focus()
    page.keyboard.press("Home")
    expect(text(page, 1)).to_be_in_viewport()
    assert lines_at_the_edges(page)[0] == 1
    first = 1
    for part in (0.001, 0.25, 0.5, 0.77, 0.999):
        scroller.evaluate("(it, part) => { it.scrollTop = part * it.scrollHeight; }", part)
        wait_for(lambda former=first: lines_at_the_edges(page)[0] != former)  # type: ignore[misc]
        expect(page.locator(".log-row.is-awaited")).to_have_count(0)
        first, last = lines_at_the_edges(page)
        expect(text(page, first)).to_have_text(str(first))
        expect(text(page, last)).to_have_text(str(last))
        assert rows(page) < FEW_HUNDRED
    page.keyboard.press("End")
    expect(text(page, MILLION)).to_be_in_viewport()


def test_a_scroll_that_comes_as_an_earlier_one_has_rested_is_not_undone(page: Page) -> None:
    read(page, "million")
    scroller = page.locator(".log-scroller")
    for down in range(5):
        scroller.focus()
        page.keyboard.press("Home")
        expect(text(page, 1)).to_be_in_viewport()
        scroller.evaluate(
            """async (it) => {
              it.scrollTop = 400;
              await new Promise((frame) => requestAnimationFrame(() => requestAnimationFrame(frame)));
              it.scrollTop = 4000;
              for (const until = performance.now() + 200; performance.now() < until; ) ;
            }"""
        )
        wait_for(lambda: lines_at_the_edges(page)[0] > 100, lambda down=down: down)  # type: ignore[misc]


def test_scrolling_goes_pixel_by_pixel_wherever_one_is(page: Page) -> None:
    read(page, "million")
    page.get_by_label("Go to line").fill("600000")
    page.keyboard.press("Enter")
    expect(text(page, 600_000)).to_be_in_viewport()
    before = lines_at_the_edges(page)[0]
    scroll(page, -2000)
    expect(text(page, before - 100)).to_be_in_viewport()
    scroll(page, 2000)
    expect(text(page, before + 1)).to_be_in_viewport()
    wait_for(lambda: abs(lines_at_the_edges(page)[0] - before) <= 1)


def test_a_wheel_reaches_both_ends(page: Page) -> None:
    read(page, "million")
    scroller = page.locator(".log-scroller")
    scroller.focus()
    page.keyboard.press("Home")
    expect(text(page, 1)).to_be_in_viewport()
    scroll(page, 3000)
    wait_for(lambda: lines_at_the_edges(page)[0] > 140)
    scroll(page, -4000)
    expect(text(page, 1)).to_be_in_viewport()
    page.keyboard.press("End")
    expect(text(page, MILLION)).to_be_in_viewport()
    scroll(page, -3000)
    expect(text(page, MILLION)).not_to_be_in_viewport()
    scroll(page, 4000)
    expect(text(page, MILLION)).to_be_in_viewport()


def refused_three_times(page: Page, where: str, status: int) -> list[Request]:
    """Gives the requests for what is there, as they come."""
    requests: list[Request] = []

    def refuse(route: Route) -> None:
        requests.append(route.request)
        if len(requests) > 3:
            route.continue_()
        else:
            route.fulfill(status=status, body="")

    page.route(where, refuse)
    return requests


@pytest.mark.parametrize("status", [503, 404])
def test_lines_that_cannot_be_had_are_asked_for_ever_more_rarely_until_they_come(
    page: Page, watch: Watch, status: int
) -> None:
    watch.expect(str(status))
    read(page, "million")
    requests = refused_three_times(page, "**/log?from=1&*", status)
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(text(page, 1)).to_have_text("1")
    began = [request.timing["startTime"] for request in requests]
    assert began[-1] - began[0] > 1500
    expect(page.locator(".log-nothing")).to_be_empty()


def test_the_rest_of_long_lines_is_asked_for_ever_more_rarely_until_it_comes(
    page: Page, watch: Watch
) -> None:
    watch.expect("503")
    read(page, "million")

    def cut(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json={**answer, "lines": answer["lines"][:5], "truncated": True})

    page.route("**/log?from=1&*", cut)
    requests = refused_three_times(page, "**/log?from=6&*", 503)
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(text(page, 6)).to_have_text("6")
    began = [request.timing["startTime"] for request in requests]
    assert began[-1] - began[0] > 1500


def test_lines_that_cannot_be_had_keep_no_others_waiting(page: Page, watch: Watch) -> None:
    watch.expect("503")
    path = has_ended(page, "million")
    for first in (499_501, 500_001):
        page.route(f"**/log?from={first}&*", lambda route: route.fulfill(status=503, headers=NEVER, body=""))
    with page.expect_response("**/log?from=499501&*"), page.expect_response("**/log?from=500001&*"):
        page.goto(f"{path}#L500000")
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(text(page, 1)).to_have_text("1")


def test_a_line_has_an_address(page: Page) -> None:
    path = has_ended(page, "million")
    page.goto(f"{path}#L123456")
    expect(line(page, 123_456)).to_be_in_viewport()
    expect(line(page, 123_456)).to_have_class(re.compile("is-marked"))
    page.get_by_role("link", name="Line 123460").click()
    expect(page).to_have_url(re.compile(r"#L123460$"))
    page.reload()
    expect(line(page, 123_460)).to_have_class(re.compile("is-marked"))
    page.get_by_label("Go to line").fill("1,000")
    page.keyboard.press("Enter")
    expect(line(page, 1000)).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"#L1000$"))


@pytest.mark.fault("web", "hostile task names and output in the pages and on the terminal")
def test_what_a_task_prints_stays_text_and_its_colours_show(page: Page) -> None:
    read(page, "colours")
    expect(text(page, 1)).to_have_text("red plain orange blue")
    colours = [
        page.locator("#L1 .log-text span").nth(n).evaluate("it => getComputedStyle(it).color")
        for n in range(3)
    ]
    plain = text(page, 1).evaluate("it => getComputedStyle(it).color")
    assert len({*colours, plain}) == 4
    yellow = [page.locator(f"#L{n} .ansi-yellow-fg") for n in (2, 3)]
    expect(yellow[0]).to_have_text("still yellow")
    expect(yellow[1]).to_have_text("here too")
    expect(text(page, 4)).to_have_text("all done")
    expect(text(page, 5)).to_have_text("a link")
    expect(text(page, 6)).to_have_text("<img src=x onerror=document.title=1>")
    expect(page.locator("#L7 .ansi-green-fg")).to_have_text('<b onclick=x>bold</b> &amp; "quoted"')
    assert page.locator(".log img, .log b, .log-text a").count() == 0
    assert page.title() != "1"


def test_what_turns_the_direction_of_text_is_seen_and_turns_nothing(page: Page) -> None:
    read(page, "turning")
    expect(text(page, 1)).to_have_text("abc \\u202efdp.exe")
    expect(text(page, 2)).to_have_text("red \\u2066x")
    page.goto("/tasks/turning")
    expect(page.get_by_text("paid \\u202eEUR 001\\u202c in full")).to_be_visible()


def test_a_prompt_without_an_end_is_seen_while_it_waits(page: Page, site: Site) -> None:
    opened(page, "prompt")
    expect(text(page, 1)).to_have_text("continue? [y/N] ")
    (site.house.folder / "answered").touch()
    expect(text(page, 1)).to_have_text("continue? [y/N] yes")
    expect(text(page, 2)).to_have_text("went on")


def test_stderr_is_told_apart_by_a_word(page: Page) -> None:
    read(page, "mixed")
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(line(page, 2)).to_contain_text("standard error")
    expect(line(page, 1)).not_to_contain_text("standard error")


def test_a_log_is_followed_paused_and_followed_again(page: Page) -> None:
    opened(page, "ticker")
    state = page.locator(".log-follow")
    expect(state).to_have_text("Following")
    is_followed_to(page, 60)
    scroll(page, -300)
    expect(state).to_have_text("Paused")
    first = lines_at_the_edges(page)[0]
    end = page.get_by_role("button", name=re.compile(r"Jump to end \(\d\d+ new lines\)"))
    expect(end).to_be_visible()
    assert lines_at_the_edges(page)[0] == first
    end.click()
    expect(state).to_have_text("Following")
    page.keyboard.press("f")
    expect(state).to_have_text("Paused")
    page.keyboard.press("f")
    expect(state).to_have_text("Following")
    newest = lines_at_the_edges(page)[1]
    is_followed_to(page, newest + 20)


def test_a_log_that_cannot_be_followed_says_so_until_it_can(page: Page, watch: Watch) -> None:
    watch.expect("502")
    stream = "**/log/stream?*"
    page.route(stream, lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    opened(page, "ticker")
    expect(page.get_by_role("alert")).to_contain_text("The daemon answered 502.")
    expect(page.locator(".log-follow")).to_be_empty()
    page.unroute(stream)
    expect(page.locator(".log-follow")).to_have_text("Following")
    expect(page.get_by_role("alert")).to_have_count(0)
    is_followed_to(page, 60)


def test_a_log_that_cannot_be_followed_says_so_whatever_lines_come(page: Page, watch: Watch) -> None:
    watch.expect("502")
    page.route("**/log/stream?*", lambda route: route.fulfill(status=502, headers=NEVER, body=""))
    path = started(page, "thousands")
    wait_for(lambda: asked(page, "GET", f"/api{path}/log?from=-1")["total_lines"] == 5000)
    page.goto(path)
    expect(page.get_by_role("alert")).to_contain_text("The daemon answered 502.")
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(text(page, 1)).to_have_text("1")
    expect(page.get_by_role("alert")).to_contain_text("The daemon answered 502.")
    expect(page.locator(".log-follow")).to_be_empty()


def test_a_log_is_followed_still_in_a_window_of_another_size(page: Page) -> None:
    opened(page, "ticker")
    newest = 60
    for height in (1600, 500, 900):
        is_followed_to(page, newest)
        page.set_viewport_size({"width": 1280, "height": height})
        newest = lines_at_the_edges(page)[1] + 20
    is_followed_to(page, newest)
    expect(page.locator(".log-follow")).to_have_text("Following")


def test_a_log_is_followed_on_a_phone_from_the_first_look(phone: Page) -> None:
    admit(phone)
    opened(phone, "ticker")
    is_followed_to(phone, 60)
    expect(phone.locator(".log-follow")).to_have_text("Following")


def test_no_line_is_missing_or_twice_while_it_is_followed(page: Page) -> None:
    opened(page, "ticker")
    is_followed_to(page, 150)
    shown = page.locator(".log-text").all_inner_texts()
    numbers = [int(each.removeprefix("tick ")) for each in shown]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_search_goes_from_hit_to_hit_and_is_in_the_address(page: Page) -> None:
    read(page, "mixed")
    field = page.get_by_role("searchbox", name="Search the log")
    field.fill("needle")
    count = page.locator(".log-count")
    expect(count).to_have_text("2 of 2")
    field.press("Shift+Enter")
    expect(count).to_have_text("1 of 2")
    expect(page.locator(".is-marked .log-text")).to_have_text("needle one")
    assert page.evaluate("CSS.highlights.get('found').size") > 0
    page.locator(".log-scroller").focus()
    page.keyboard.press("n")
    expect(page.locator(".is-marked .log-text")).to_have_text("Needle two")
    page.get_by_role("button", name="Match case").click()
    expect(count).to_have_text("1 of 1")
    page.reload()
    expect(page.get_by_role("searchbox", name="Search the log")).to_have_value("needle")
    expect(count).to_have_text("1 of 1")


def test_a_line_in_a_million_is_found(page: Page) -> None:
    read(page, "million")
    page.get_by_role("searchbox", name="Search the log").fill("777777")
    expect(page.locator(".log-count")).to_have_text("1 of 1")
    expect(line(page, 777_777)).to_be_in_viewport()
    assert rows(page) < FEW_HUNDRED


def test_the_log_of_an_older_run_is_searched_too(page: Page) -> None:
    path = has_ended(page, "mixed")
    has_ended(page, "mixed")
    page.goto(f"{path}?q=needle")
    expect(page.locator(".log-count")).to_have_text(re.compile("of 2$"))


@pytest.mark.alone
def test_the_logs_of_all_runs_are_searched(page: Page) -> None:
    older = has_ended(page, "mixed")
    read(page, "mixed")
    page.get_by_role("searchbox", name="Search the log").fill("needle")
    page.get_by_label("Where to search").select_option("all runs")
    expect(page.locator(".log-count")).to_have_text("4 in 2 runs")
    is_accessible(page)
    page.locator(f'.log-hit[href^="{older}"]').first.click()
    expect(page).to_have_url(re.compile(re.escape(older)))
    expect(page.locator(".is-marked .log-text")).to_have_text("needle one")


def test_what_is_no_expression_is_told(page: Page, watch: Watch) -> None:
    watch.expect("400")
    read(page, "mixed")
    page.get_by_role("button", name="Regular expression").click()
    page.get_by_role("searchbox", name="Search the log").fill("a(")
    expect(page.locator(".log-count")).to_contain_text(re.compile("unterminated|missing|expression"))


def test_wrapping_and_times_are_chosen_and_kept(page: Page) -> None:
    read(page, "long")
    scroller = page.locator(".log-scroller")
    wide = "it => it.scrollWidth > it.clientWidth"
    expect(text(page, 15)).to_have_text("short 3")
    assert not scroller.evaluate(wide)
    page.get_by_role("button", name="Wrap long lines").click()
    assert scroller.evaluate(wide)
    expect(text(page, 15)).to_be_in_viewport()
    scroller.focus()
    page.keyboard.press("t")
    expect(line(page, 15).locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    page.reload()
    expect(page.get_by_role("button", name="Wrap long lines")).to_have_attribute("aria-pressed", "false")
    expect(line(page, 15).locator("time")).to_be_visible()


def test_long_lines_are_read_to_their_first_character(page: Page) -> None:
    read(page, "long")
    scroller = page.locator(".log-scroller")
    expect(line(page, 14)).to_have_class(re.compile("is-continued"))
    scroller.focus()
    page.keyboard.press("Home")
    expect(line(page, 1)).to_be_in_viewport()
    for n in (5, 10, 15):
        page.get_by_label("Go to line").fill(str(n))
        page.keyboard.press("Enter")
        expect(text(page, n)).to_be_in_viewport()
    scroll(page, -3000)
    wait_for(lambda: lines_at_the_edges(page) == (13, 13))


def test_lines_that_were_dropped_are_told(page: Page) -> None:
    read(page, "rotating")
    lost = page.locator(".log-lost")
    expect(lost).to_have_text(
        re.compile(r"The first [\d,]+ lines are gone: the log reached its log_max_size\.")
    )
    page.locator(".log-scroller").focus()
    page.keyboard.press("Home")
    expect(page.locator(".log-row").first).to_contain_text("Log cap of")


def test_a_run_without_output_and_one_whose_log_is_gone(page: Page, site: Site, watch: Watch) -> None:
    watch.expect("404")
    page.goto(has_ended(page, "silent"))
    expect(page.get_by_text("It printed nothing.")).to_be_visible()
    path = has_ended(page, "mixed")
    for each in (site.house.data / "logs/mixed").iterdir():
        each.unlink()
    page.goto(path)
    expect(page.get_by_text("The log is no longer available")).to_be_visible()
    expect(page.get_by_text("Following")).to_have_count(0)
    expect(page.locator(".run-title .state")).to_have_text("success")


def test_the_log_is_downloaded_and_copied(page: Page, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read(page, "mixed")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the log").click()
    download: Download = waiting.value
    download.save_as(tmp_path / "log")
    content = (tmp_path / "log").read_text()
    assert content.endswith("Needle two\n")
    page.get_by_role("button", name="Copy the log").click()
    expect(page.get_by_text("The log is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == content


def test_the_keys_are_told(page: Page) -> None:
    read(page, "mixed")
    page.locator(".log-scroller").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys of the log")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search the log")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".log-scroller")).to_be_focused()
    page.keyboard.press("g")
    expect(page.get_by_label("Go to line")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(line(page, 3)).to_have_class(re.compile("is-marked"))


def test_a_log_is_read_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for task in ("long", "colours"):
        read(page, task)
        assert overflow(page) <= 0
        page.get_by_role("button", name="Wrap long lines").click()
        assert overflow(page) <= 0
        page.get_by_role("button", name="Wrap long lines").click()


@pytest.mark.parametrize("task", ["colours", "mixed"])
def test_a_log_is_accessible(page: Page, task: str) -> None:
    read(page, task)
    page.get_by_role("button", name="Show times").click()
    is_accessible(page)
