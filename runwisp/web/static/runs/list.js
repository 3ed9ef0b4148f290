// A page of the list of runs: loads it, knows the way to its neighbours, and hears what happens meanwhile.
// Rows that are seen change where they stand; new ones are counted, and come when they are asked for.

import { m } from "../view.js";
import { get } from "../api.js";
import { SLOW } from "../loader.js";
import { newsFor } from "../news.js";
import { onReload, onRuns } from "../store.js";
import { matches, paramsOf } from "./filters.js";

/** Of a page: of all tasks, and of one, below which its definition stands. */
const ROWS = { all: 50, ofTask: 20 };
/** As far as the API counts from the start of a list. */
const FURTHEST_OFFSET = 10_000;

/** The page before each cursor, so far as this tab came by it. */
const TRAIL = "runwisp.trail";
const LONGEST_TRAIL = 500;

const remembered = () => {
  try {
    return JSON.parse(sessionStorage.getItem(TRAIL) ?? "[]");
  } catch {
    return []; // storage is forbidden here: a reload loses the way back
  }
};
const trail = new Map(remembered());

const pass = (cursor, place) => {
  trail.delete(cursor);
  trail.set(cursor, place);
  try {
    sessionStorage.setItem(TRAIL, JSON.stringify([...trail].slice(-LONGEST_TRAIL)));
  } catch {
    // as above
  }
};

/**
 * @param {() => object} asked what stands in the address now: see filters.js
 * @param {string} taskName "" for all tasks
 */
export const runList = (asked, taskName = "") => {
  const size = taskName ? ROWS.ofTask : ROWS.all;
  let running = null;
  /** What was asked for last, and what the rows are. */
  let wanted = {};
  let given = {};
  let leave = [];
  const fresh = new Set();

  const self = {
    /** @type {object[]} in the order in which they are shown */
    rows: [],
    /** @type {number | undefined} */
    total: undefined,
    /** Where the list goes on, away from where it began. */
    next: "",
    isLoading: false,
    isLoaded: false,
    isSlow: false,
    problem: null,
    get freshCount() {
      return fresh.size;
    },
    get given() {
      return given;
    },

    start() {
      leave = [onRuns(news.hear), onReload(self.load), news.forget];
      return self.load();
    },

    end() {
      running?.abort();
      leave.forEach((each) => each());
    },

    /** Where the address has changed. */
    follow() {
      const now = asked();
      const isSame = JSON.stringify(now) === JSON.stringify(wanted);
      if (!isSame) self.load();
    },

    async load() {
      running?.abort();
      const mine = (running = new AbortController());
      wanted = asked();
      fresh.clear();
      const slow = setTimeout(() => ((self.isSlow = true), m.redraw()), SLOW);
      Object.assign(self, { isLoading: true, problem: null });
      try {
        await fill(wanted, mine);
      } catch (error) {
        if (error.name !== "AbortError" && !("status" in error)) throw error;
        if (running === mine && "status" in error) self.problem = error;
      } finally {
        clearTimeout(slow);
        if (running === mine) Object.assign(self, { isLoading: false, isSlow: false });
        m.redraw();
      }
    },

    /** No further into a long list: what was found stays. */
    stop() {
      running?.abort();
      running = null;
      Object.assign(self, { isLoading: false, isSlow: false });
    },

    /** The address of the page further from where the list began; null where there is none. */
    further: () => {
      if (!self.next) return null;
      return { at: self.next, row: String(firstRow(given) + self.rows.length) };
    },

    /** The address of the page nearer to it; null where there is none or no way to it. */
    nearer: () => {
      if (firstRow(given) === 1) return null;
      if (trail.has(given.at)) return trail.get(given.at);
      const offset = firstRow(given) - 1 - size;
      if (offset > FURTHEST_OFFSET) return null;
      return offset > 0 ? { at: "", row: String(offset + 1) } : { at: "", row: "" };
    },

    forget: (run) => {
      self.rows = self.rows.filter(({ id }) => id !== run.id);
    },
  };

  /** A filter without an index gives short pages: asks on until this one is full. */
  const fill = async (place, mine) => {
    const params = paramsOf({ ...place, task: taskName || place.task }, Date.now());
    const offset = place.at ? 0 : Math.min(firstRow(place) - 1, FURTHEST_OFFSET);
    let before = place.at;
    let isBegun = false;
    const portion = async () => {
      const limit = size - (isBegun ? self.rows.length : 0);
      const where = { limit, before, offset: before ? undefined : offset || undefined };
      const page = await get("/api/runs", { ...params, ...where }, { signal: mine.signal });
      if (running !== mine) return;
      const found = isBegun ? self.rows : [];
      const rows = place.end ? [...page.runs.toReversed(), ...found] : [...found, ...page.runs];
      page.runs.forEach(({ id }) => fresh.delete(id));
      before = page.next_cursor;
      given = place;
      isBegun = true;
      Object.assign(self, { rows, total: page.total, next: before ?? "", isLoaded: true });
      if (self.isSlow) m.redraw();
    };
    do await news.after(portion);
    while (running === mine && before && self.rows.length < size);
    if (running === mine && before) pass(before, { at: place.at ?? "", row: place.row ?? "" });
  };

  const hear = ({ type, run }) => {
    if (taskName && run.task_name !== taskName) return;
    if (type === "run.deleted") {
      fresh.delete(run.id);
      return self.forget(run);
    }
    const at = self.rows.findIndex(({ id }) => id === run.id);
    if (at >= 0) self.rows[at] = run;
    else if (isNew(type, run)) fresh.add(run.id);
  };

  const news = newsFor((changes) => changes.forEach(hear));

  /** A run that was there before is new to a list of a status once it has that. */
  const isNew = (type, run) =>
    type !== "run.updated" &&
    (type === "run.created" || Boolean(wanted.status)) &&
    matches(run, wanted, Date.now());

  return self;
};

/** The number of the first row of a page, from 1; counted from the end where it is read from there. */
export const firstRow = (given) => Math.max(1, Number.parseInt(given.row, 10) || 1);
