// Which tasks are shown, in which order. Pure.

import { wantsAttention } from "../states.js";

export const TABS = [
  ["", "All", () => true],
  ["attention", "Attention", wantsAttention],
  ["running", "Running", (task) => task.running > 0],
  ["scheduled", "Scheduled", (task) => Boolean(task.cron)],
  ["manual", "Manual", (task) => task.kind === "task" && !task.cron],
];

const LATEST = "9999";

const byText = (key) => (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);

export const SORTS = [
  ["", "Order of the file", null],
  ["name", "Name", byText((task) => task.name)],
  ["next", "Next firing", byText((task) => task.next_run_at ?? LATEST)],
  ["last", "Last run, newest first", (a, b) => byText((task) => task.last_run?.created_at ?? "")(b, a)],
  ["rate", "Success rate, lowest first", (a, b) => (a.success_rate ?? 2) - (b.success_rate ?? 2)],
  ["duration", "Duration, longest first", (a, b) => (b.median_duration ?? -1) - (a.median_duration ?? -1)],
];

const matches = (words) => (task) => {
  const text = `${task.name} ${task.group} ${task.description} ${task.run}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

const grouped = (tasks) => {
  const groups = new Map();
  for (const task of tasks) {
    if (!groups.has(task.group)) groups.set(task.group, []);
    groups.get(task.group).push(task);
  }
  return [...groups];
};

/**
 * @param {object[]} tasks in the order of the file
 * @param {{tab?: string, q?: string, sort?: string}} query
 * @returns {{counts: number[], groups: [string, object[]][], total: number}} counts in the order of TABS
 */
export const selected = (tasks, { tab = "", q = "", sort = "" }) => {
  const found = tasks.filter(matches(q.toLowerCase().split(/\s+/).filter(Boolean)));
  const [, , belongs] = TABS.find(([name]) => name === tab) ?? TABS[0];
  const [, , order] = SORTS.find(([name]) => name === sort) ?? SORTS[0];
  const shown = found.filter(belongs);
  if (order) shown.sort(order);
  return {
    counts: TABS.map(([, , inTab]) => found.filter(inTab).length),
    groups: grouped(shown),
    total: shown.length,
  };
};
