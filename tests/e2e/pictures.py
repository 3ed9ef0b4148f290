"""Every page as a picture, light and dark, phone to desktop, to be looked at by a person.

``python -m tests.e2e.pictures FOLDER``
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from runwisp import host
from runwisp.clock import DAY, MINUTE, Wall
from runwisp.ids import UlidMaker
from tests.e2e.conftest import THEMES, Site, launched, log_in
from tests.integration.running import Daemon, House

WIDTHS = (360, 768, 1440)
WIDE = 1920
HEIGHT = 900
LOOKS = (("dark", 360), ("light", 1440))
"""Of what is seldom seen."""

CONFIGURATION = r"""
[tasks.backup-db]
group = "Databases"
description = "Dumps all databases and copies them off site"
cron = "0 3 * * *"
run_on_start = true
run = "for t in users orders items; do echo dumping $t; sleep 0.3; done; echo 1.2 GiB in 3 tables"

[tasks.vacuum]
group = "Databases"
description = "Gives space back to the file system"
cron = "*/30 * * * *"
run = "sleep 1; echo vacuumed"

[tasks.import-feeds]
group = "Reports"
cron = "@every 7s"
on_overlap = "skip"
run = '''
for n in $(seq 12); do
    printf '\033[32mok\033[0m feed %d of 12: \033[1m%d\033[0m new items\n' $n $((n * 37 % 23))
done
echo 'warning: feed 7 took 8.2 s' >&2
[ $(($(date +%s) / 7 % 4)) != 0 ] || { echo 'error: feed 9 refuses the connection' >&2; exit 1; }
echo 'all feeds are in'
'''

[tasks.report-daily]
group = "Reports"
description = "Sends the figures of yesterday"
cron = "30 6 * * mon-fri"
timezone = "Europe/Berlin"
run = "sleep 2"

[tasks.rotate-certs]
group = "Reports"
cron = "0 4 1 * *"
run_on_start = true
run = "echo 'cannot reach the certificate authority' >&2; exit 2"

[tasks.reindex]
group = "Search"
description = "Rebuilds the whole index, by hand after a change of the schema"
run_on_start = true
run = "for i in $(seq 900); do echo indexed $i of 900; sleep 1; done"

[services.web]
group = "Web"
description = "The shop"
instances = 2
run = "while true; do echo GET / 200; sleep 2; done"

[services.queue-worker]
group = "Web"
run = "sleep 3; echo 'lost connection to the broker' >&2; exit 1"
restart_delay = "20s"
"""

PAST = """
INSERT INTO runs (
    id, task_name, kind, phase, triggered_by, created_at, log_stem, message, scheduled_for, start_at, end_at,
    end_reason, exit_code, replica_index, retry_attempt, log_lines, log_bytes, log_dropped_lines,
    log_disk_bytes, max_rss_bytes, cpu_seconds
)
SELECT
    value ->> 'id', value ->> 'task', 'task', 'ended', 'cron', value ->> 'at', value ->> 'id',
    iif(value ->> 'failed', 'exited with code 1', ''), value ->> 'at', value ->> 'at',
    (value ->> 'at') + (value ->> 'took'), iif(value ->> 'failed', 'failed', 'success'),
    (value ->> 'failed') + 0, 0, 0, 12, 480, 0, 0, value ->> 'memory', (value ->> 'took') / 4000.0
