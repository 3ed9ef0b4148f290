// Something loaded for a page, and what is seen while it comes, when it fails and when it is there.

import { m } from "./view.js";
import { Trouble } from "./trouble.js";

/** Milliseconds after which what is still loading is shown to be. */
export const SLOW = 200;

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} fetch
 */
export const loader = (fetch) => {
  let running = null;
  const self = {
    /** @type {T | null} stays while it is loaded anew */
    data: null,
    /** @type {import("./api.js").Problem | null} */
    problem: null,
    isLoading: false,
    isSlow: false,

    async load() {
      running?.abort();
      const mine = (running = new AbortController());
      const slow = setTimeout(() => ((self.isSlow = true), m.redraw()), SLOW);
      self.isLoading = true;
      try {
        const data = await fetch(mine.signal);
        if (running === mine) [self.data, self.problem] = [data, null];
      } catch (error) {
        if (error.name !== "AbortError" && !("status" in error)) throw error;
        if (running === mine && "status" in error) self.problem = error;
      } finally {
        clearTimeout(slow);
        if (running === mine) [self.isLoading, self.isSlow] = [false, false];
        m.redraw();
      }
    },

    /** In onremove of the page. */
    stop: () => running?.abort(),

    /** @param {(data: T) => any} render @param {() => any} skeleton seen while it is slow */
    view: (render, skeleton = () => skeletonRows(5)) => {
      if (self.data !== null) return [self.problem && trouble(self), render(self.data)];
      if (self.problem) return trouble(self);
      return self.isSlow ? skeleton() : null;
    },
  };
  return self;
};

const trouble = (self) => m(Trouble, { problem: self.problem, retry: self.load });

/** Grey lines where text is about to be. */
export const skeletonRows = (rows) =>
  m(".skeleton", { role: "status", "aria-label": "Loading" }, Array.from({ length: rows }, () => m("div")));
