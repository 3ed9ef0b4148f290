// The head of a task's page: what it does now, when it runs next, how it fares, and its buttons.

import { m } from "../view.js";
import { restartService, runTask, stopTask } from "../actions.js";
import { cronWords } from "../cronwords.js";
import { firings } from "../firings.js";
import { clockTime, count, date, duration, percent } from "../format.js";
import { icon } from "../icons.js";
import { link, runUrl } from "../router.js";
import { RunState, TaskState, stateOf, stateText } from "../states.js";
import { Ago, Countdown, bothZones } from "../times.js";

const NEXT = 5;

const button = (kind, name, label, act, off) =>
  m(
    `button.button${kind}`,
    { type: "button", onclick: act, disabled: Boolean(off), title: off || undefined },
    [icon(name), label],
  );

const isUp = (task) => task.running > 0 || task.queued > 0 || !task.stopped;

const buttons = (task) => {
  const off = !task.api_trigger && "Its api_trigger is false: it is not started by hand";
  if (task.kind === "service") {
    return isUp(task)
      ? [
          button("", "restart", "Restart Service", () => restartService(task)),
          button("", "stop", "Stop Service", () => stopTask(task)),
        ]
      : button(".primary", "play", "Start Service", () => runTask(task), off);
  }
  return [
    (task.running > 0 || task.queued > 0) && button("", "stop", "Stop Task", () => stopTask(task)),
    button(".primary", "play", "Run Task", () => runTask(task), off),
  ];
};

const glance = (run, name) => {
  const { tone } = stateOf(run);
  const words = stateText(run);
  const attrs = { class: `is-${tone}`, title: words, "aria-label": words };
  return m("li", { key: run.id }, link(runUrl({ ...run, task_name: name }), attrs, icon(tone)));
};

const strip = ({ name, recent_runs }) =>
  m(
    "ol.task-strip",
    { "aria-label": "Its last runs, the oldest first" },
    recent_runs.toReversed().map((run) => glance(run, name)),
  );

const fact = (term, value) => m("div", [m("dt", term), m("dd", value)]);
const none = () => m("span.muted", "–");

const lastRun = ({ last_run: run }) =>
  run
    ? [
        link(runUrl(run), {}, m(RunState, { run })),
        m(Ago, { at: run.end_at ?? run.start_at ?? run.created_at }),
      ]
    : m("span.muted", "never run");

const next = (task) => {
  if (task.next_run_at) {
    return [m(Countdown, { at: task.next_run_at }), m("span.detail", moment(task.next_run_at))];
  }
  return m("span.muted", task.run_on_start ? "at the daemon's start" : "by hand");
};

const moment = (at) =>
  m("time", { datetime: at, title: bothZones(at) }, `${date(at)}, ${clockTime(at)}`);

/** Beyond the next, where they follow from it. */
const later = (task) => {
  const [, ...others] = firings(task, Infinity, NEXT);
  return (
    others.length > 0 &&
    m("div.wide", [
      m("dt", "Firings after that"),
      m(
        "dd",
        m(
          "ol.firings",
          others.map((at) => m("li", moment(at))),
        ),
      ),
    ])
  );
};

const lastRuns = (task) =>
  m("div.wide", [
    m("dt", "Last runs"),
    m("dd", task.recent_runs.length ? strip(task) : m("span.muted", "none yet")),
  ]);

const rate = (task) => (task.success_rate === undefined ? none() : percent(task.success_rate));
const median = (task) =>
  task.median_duration === undefined ? none() : duration(task.median_duration);

const schedule = (task) =>
  task.cron
    ? cronWords(task.cron) || m("code", task.cron)
    : m("span.muted", task.schedule || "none");

/** attrs.task */
export const Head = {
  view: ({ attrs: { task } }) =>
    m("header.task-head", [
      m(".task-title", [
        m("div", [
          task.group && m("p.muted.small", task.group),
          m("h1", task.name),
          task.description && m("p.muted", task.description),
        ]),
        m(".task-buttons", buttons(task)),
      ]),
      !task.api_trigger &&
        m("p.notice-line.small", [
          icon("info"),
          "It cannot be started by hand: its ",
          m("code", "api_trigger"),
          " is false.",
        ]),
      m("dl.panel.task-facts", [
        fact("State", m(TaskState, { task })),
        fact("Last run", lastRun(task)),
        task.kind === "service"
          ? fact("Instances", count(task.instances))
          : [fact("Schedule", schedule(task)), fact("Next firing", next(task))],
        fact("Success rate", rate(task)),
        fact("Median duration", median(task)),
        later(task),
        lastRuns(task),
      ]),
    ]),
};
