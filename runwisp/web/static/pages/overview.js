// The overview: the daemon, all its tasks, and what needs a look.

import { m } from "../view.js";
import { Head } from "../overview/head.js";
import { TaskList } from "../overview/list.js";
import { Calm, Urgent } from "../overview/panels.js";
import { store } from "../store.js";
import { styles } from "../styles.js";
import { Waiting } from "../waiting.js";

await styles("/css/overview.css");

export default {
  title: "Overview",
  view: () =>
    store.isLoaded
      ? m(".overview", [m(".overview-head", m(Head)), m(Urgent), m(TaskList), m(Calm)])
      : m(Waiting, { title: "Overview", isTitleSeen: false, rows: 9 }),
};
