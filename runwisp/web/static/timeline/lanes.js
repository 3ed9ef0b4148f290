// Runs by task, as the timeline draws them: when each began and ended, and beside which others. Pure.

import { stateOf } from "../states.js";

/** More at once are drawn over one another. */
const MOST_SLOTS = 4;

/**
 * @typedef {{run: object, start: number, end: number, tone: string, isPoint: boolean, slot: number}} Mark
 *   end is Infinity while it goes on; isPoint: it never started
 */

/** @returns {Mark} */
const markOf = (run) => {
  const { tone } = stateOf(run);
  const isPoint = run.status === "ended" && !run.start_at;
  const start = Date.parse(
    isPoint ? (run.scheduled_for ?? run.created_at) : (run.start_at ?? run.created_at),
  );
  const end = run.status === "ended" ? Math.max(start, Date.parse(run.end_at)) : Infinity;
  return { run, start, end: isPoint ? start : end, tone, isPoint, slot: 0 };
};

const lane = () => {
  const byId = new Map();
  let isOrdered = true;
  const self = {
    /** @type {Mark[]} by their start, once `order` was called */
    marks: [],
    /** How many run beside one another at most. */
    slots: 1,
    /** The longest of those that have ended; those that have not are in `open`. */
    reach: 0,
    put(run) {
      byId.set(run.id, markOf(run));
      isOrdered = false;
    },
    drop(id) {
      if (byId.delete(id)) isOrdered = false;
    },
    order() {
      if (isOrdered) return self;
      isOrdered = true;
      self.marks = [...byId.values()].sort((a, b) => a.start - b.start);
      self.reach = 0;
      self.slots = 1;
      const busyUntil = [];
      for (const mark of self.marks) settle(mark, busyUntil);
      return self;
    },
  };

  const settle = (mark, busyUntil) => {
    if (mark.end !== Infinity) self.reach = Math.max(self.reach, mark.end - mark.start);
    if (mark.isPoint) return;
    const free = busyUntil.findIndex((until) => until <= mark.start);
    mark.slot = free >= 0 ? free : busyUntil.length % MOST_SLOTS;
    busyUntil[mark.slot] = mark.end;
    self.slots = Math.max(self.slots, mark.slot + 1);
  };

  return self;
};

export const lanes = () => {
  /** @type {Map<string, ReturnType<typeof lane>>} */
  const byTask = new Map();
  /** @type {Map<string, object>} by id */
  const runs = new Map();
  const of = (name) => {
    if (!byTask.has(name)) byTask.set(name, lane());
    return byTask.get(name);
  };
  const self = {
    of: (name) => of(name).order(),
    names: () => byTask.keys(),
    get size() {
      return runs.size;
    },
    put(run) {
      runs.set(run.id, run);
      of(run.task_name).put(run);
    },
    drop(run) {
      runs.delete(run.id);
      of(run.task_name).drop(run.id);
    },
    clear() {
      byTask.clear();
      runs.clear();
    },
    /** Keeps so many, the newest, and what goes on. @returns the time in ms before which some are not here */
    keep(most) {
      const ended = [...runs.values()].filter(({ status }) => status === "ended");
      ended.sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      const oldest = ended.slice(0, runs.size - most);
      oldest.forEach(self.drop);
      return Date.parse(oldest.at(-1).created_at);
    },
  };
  return self;
};

/** The place of the first mark that starts at `at` or later. */
const placeOf = (marks, at) => {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle].start < at) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Calls `visit` for what is seen of a lane, in order. What goes on may have begun at any time. */
export const eachSeen = ({ marks, reach }, from, to, visit) => {
  const first = placeOf(marks, from - reach);
  for (let at = 0; at < first; at++) if (marks[at].end === Infinity) visit(marks[at]);
  for (let at = first; at < marks.length && marks[at].start <= to; at++) {
    if (marks[at].end >= from) visit(marks[at]);
  }
};
