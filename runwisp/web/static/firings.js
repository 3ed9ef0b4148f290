// When a task fires next. The daemon knows the schedules, and is asked when somebody looks.

import { get, taskPath } from "./api.js";
import { m } from "./view.js";

const AT_ONCE = 100;
/** With fewer than this many known the daemon is asked again. */
const ENOUGH = 20;
/** By name of the task: instants in RFC 3339, and the one that was the next when the daemon was asked. */
const known = new Map();

const load = async (task) => {
  const mine = { asked: task.next_run_at, ats: [task.next_run_at] };
  known.set(task.name, mine);
  try {
    const found = await get(`${taskPath(task.name)}/firings`, { limit: AT_ONCE });
    mine.ats = found.map(({ at }) => at);
    m.redraw();
  } catch (problem) {
    // Where the daemon does not answer, the next firing is what is known; it is asked about the one after.
    if (!("status" in problem)) throw problem;
  }
};

/** @returns {string[]} RFC 3339, at most so many and none after `until` (ms) */
export const firings = (task, until, most) => {
  const next = task.next_run_at;
  if (!next) return [];
  const ats = known.get(task.name)?.ats ?? [];
  const left = ats.slice(ats.indexOf(next));
  const isKnown = ats.includes(next) && (left.length >= ENOUGH || known.get(task.name).asked === next);
  if (!isKnown) load(task);
  return (isKnown ? left : [next]).slice(0, most).filter((at) => Date.parse(at) <= until);
};
