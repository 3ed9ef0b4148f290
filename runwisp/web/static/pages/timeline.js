// What ran when, in a lane for each task, with what is to come.

import { m } from "../view.js";
import { clockTime, count, date, runLength } from "../format.js";
import { icon } from "../icons.js";
import { link, query, runUrl, setQuery, taskUrl } from "../router.js";
import { RunState } from "../states.js";
import { store } from "../store.js";
import { styles } from "../styles.js";
import { LaneChart, layoutOf } from "../timeline/chart.js";
import { timelineRuns } from "../timeline/load.js";
import { rowsOf } from "../timeline/rows.js";
import { SPANS, panned, spanName, spanOf, spelled, zoomed } from "../timeline/span.js";
import { LaneTable } from "../timeline/table.js";
import { Exact } from "../times.js";
import { Empty, Trouble } from "../trouble.js";
import { Waiting } from "../waiting.js";

await styles("/css/timeline.css");

/** The address follows what is moved, a little later. */
const SETTLED = 250;
const SECOND = 1000;
const CLOSER = 2;
const STEP = 0.5;

const button = (name, label, act) =>
  m(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, onclick: act },
    icon(name),
  );

const whole = ({ from, to }) =>
  new Date(from).toDateString() === new Date(to).toDateString()
    ? `${date(from)}, ${clockTime(from)} to ${clockTime(to)}`
    : `${date(from)}, ${clockTime(from)} to ${date(to)}, ${clockTime(to)}`;

const LEGEND = [
  ["success", "success", "success"],
  ["failed", "failed", "failed, tall"],
  ["stopped", "stopped", "stopped, low"],
  ["open", "running", "running"],
  ["diamond", "failed", "not started"],
  ["ring", "idle", "to come"],
];

const legend = () =>
  m(
    "ul.legend",
    { "aria-label": "Signs" },
    LEGEND.map(([shape, tone, words]) => m("li", [m(`i.shape-${shape}.tone-${tone}`), words])),
  );

const detail = (mark, lane) => {
  if (!mark && lane) return m("p.muted", `${lane}: no run in what is loaded.`);
  if (!mark) {
    return [
      m("p.muted.for-mouse", "Point at a run to see it here, or move with the arrow keys."),
      m("p.muted.for-touch", "Tap a run to see it here."),
    ];
  }
  const { run } = mark;
  return [
    m(".chosen-line", [
      link(taskUrl(run.task_name), { class: "chosen-task" }, run.task_name),
      m(RunState, { run }),
      run.status === "ended" && m("span.muted", `exit ${run.exit_code}`),
      m(Exact, { at: run.start_at ?? run.created_at }),
      run.start_at && m("span", `took ${runLength(run)}`),
      link(runUrl(run), {}, "Open the run"),
    ]),
    run.message && m("p.muted.small", run.message),
  ];
};

