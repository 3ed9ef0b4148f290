// The lanes in their order: those of the configuration by group, then those of tasks that are no longer in it.

import { store } from "../store.js";

export const GROUP_HEIGHT = 30;

/** @typedef {{name: string, isGroup: boolean, y: number, height: number, task?: object}} Row */

const grouped = (search, others) => {
  const groups = new Map();
  const put = (group, name, task) => {
    if (!name.toLowerCase().includes(search)) return;
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push({ name, task });
  };
  for (const task of store.tasks.values()) put(task.group, task.name, task);
  for (const name of others) if (!store.tasks.has(name)) put("Not in the configuration", name);
  return groups;
};

/** @returns {{rows: Row[], height: number}} */
export const rowsOf = (search, others, laneHeight) => {
  const groups = grouped(search.trim().toLowerCase(), others);
  const rows = [];
  let y = 0;
  const add = (row, height) => {
    rows.push({ ...row, y, height });
    y += height;
  };
  for (const [group, found] of groups) {
    const name = group || (groups.size > 1 ? "No group" : "");
    if (name) add({ name, isGroup: true }, GROUP_HEIGHT);
    for (const each of found) add({ ...each, isGroup: false }, laneHeight);
  }
  return { rows, height: y };
};

/** Those between two heights; all but the lanes that are seen is left out. */
export const seenRows = (rows, top, bottom) =>
  rows.filter(({ y, height }) => y + height > top && y < bottom);
