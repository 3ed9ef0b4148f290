// What a run or a task is: one word, one shape and one tone for each. The words are those of the API.

import { m } from "./view.js";
import { icon } from "./icons.js";

/** Listed and filtered as failed, as in the daemon's table of meanings. */
export const FAILED = new Set([
  "failed", "timeout", "log_overflow", "crashed", "skipped", "queue_full", "missed",
]);

export const END_REASONS = [
  "success", "failed", "timeout", "log_overflow", "stopped", "daemon_stopped", "crashed", "skipped",
  "queue_full", "dst_skipped", "missed",
];

export const TRIGGERS = ["cron", "api", "service", "startup", "exec"];

/** How each end reason is explained, in half a sentence after "ended because". */
export const WHY = {
  success: "it ended with an expected exit code",
  failed: "it ended with an exit code that is not expected, or could not start",
  timeout: "it took longer than its timeout",
  log_overflow: "its log reached its limit",
  stopped: "it was stopped",
  daemon_stopped: "the daemon was stopped",
  crashed: "the daemon died while it ran",
  skipped: "the task was already running",
  queue_full: "the queue of the task was full",
  dst_skipped: "the hour came twice on this night, and it had run in the first",
  missed: "the daemon was not running",
};

const WAITS = { queue: "queued", retry: "waiting to retry", restart: "waiting to restart" };

/**
 * `tone` is what icons and the classes `tone-*` are called; `reason` tells failures apart.
 * @returns {{tone: string, word: string, reason: string}}
 */
export const stateOf = (run) => {
  if (run.status === "running") return { tone: "running", word: "running", reason: "" };
  if (run.status === "pending") {
    return { tone: "waiting", word: WAITS[run.waits_for] ?? "pending", reason: "" };
  }
  const reason = run.end_reason;
  if (reason === "success") return { tone: "success", word: "success", reason: "" };
  if (FAILED.has(reason)) {
    return { tone: "failed", word: "failed", reason: reason === "failed" ? "" : reason };
  }
  return { tone: "stopped", word: "stopped", reason: reason === "stopped" ? "" : reason };
};

export const stateText = (run) => {
  const { word, reason } = stateOf(run);
  return reason ? `${word}, ${reason}` : word;
};

const signed = ({ tone, word, reason }) =>
  m(`span.state.tone-${tone}`, [icon(tone), m("span", word), reason && m("span.reason", reason)]);

/** The state of a run as sign and words: attrs.run. */
export const RunState = { view: ({ attrs: { run } }) => signed(stateOf(run)) };

/** What a task or service is doing; how it last fared is told by its last run. */
export const taskState = (task) => {
  if (task.kind === "service") return serviceState(task);
  if (task.running) return { tone: "running", word: countOf(task.running, "running"), reason: "" };
  if (task.queued) return { tone: "waiting", word: countOf(task.queued, "queued"), reason: "" };
  return { tone: "idle", word: task.last_run ? "idle" : "never run", reason: "" };
};

const countOf = (count, word) => (count > 1 ? `${count} ${word}` : word);

/** By hand, or with the daemon, in the moment before it is gone. */
const isStopped = ({ stopped, last_run }) => stopped || last_run?.end_reason === "daemon_stopped";

const serviceState = (task) => {
  const instances = task.instances ?? 1;
  const word = instances > 1 ? `${task.running}/${instances} running` : "running";
  if (isStopped(task) && !task.running) return { tone: "stopped", word: "stopped", reason: "" };
  if (task.running) return { tone: "running", word, reason: "" };
  if (!task.last_run) return { tone: "idle", word: "not started", reason: "" };
  return { tone: "waiting", word: "restarting", reason: "" };
};

/** attrs.task. */
export const TaskState = { view: ({ attrs: { task } }) => signed(taskState(task)) };

/** Whether a person should look at it: its last run failed, or a service is not all there. */
export const wantsAttention = (task) => {
  if (task.kind === "service") {
    return !isStopped(task) && Boolean(task.last_run) && task.running < (task.instances ?? 1);
  }
  const last = task.last_run;
  return Boolean(last) && last.status === "ended" && FAILED.has(last.end_reason);
};