FROM json_each(?) ORDER BY value ->> 'at'
"""
HABITS = (
    ("backup-db", DAY, 24 * MINUTE, 180, 0.15),
    ("vacuum", 30 * MINUTE, 4 * MINUTE, 60, 0.0),
    ("import-feeds", 12 * MINUTE, 3 * MINUTE, 90, 0.06),
    ("report-daily", DAY, 11 * MINUTE, 120, 0.0),
)
"""Task, how often, how long and with how many MiB it ran, and how much of it failed."""


def past(now: Wall) -> str:
    """The runs of five days, as JSON; the same in every picture."""
    chance = random.Random(1)  # noqa: S311
    maker = UlidMaker(lambda size: bytes(chance.randrange(256) for _ in range(size)))
    runs: list[dict[str, Any]] = [
        {
            "task": task,
            "at": now - before,
            "took": int(length * chance.uniform(0.6, 1.3)),
            "memory": int(size * chance.uniform(0.9, 1.2)) << 20,
            "failed": chance.random() < failing,
        }
        for task, period, length, size, failing in HABITS
        for before in range(2 * MINUTE + period // 3, 5 * DAY, period)
    ]
    runs.sort(key=lambda run: run["at"])
    return json.dumps([{"id": maker.next(Wall(run["at"])), **run} for run in runs])


LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2

EXTREMES = rf"""
[tasks.{"a-very-long-name-" * 3}]
group = "{LONG}"
description = "{LONG} {LONG}"
cron = "0 0,12 1-7 */2 *"
run_on_start = true
run = "echo {LONG} >&2; exit 3"

[tasks.hostile]
group = "<img src=x onerror=alert(1)>"
description = "<b>bold</b> \u202eesrever\u202c <img src=x onerror=alert(1)>"
run = "printf 'a\\342\\200\\256b <script>alert(1)</script>\\n'"
run_on_start = true

[tasks.flood]
run = "seq 1 1000000"
run_on_start = true

[services.shards]
group = "Many"
instances = 64
run = "exec sleep 600"
""" + "".join(
    f"""