const Timeline = () => {
  let width = 1000;
  let chosen = null;
  let lane;
  /** While it is moved, before the address has it. */
  let moving = null;
  let settle = 0;
  let timer = 0;
  const painter = {
    repaint: () => {},
    zoom: (times) => move(zoomed(spanNow(), times, 0.5, Date.now())),
  };

  const spanNow = () => moving ?? spanOf(query(), Date.now());
  const runs = timelineRuns(
    () => spanNow().from,
    () => (painter.repaint(), soon()),
  );

  /** The page itself changes less than the canvas. */
  let redraw = 0;
  const soon = () => {
    redraw ||= setTimeout(() => ((redraw = 0), m.redraw()), SETTLED);
  };

  let last = {};
  const layout = () => {
    const { q = "" } = query();
    const key = `${q} ${width} ${store.rev} ${runs.lanes.size}`;
    if (last.key !== key) {
      last = {
        key,
        layout: layoutOf(width),
        ...rowsOf(q, runs.lanes.names(), layoutOf(width).lane),
      };
    }
    return last;
  };
  const scene = () => ({
    ...layout(),
    lanes: runs.lanes,
    span: spanNow(),
    now: Date.now(),
    since: runs.since,
  });

  const move = (span) => {
    moving = span;
    painter.repaint();
    soon();
    clearTimeout(settle);
    settle = setTimeout(() => {
      setQuery({ span: "", ...spelled(moving) });
      moving = null;
      runs.further();
    }, SETTLED);
  };

  const show = (changes) => {
    clearTimeout(settle);
    moving = null;
    setQuery(changes, { isStep: true });
    runs.further();
  };
  const toNow = () => show({ from: "", to: "", span: "" });

  const choose = (mark) => {
    chosen = mark;
    lane = mark?.run.task_name;
    painter.repaint();
    m.redraw();
  };

  const tick = () => !document.hidden && painter.repaint();

  /** The mark of a run is another one once it has changed. */
  const current = () =>
    chosen &&
    (runs.lanes.of(chosen.run.task_name).marks.find(({ run }) => run.id === chosen.run.id) ?? null);

  const toolbar = (given) =>
    m(".toolbar.timeline-tools", { role: "group", "aria-label": "What is shown" }, [
      m(
        ".tabs",
        SPANS.map(([name, label]) =>
          m(
            "button",
            {
              type: "button",
              "aria-pressed": String(spanName(given) === name),
              onclick: () => show({ from: "", to: "", span: name }),
            },
            label,
          ),
        ),
      ),
      m(".zoom", [
        button("left", "Earlier", () => move(panned(spanNow(), -STEP, Date.now()))),
        button("right", "Later", () => move(panned(spanNow(), STEP, Date.now()))),
        button("closer", "Closer", () => painter.zoom(CLOSER)),
        button("wider", "Wider", () => painter.zoom(1 / CLOSER)),
        !spanNow().isLive && m("button.button", { type: "button", onclick: toNow }, "Back to now"),
      ]),
      m(".search", [
        icon("search"),
        m("input.field", {
          type: "search",
          "aria-label": "Search tasks",
          placeholder: "Task",
          value: given.q ?? "",
          oninput: (event) => setQuery({ q: event.target.value }),
        }),
      ]),
      m(
        "button.button",
        {
          type: "button",
          "aria-pressed": String(given.as === "table"),
          onclick: () => show({ as: given.as === "table" ? "" : "table" }),
        },
        given.as === "table" ? "As a chart" : "As a table",
      ),
    ]);

  const cut = () =>
    runs.isCut &&
    m("p.cut", { role: "status" }, [
      icon("info"),
      m("span", [
        `The newest ${count(runs.lanes.size)} runs are shown; before `,
        m(Exact, { at: new Date(runs.since).toISOString() }),
        " there are more.",
      ]),
      m("button.button", { type: "button", onclick: runs.more }, "Load older"),
    ]);

  const body = (given) => {
    if (!layout().rows.length)
      return m(Empty, { title: given.q ? "No task matches" : "No tasks yet" });
    if (given.as === "table") return m(LaneTable, { scene });
    return [
      m(LaneChart, {
        scene,
        chosen: current(),
        lane,
        painter,
        onspan: move,
        onchoose: choose,
        onlane: (name) => {
          [lane, chosen] = [name, null];
          m.redraw();
        },
        onnow: toNow,
        onwidth: (now) => {
          if (layoutOf(now) !== layoutOf(width)) m.redraw();
          width = now;
        },
      }),
      m(".chosen", { "aria-live": "polite" }, detail(current(), lane)),
      m(".timeline-foot", [
        legend(),
        m("p.muted.small.for-mouse#timeline-keys", [
          "Arrow keys go from run to run and from lane to lane, Enter opens one. Shift with the arrows, or " +
            "dragging, moves in time; + and − or Ctrl with the wheel go closer and wider; 0 returns to now.",
        ]),
        m("p.muted.small.for-touch", "Drag to move in time; two fingers go closer and wider."),
      ]),
    ];
  };

  return {
    oninit() {
      runs.start();
      timer = setInterval(tick, SECOND);
    },
    onremove() {
      runs.end();
      clearInterval(timer);
      clearTimeout(settle);
      clearTimeout(redraw);
    },
    view: () => {
      const given = query();
      const span = spanNow();
      return [
        m(".timeline-head", [
          m("h1", "Timeline"),
          m("p.muted", [
            whole(span),
            runs.isLoading &&
              m("span", { role: "status" }, ` · loading, ${count(runs.lanes.size)} runs so far`),
          ]),
          link(`/runs?${new URLSearchParams(spelled(span))}`, {}, "These runs as a list"),
        ]),
        m("section.panel.timeline", { "aria-label": "Timeline of all tasks" }, [
          toolbar(given),
          runs.problem && m(Trouble, { problem: runs.problem, retry: runs.load }),
          cut(),
          body(given),
        ]),
      ];
    },
  };
};

export default {
  title: "Timeline",
  view: () => (store.isLoaded ? m(Timeline) : m(Waiting, { title: "Timeline" })),
};
