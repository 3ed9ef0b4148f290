// The overview: the daemon, all its tasks, and what needs a look.

import { m } from "../view.js";
import { Head } from "../overview/head.js";
import { TaskList } from "../overview/list.js";
import { Calm, Urgent } from "../overview/panels.js";
import { skeletonRows } from "../loader.js";
import { load, store } from "../store.js";
import { styles } from "../styles.js";
import { Trouble } from "../trouble.js";

await styles("/css/overview.css");

const SLOW = 200;

const Waiting = () => {
  let isSlow = false;
  let timer = 0;
  return {
    oninit() {
      timer = setTimeout(() => ((isSlow = true), m.redraw()), SLOW);
    },
    onremove: () => clearTimeout(timer),
    view: () => [
      m("h1.sr-only", "Overview"),
      store.problem
        ? m(Trouble, { problem: store.problem, retry: () => load(false) })
        : isSlow && m(".panel", skeletonRows(9)),
    ],
  };
};

export default {
  title: "Overview",
  view: () =>
    store.isLoaded
      ? m(".overview", [m(".overview-head", m(Head)), m(Urgent), m(TaskList), m(Calm)])
      : m(Waiting),
};