[tasks.task-{number}]
group = "Group {number // 25}"
cron = "{number % 60} * * * *"
run = "true"
"""
    for number in range(996)
)

PLACES = {
    "overview": "/",
    "attention": "/?tab=attention",
    "timeline": "/timeline",
    "runs": "/runs",
    "task": "/tasks/backup-db",
    "charts": "/tasks/import-feeds",
    "service": "/tasks/web",
    "table": "/timeline?as=table",
    "notifications": "/notifications",
    "missing": "/nowhere",
}


def places(house: House) -> dict[str, str]:
    """The pages, and those of runs as they came to be."""
    runs = {
        "run": house.ended("backup-db")[-1],
        "run-failed": house.ended("rotate-certs")[-1],
        "run-live": house.running("reindex")[-1],
    }
    return PLACES | {name: f"/tasks/{run.task_name}/runs/{run.id}" for name, run in runs.items()}


@contextmanager
def visitor(browser: Browser, site: Site, theme: str, width: int) -> Iterator[Page]:
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": width, "height": HEIGHT},
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        is_mobile=width < 500,
        has_touch=width < 500,
    )
    with closing(context):
        yield context.new_page()


def take(page: Page, path: Path) -> None:
    """All of a page: what it draws only when it is seen is scrolled through first."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(900)
    page.evaluate(
        """async () => {
          for (const row of document.querySelectorAll(".task")) row.style.contentVisibility = "visible";
          for (let y = 0; y < document.body.scrollHeight; y += 400) {
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
          }
          scrollTo(0, 0);
        }"""
    )
    page.wait_for_timeout(200)
    page.screenshot(path=path, full_page=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, closing(launched(playwright.chromium)) as browser:
        for each in (everyday, extremes, emptiness):
            with tempfile.TemporaryDirectory() as home, House(Path(home)) as house:
                each(browser, Site(house), folder)


def with_past(site: Site) -> Daemon:
    site.start(CONFIGURATION).stop()
    site.house.pretend(PAST, past(host.wall()))
    return site.start()


def everyday(browser: Browser, site: Site, folder: Path) -> None:
    daemon = with_past(site)
    site.house.ended("rotate-certs")
    for theme in THEMES:
        for width in WIDTHS:
            with visitor(browser, site, theme, width) as page:
                page.goto("/login")
                take(page, folder / f"login-{theme}-{width}.png")
                log_in(page)
                for name, place in places(site.house).items():
                    page.goto(place)
                    page.wait_for_selector("main.page > *")
                    take(page, folder / f"{name}-{theme}-{width}.png")
                page.goto("/")
                page.get_by_role("button", name="Stop reindex").click()
                page.wait_for_timeout(300)
                page.screenshot(path=folder / f"question-{theme}-{width}.png")
    lost(browser, site, daemon, folder)


def extremes(browser: Browser, site: Site, folder: Path) -> None:
    """Very much, very long, hostile; and what is seen while it comes or when it does not."""
    site.start(EXTREMES)
    long = site.house.ended("a-very-long-name-" * 3)[-1]
    places = {
        "many": "/",
        "many-timeline": "/timeline",
        "many-runs": "/runs",
        "many-instances": "/tasks/shards",
        "long": f"/tasks/{long.task_name}",
        "long-run": f"/tasks/{long.task_name}/runs/{long.id}",
        "hostile": "/tasks/hostile",
        "hostile-run": f"/tasks/hostile/runs/{site.house.ended('hostile')[-1].id}",
        "million": f"/tasks/flood/runs/{site.house.ended('flood')[-1].id}",
    }
    for theme, width in (*LOOKS, ("dark", WIDE)):
        with visitor(browser, site, theme, width) as page:
            log_in(page)
            for name, place in places.items():
                page.goto(place)
                page.wait_for_selector("main.page > *")
                page.wait_for_timeout(1000)
                page.screenshot(path=folder / f"{name}-{theme}-{width}.png")
            opened(page, folder, f"{theme}-{width}")


def opened(page: Page, folder: Path, look: str) -> None:
    """What opens over a page, what has the focus, what is late and what fails."""
    page.goto("/")
    page.get_by_role("button", name="Notifications").click()
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"bell-{look}.png")
    page.goto("/")
    page.wait_for_selector(".task")
    for _ in range(9):
        page.keyboard.press("Tab")
    page.screenshot(path=folder / f"focus-{look}.png")
    page.route("**/api/runs*", lambda _route: None)
    page.goto("/runs", wait_until="commit")
    page.wait_for_selector(".skeleton")
    page.screenshot(path=folder / f"late-{look}.png")
    page.unroute_all(behavior="ignoreErrors")
    problem = '{"status": 500, "title": "Internal", "detail": "The database could not be read."}'
    page.route(
        "**/api/runs*",
        lambda route: route.fulfill(status=500, content_type="application/problem+json", body=problem),
    )
    page.goto("/runs")
    page.wait_for_selector(".trouble")
    page.screenshot(path=folder / f"failing-{look}.png")


def emptiness(browser: Browser, site: Site, folder: Path) -> None:
    """No tasks yet; and who is not let in."""
    site.start("# nothing yet")
    for theme, width in LOOKS:
        with visitor(browser, site, theme, width) as page:
            log_in(page)
            for name in ("", "timeline", "runs", "notifications", "tasks/gone"):
                page.goto(f"/{name}")
                page.wait_for_selector("main.page > *")
                take(page, folder / f"empty-{name.partition('/')[0] or 'overview'}-{theme}-{width}.png")
    for attempt in range(6):
        for theme, width in LOOKS if attempt in (0, 5) else LOOKS[:1]:
            with visitor(browser, site, theme, width) as page:
                page.goto("/login")
                page.get_by_label("Password", exact=True).fill("wrong")
                page.get_by_role("button", name="Log in").click()
                page.wait_for_selector(".problem")
                state = "wrong" if attempt == 0 else "limited"
                page.screenshot(path=folder / f"login-{state}-{theme}-{width}.png")


def lost(browser: Browser, site: Site, daemon: Daemon, folder: Path) -> None:
    """The daemon goes away under every theme and width."""
    with visitor(browser, site, THEMES[0], WIDTHS[-1]) as page:
        log_in(page)
        daemon.stop()
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                page.wait_for_timeout(300)
                page.screenshot(path=folder / f"lost-{theme}-{width}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
