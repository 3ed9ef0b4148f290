// What pages show until the store is filled: nothing at first, then grey lines; and what went wrong.

import { m } from "./view.js";
import { skeletonRows } from "./loader.js";
import { load, store } from "./store.js";
import { Trouble } from "./trouble.js";

const SLOW = 200;

/** attrs.title is the heading. */
export const Waiting = () => {
  let isSlow = false;
  let timer = 0;
  return {
    oninit() {
      timer = setTimeout(() => ((isSlow = true), m.redraw()), SLOW);
    },
    onremove: () => clearTimeout(timer),
    view: ({ attrs: { title } }) => [
      m("h1", title),
      store.problem
        ? m(Trouble, { problem: store.problem, retry: () => load(false) })
        : isSlow && m(".panel", skeletonRows(6)),
    ],
  };
};
