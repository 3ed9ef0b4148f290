// The runs of the last days, the newest first, as far back as is looked at and as many as a browser bears.

import { m } from "../view.js";
import { get } from "../api.js";
import { newsFor } from "../news.js";
import { onReload, onRuns, store } from "../store.js";
import { lanes } from "./lanes.js";
import { LONGEST } from "./span.js";

const PAGE = 1000;
/** Loaded without being asked, and as many more each time one asks. */
const PORTION = 20_000;

/** @param {() => number} wantedFrom how far back is looked at, in ms @param {() => void} changed */
export const timelineRuns = (wantedFrom, changed) => {
  const found = lanes();
  let cursor = "";
  let running = null;
  let floor = 0;
  let portions = 1;
  let leave = [];

  const self = {
    lanes: found,
    /** Everything since then is here, in ms. */
    since: Infinity,
    isLoading: false,
    problem: null,
    /** Whether there is more than was loaded in what is looked at. */
    get isCut() {
      return !self.isLoading && found.size >= portions * PORTION && self.since > wantedFrom();
    },

    start() {
      leave = [onRuns(news.hear), onReload(self.load), news.forget];
      self.load();
    },

    end() {
      running?.abort();
      leave.forEach((each) => each());
    },

    load() {
      running?.abort();
      running = null;
      found.clear();
      floor = Date.now() - LONGEST;
      Object.assign(self, { since: Infinity });
      cursor = "";
      portions = 1;
      known();
      return self.further();
    },

    more() {
      portions++;
      return self.further();
    },

    /** Goes on as far as is looked at. */
    async further() {
      if (running || self.since <= wantedFrom() || self.since <= floor) return;
      const mine = (running = new AbortController());
      Object.assign(self, { isLoading: true, problem: null });
      try {
        while (found.size < portions * PORTION && self.since > Math.max(floor, wantedFrom())) {
          await news.after(() => page(mine));
          if (running !== mine) return;
          changed();
        }
      } catch (error) {
        if (error.name !== "AbortError" && !("status" in error)) throw error;
        if (running === mine && "status" in error) self.problem = error;
      } finally {
        if (running === mine) {
          running = null;
          self.isLoading = false;
          m.redraw();
        }
      }
    },
  };

  /** What began before all that is loaded may still go on, or may have ended since: the last run of each task. */
  const known = () => {
    for (const task of store.tasks.values()) if (task.last_run) found.put(task.last_run);
    for (const run of store.active.values()) found.put(run);
    changed();
  };

  /** As many as were asked for, however long they are heard of. To find what is dropped, it begins anew. */
  const trim = () => {
    if (running || found.size < portions * PORTION + PAGE) return;
    self.since = Math.max(self.since, found.keep(portions * PORTION));
    cursor = "";
  };

  const page = async (mine) => {
    const created_after = new Date(floor).toISOString();
    const params = { created_after, before: cursor, limit: PAGE };
    const { runs, next_cursor } = await get("/api/runs", params, { signal: mine.signal });
    if (running !== mine) return;
    runs.forEach(found.put);
    cursor = next_cursor ?? "";
    const upTo = cursor ? Date.parse(runs.at(-1)?.created_at ?? self.since) : floor;
    self.since = Math.min(self.since, upTo);
  };

  const news = newsFor((changes) => {
    for (const { type, run } of changes) {
      if (type === "run.deleted") found.drop(run);
      else found.put(run);
    }
    trim();
    changed();
  });

  return self;
};
