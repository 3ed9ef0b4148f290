// What pages show until the store is filled: nothing at first, then grey lines; and what went wrong.

import { m } from "./view.js";
import { skeletonRows, SLOW } from "./loader.js";
import { load, store } from "./store.js";
import { Trouble } from "./trouble.js";

/** attrs: title, the heading, and isTitleSeen; rows of grey lines. */
export const Waiting = () => {
  let isSlow = false;
  let timer = 0;
  return {
    oninit() {
      timer = setTimeout(() => ((isSlow = true), m.redraw()), SLOW);
    },
    onremove: () => clearTimeout(timer),
    view: ({ attrs: { title, isTitleSeen = true, rows = 6 } }) => [
      m(isTitleSeen ? "h1" : "h1.sr-only", title),
      store.problem
        ? m(Trouble, { problem: store.problem, retry: () => load(false) })
        : isSlow && m(".panel", skeletonRows(rows)),
    ],
  };
};
