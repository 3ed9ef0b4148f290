// One task of the overview: what it is, does, will do and did, and what can be done with it.

import { m } from "../view.js";
import { restartService, runTask, stopTask } from "../actions.js";
import { cronWords } from "../cronwords.js";
import { duration, percent } from "../format.js";
import { icon } from "../icons.js";
import { madeAt } from "../ids.js";
import { link, runUrl, taskUrl } from "../router.js";
import { RunState, TaskState, stateOf, stateText } from "../states.js";
import { Ago, Countdown } from "../times.js";

const STRIP = 10;
/** Of a bar and what is between two, in pixels, as in overview.css. */
const [BAR, GAP] = [6, 3];

/** Where there were no runs yet: one element for all, as there are a thousand tasks. */
const none = (number) =>
  number > 0 && m("i.is-none", { style: { width: `${number * (BAR + GAP) - GAP}px` } });

const Strip = {
  view: ({ attrs: { runs } }) => {
    const oldestFirst = runs.toReversed();
    const words = runs.map(stateText).join("; ");
    const label = runs.length ? `Last ${runs.length} runs, newest first: ${words}` : "No runs yet";
    return m("span.strip", { role: "img", "aria-label": label, title: label }, [
      none(STRIP - runs.length),
      oldestFirst.map((run) => m(`i.is-${stateOf(run).tone}`)),
    ]);
  },
};

const button = (name, label, act, isOff) =>
  m(
    "button.icon-button",
    { type: "button", "aria-label": label, title: isOff || label, disabled: Boolean(isOff), onclick: act },
    icon(name),
  );

const actions = (task) => {
  const off = !task.api_trigger && "Its api_trigger is false: it is not started by hand";
  const run = (word) => button("play", `${word} ${task.name}`, () => runTask(task), off);
  const stop = button("stop", `Stop ${task.name}`, () => stopTask(task));
  if (task.kind === "service") {
    const isUp = task.running > 0 || !task.stopped;
    return isUp
      ? [button("restart", `Restart ${task.name}`, () => restartService(task)), stop]
      : [run("Start")];
  }
  return [run("Run"), (task.running > 0 || task.queued > 0) && stop];
};

const next = (task) => {
  if (task.next_run_at) return m(Countdown, { at: task.next_run_at });
  if (task.kind === "service") return m("span.muted", "kept running");
  return m("span.muted", task.run_on_start ? "at the daemon's start" : "by hand");
};

const schedule = (task) => [
  m("span.next", next(task)),
  task.cron &&
    m("span.detail", { title: task.timezone && `in ${task.timezone}` }, [
      cronWords(task.cron),
      " ",
      m("code", task.cron),
    ]),
];

/** The last result is that of the newest run that has ended, perhaps not the newest. */
const last = (task) => {
  const run = task.recent_runs.find(({ status }) => status === "ended");
  if (!run) return m("span.muted", "–");
  const at = (run.id === task.last_run?.id && task.last_run.end_at) || madeAt(run.id);
  return link(runUrl({ ...run, task_name: task.name }), { class: "last-run" }, [
    m(RunState, { run }),
    m("span.detail", [m(Ago, { at }), ` · exit ${run.exit_code}`]),
  ]);
};

const fare = (task) =>
  [
    task.success_rate !== undefined && percent(task.success_rate),
    task.median_duration !== undefined && duration(task.median_duration),
  ]
    .filter(Boolean)
    .join(" · ");

/** attrs.task; drawn anew only when it is another one. */
export const TaskRow = {
  onbeforeupdate: ({ attrs }, old) => attrs.task !== old.attrs.task,
  view: ({ attrs: { task } }) =>
    m("li.task", [
      m(".task-name", [
        link(taskUrl(task.name), {}, task.name),
        m("span.detail", { title: task.description || task.run }, task.description || m("code", task.run)),
      ]),
      m(".task-state", [
        m(TaskState, { task }),
        task.queued > 0 && task.running > 0 && m("span.detail", `${task.queued} queued`),
      ]),
      m(".task-next", schedule(task)),
      m(".task-last", last(task)),
      m(".task-fare", [
        m(Strip, { runs: task.recent_runs }),
        m("span.detail", { title: "Success rate and median duration of the last 50 runs" }, fare(task)),
      ]),
      m(".task-actions", actions(task)),
    ]),
};
