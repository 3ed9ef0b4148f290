// All runs of all tasks, to the very first.

import { m } from "../view.js";
import { RunsPanel } from "../runs/panel.js";
import { styles } from "../styles.js";

await styles("/css/runs.css");

export default {
  title: "Runs",
  view: () => [
    m("h1", "All runs"),
    m(RunsPanel, { label: "All runs", emptyText: "Runs are here as soon as a task starts." }),
  ],
};
