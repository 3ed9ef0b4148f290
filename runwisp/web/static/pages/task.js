// One task or service: what it is, how it fares, all its runs; also one that is no longer configured.

import { m } from "../view.js";
import { link } from "../router.js";
import { RunsPanel } from "../runs/panel.js";
import { store } from "../store.js";
import { styles } from "../styles.js";
import { Charts } from "../task/charts.js";
import { Definition } from "../task/definition.js";
import { Head } from "../task/head.js";
import { Waiting } from "../waiting.js";

await Promise.all([styles("/css/runs.css"), styles("/css/task.css")]);

const history = (name, emptyText) =>
  m(RunsPanel, {
    taskName: name,
    label: `Runs of ${name}`,
    heading: m(".panel-head", m("h2", "Runs")),
    emptyText,
  });

const known = (task) =>
  m(".task-page", [
    m(Head, { task }),
    m(Charts, { name: task.name }),
    history(task.name, "Run it by hand, or wait for its schedule."),
    m(Definition, { task }),
  ]);

const gone = (name) =>
  m(".task-page", [
    m("header", [
      m("h1", name),
      m("p.muted", [
        "It is not in the configuration now. What it ran is here as long as it is kept. ",
        link("/", {}, "All tasks"),
      ]),
    ]),
    history(name, "No task of this name has ever run."),
  ]);

export default {
  title: ({ name }) => name,
  view: ({ attrs: { name } }) => {
    if (!store.isLoaded) return m(Waiting, { title: name });
    const task = store.tasks.get(name);
    return task ? known(task) : gone(name);
  },
};
