// How long the last runs of a task took and how much memory they needed, as charts and as a table.

import { m } from "../view.js";
import { get } from "../api.js";
import { Chart, LENGTHS, SIZES } from "../chart.js";
import { bytes, clockTime, date, length, plural, runLength } from "../format.js";
import { loader } from "../loader.js";
import { newsFor } from "../news.js";
import { runUrl } from "../router.js";
import { stateOf, stateText } from "../states.js";
import { onReload, onRuns } from "../store.js";
import { Empty } from "../trouble.js";
import { Exact } from "../times.js";

const SHOWN = 100;
const TONES = ["success", "failed", "stopped"];
const DAY = 24 * 3_600_000;

const took = (run) => Date.parse(run.end_at) - Date.parse(run.start_at);
const hasRun = (run) => run.status === "ended" && Boolean(run.start_at && run.end_at);

/** One column of places, then one for each tone, so that each has its colour. */
const columns = (runs, value) => [
  runs.map((_, at) => at),
  ...TONES.map((tone) =>
    runs.map((run) => (stateOf(run).tone === tone ? (value(run) ?? null) : null)),
  ),
];

const series = TONES.map((tone) => ({ tone }));

/** The clock where all is of one day. */
const labels = (runs) => {
  const times = runs.map(({ start_at }) => Date.parse(start_at));
  const isShort = times.at(-1) - times[0] < DAY;
  return (at) => (runs[at] ? (isShort ? clockTime(times[at]) : date(times[at])) : "");
};

const pointed = (run, words) =>
  run
    ? [m(Exact, { at: run.start_at }), ` · ${stateText(run)} · ${words(run)}`]
    : "Point at a bar for its run, click to open it.";

const figure = () => {
  let run = null;
  let runs = null;
  let data = null;
  let labelOf = null;
  return {
    view: ({ attrs }) => {
      if (runs !== attrs.runs) {
        runs = attrs.runs;
        data = columns(runs, attrs.value);
        labelOf = labels(runs);
      }
      return m("figure.figure", [
        m("figcaption", [
          m("h3", attrs.title),
          m("p.muted.small.pointed", pointed(run, attrs.words)),
        ]),
        m(Chart, {
          data,
          series,
          labelOf,
          steps: attrs.steps,
          words: attrs.short,
          onpoint: (at) => {
            const now = (at ?? null) === null ? null : runs[at];
            if (now !== run) [run] = [now, m.redraw()];
          },
          onchoose: (at) => runs[at] && m.route.set(runUrl(runs[at])),
        }),
      ]);
    },
  };
};
const Durations = () => figure();
const Memories = () => figure();

const memory = (run) =>
  run.max_rss_bytes === undefined ? "memory unknown" : bytes(run.max_rss_bytes);

const table = (runs) =>
  m("details.chart-table", [
    m("summary", "These runs as a table"),
    m(
      ".scroller",
      { tabindex: 0, role: "region", "aria-label": "Runs of the charts" },
      m("table.table", [
        m(
          "thead",
          m(
            "tr",
            ["Started", "Result", "Took", "Memory"].map((each) => m("th", { scope: "col" }, each)),
          ),
        ),
        m(
          "tbody",
          runs
            .toReversed()
            .map((run) =>
              m("tr", { key: run.id }, [
                m(
                  "th",
                  { scope: "row" },
                  m(m.route.Link, { href: runUrl(run) }, m(Exact, { at: run.start_at })),
                ),
                m("td", stateText(run)),
                m("td", runLength(run)),
                m("td", memory(run)),
              ]),
            ),
        ),
      ]),
    ),
  ]);

const charts = (runs) => {
  if (runs.length < 2) {
    return m(
      Empty,
      { title: "Not enough runs yet" },
      m("p", "Charts are drawn of runs that have ended, from two on."),
    );
  }
  const hasMemory = runs.some((run) => run.max_rss_bytes !== undefined);
  return m(".panel-body", [
    m(".figures", [
      m(Durations, {
        title: "Duration",
        runs,
        value: took,
        words: (run) => runLength(run),
        short: length,
        steps: LENGTHS,
      }),
      hasMemory &&
        m(Memories, {
          title: "Peak memory",
          runs,
          value: (run) => run.max_rss_bytes,
          words: memory,
          short: bytes,
          steps: SIZES,
        }),
    ]),
    table(runs),
  ]);
};

/** attrs.name is the task's. */
export const Charts = ({ attrs: { name } }) => {
  const found = loader(async (signal) => {
    const page = await get("/api/runs", { task_name: name, limit: SHOWN }, { signal });
    return page.runs.filter(hasRun).reverse();
  });
  let leave = [];

  const news = newsFor((changes) => {
    if (!found.data) return;
    const ended = changes
      .map(({ run }) => run)
      .filter((run) => run.task_name === name && hasRun(run));
    const known = new Set(found.data.map(({ id }) => id));
    const fresh = ended.filter(({ id }) => !known.has(id));
    if (fresh.length) found.data = [...found.data, ...fresh].slice(-SHOWN);
  });

  const load = () => news.after(found.load);

  return {
    oninit() {
      leave = [onRuns(news.hear), onReload(load), news.forget];
      load();
    },
    onremove() {
      found.stop();
      leave.forEach((end) => end());
    },
    view: () =>
      m("section.panel", { "aria-labelledby": "charts-title" }, [
        m(".panel-head", [
          m("h2#charts-title", "How its runs fared"),
          found.data?.length > 1 &&
            m("span.muted.small", `the last ${plural(found.data.length, "run")}`),
        ]),
        found.view(charts),
      ]),
  };
};
