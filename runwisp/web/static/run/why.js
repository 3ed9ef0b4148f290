// Why a run is as it is, in a sentence.

import { m } from "../view.js";
import { plural } from "../format.js";
import { link, runUrl } from "../router.js";
import { stateText } from "../states.js";
import { Countdown, RunLength } from "../times.js";

const codes = (task) =>
  (task?.exit_codes ?? [0]).length === 1
    ? `only ${task?.exit_codes?.[0] ?? 0} is a success`
    : `only ${task.exit_codes.join(", ")} are successes`;

/** In the daemon's words, which go by what was configured at that time. */
const cause = ({ message = "" }, usual) => message.split("; ")[0] || usual;

const ENDED = {
  success: (run) => `It ended as it should, with exit code ${run.exit_code}.`,
  failed: (run, task) =>
    run.exit_code >= 0
      ? `It ended with exit code ${run.exit_code}: ${codes(task)}.`
      : "It could not be started.",
  timeout: (run) => `It was stopped as it ${cause(run, "took longer than its timeout")}.`,
  log_overflow: () => "It was stopped as its log had reached log_max_size.",
  stopped: (run) => `It was ${cause(run, "stopped")}.`,
  daemon_stopped: () => "It was stopped as the daemon was stopped.",
  crashed: () => "The daemon died while it ran: how it ended is not known.",
  skipped: () => "It did not start, as the task was running already.",
  queue_full: () => "It did not start, as the queue of the task was full.",
  dst_skipped: () => "It did not start: the hour came twice on this night, and it ran in the first.",
  missed: () => "It did not start, as the daemon was not running at that time.",
};

const WAITS = {
  queue: () => "It waits until the task has room for it.",
  retry: (run) => ["It is tried again ", m(Countdown, { at: run.due_at }), "."],
  restart: (run) => ["It is started again ", m(Countdown, { at: run.due_at }), "."],
};

/** Nothing more can be said. */
const OBVIOUS = new Set(["stopped", "daemon_stopped", "crashed"]);

/** The daemon's own words say it all. */
const TOLD = new Set(["skipped", "queue_full", "dst_skipped", "missed"]);

/** Our sentence has why it ended; what was known of it before may follow. */
const SAID = new Set(["timeout", "log_overflow"]);

const sentence = (run, task) => {
  if (run.status === "running") return ["It has been running for ", m(RunLength, { run }), "."];
  if (run.status === "pending") return WAITS[run.waits_for]?.(run) ?? "It is about to start.";
  if (TOLD.has(run.end_reason) && run.message) return `It did not start: ${run.message}.`;
  return ENDED[run.end_reason](run, task);
};

/** What of the daemon's own words says more than ours: `exited with code 3` does not. */
const news = ({ message = "", end_reason }) => {
  if (TOLD.has(end_reason) || OBVIOUS.has(end_reason)) return "";
  const [why, ...before] = message.split("; ");
  const isSaid = SAID.has(end_reason) || /^exited with code \d+$/.test(why);
  return isSaid ? before.join("; ") : message;
};

const attempt = (run, task) =>
  run.retry_attempt > 0 &&
  `This was retry ${run.retry_attempt}${task?.retry_attempts > 0 ? ` of ${task.retry_attempts}` : ""}.`;

/** attrs: run, task (where it is still configured), retry: the attempt after this one. */
export const Why = {
  view: ({ attrs: { run, task, retry } }) =>
    m(".run-why", [
      m("p", [
        sentence(run, task),
        " ",
        attempt(run, task),
        retry && [" Then it was ", link(runUrl(retry), {}, "tried again"), `: ${stateText(retry)}.`],
      ]),
      news(run) && m("p.muted", news(run)),
      run.log_dropped_lines > 0 &&
        m("p.muted", `${plural(run.log_dropped_lines, "line")} of its output were dropped.`),
    ]),
};
