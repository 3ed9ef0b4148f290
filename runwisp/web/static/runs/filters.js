// Which runs are asked for, as it stands in the address and as the API wants it. Pure.
//
// status, trigger, task, q; since (a length) or from and to (RFC 3339); sort and dir. Where in the list: `at`
// is a cursor and `row` the number of its first row; with `end` the list is read from its end.

import { FAILED } from "../states.js";

const HOUR = 3_600_000;

export const SINCE = [
  ["1h", "Last hour", HOUR],
  ["24h", "Last 24 hours", 24 * HOUR],
  ["7d", "Last 7 days", 7 * 24 * HOUR],
  ["30d", "Last 30 days", 30 * 24 * HOUR],
];

export const DEFAULT_SORT = "created_at";
export const FIRST_PAGE = { at: "", row: "", end: "" };
export const NO_FILTERS = { status: "", trigger: "", task: "", q: "", since: "", from: "", to: "" };

export const hasFilters = (given) => Object.keys(NO_FILTERS).some((name) => given[name]);

/** Order of the file, so to speak: newest first. */
export const isNewestFirst = (given) => !given.sort && !given.dir && !given.end;

const start = (given, now) => {
  const [, , length] = SINCE.find(([name]) => name === given.since) ?? [];
  return length ? new Date(now - length).toISOString() : given.from;
};

const OTHER_WAY = { asc: "desc", desc: "asc" };

/** For `/api/runs`, without where in the list. */
export const paramsOf = (given, now) => {
  const direction = given.dir === "asc" ? "asc" : "desc";
  return {
    status: given.status,
    triggered_by: given.trigger,
    task_name: given.task,
    search: given.q,
    created_after: start(given, now),
    created_before: given.to,
    sort_field: given.sort,
    sort_direction: given.end ? OTHER_WAY[direction] : direction,
  };
};

const hasStatus = (run, word) =>
  [run.status, run.end_reason].includes(word) || (word === "failed" && FAILED.has(run.end_reason));

const hasText = (run, text) =>
  [run.task_name, run.message ?? "", run.id].some((each) => each.toLowerCase().includes(text));

/** Whether a run that just changed is in the list. */
export const matches = (run, given, now) =>
  (!given.status || given.status.split(",").some((word) => hasStatus(run, word))) &&
  (!given.trigger || given.trigger.split(",").includes(run.triggered_by)) &&
  (!given.task || run.task_name === given.task) &&
  (!given.q || hasText(run, given.q.toLowerCase())) &&
  (!start(given, now) || Date.parse(run.created_at) >= Date.parse(start(given, now))) &&
  (!given.to || Date.parse(run.created_at) < Date.parse(given.to));
