// One run: why it ended, what it took, what it printed.

import { m } from "../view.js";
import { deleteRun, runTask, stopRun } from "../actions.js";
import { get, runPath, taskPath } from "../api.js";
import { icon } from "../icons.js";
import { loader, skeletonRows } from "../loader.js";
import { LogPanel } from "../log/panel.js";
import { newsFor } from "../news.js";
import { link, taskUrl } from "../router.js";
import { Facts, Neighbours, TRIGGERS } from "../run/facts.js";
import { Why } from "../run/why.js";
import { RunState, stateText } from "../states.js";
import { onReload, onRuns, store } from "../store.js";
import { styles } from "../styles.js";
import { Ago, RunLength } from "../times.js";

await Promise.all(["/css/run.css", "/css/log.css"].map(styles));

const AROUND = 30;

/** The runs next to it in time, and the attempt that followed. */
const around = async (run, signal) => {
  const [later, earlier] = await Promise.all([
    get(
      `${taskPath(run.task_name)}/runs`,
      { created_after: run.created_at, sort_direction: "asc", limit: AROUND },
      { signal },
    ),
    get(`${taskPath(run.task_name)}/runs`, { created_before: run.created_at, limit: 1 }, { signal }),
  ]);
  const after = later.runs.filter(({ id }) => id > run.id);
  return {
    later: after[0],
    earlier: earlier.runs[0],
    retry: after.find(({ retry_of_run_id }) => retry_of_run_id === run.id),
  };
};

/** The newest word about each attempt: what is known of the rest of the page is as old as its loading. */
const heard = (neighbours, run, change) => {
  if (change.task_name !== run.task_name || change.id <= run.id) return neighbours;
  const { later, retry } = neighbours;
  return {
    ...neighbours,
    later: !later || later.id === change.id ? change : later,
    retry: change.retry_of_run_id === run.id ? change : retry,
  };
};

const when = (word, at) => at && m("span", [`${word} `, m(Ago, { at })]);

const glance = (run) => [
  run.end_at
    ? when("ended", run.end_at)
    : when(run.start_at ? "started" : "decided", run.start_at ?? run.created_at),
  run.end_at && run.start_at && m("span", ["took ", m(RunLength, { run })]),
  m("span", `by ${TRIGGERS[run.triggered_by]}`),
];

const Page = ({ attrs: { name, id } }) => {
  const asked = { task_name: name, id };
  const run = loader((signal) => get(runPath(asked), {}, { signal }));
  const neighbours = loader(async (signal) => {
    await loaded;
    return run.data ? around(run.data, signal) : {};
  });
  let loaded = null;
  let isDeleted = false;
  let leave = [];

  const load = () => {
    loaded = own.after(run.load);
    others.after(neighbours.load);
  };

  const own = newsFor((changes) => {
    for (const { type, run: change } of changes) {
      if (change.id !== id) continue;
      if (type === "run.deleted") isDeleted = true;
      else run.data = change;
    }
  });

  const others = newsFor((changes) => {
    if (!run.data || !neighbours.data) return;
    for (const { run: change } of changes) {
      if (change.created_at) neighbours.data = heard(neighbours.data, run.data, change);
    }
  });

  const onDone = (ended) => own.hear([{ type: "run.completed", run: ended }]);

  const remove = async () => {
    if (await deleteRun(run.data)) m.route.set(taskUrl(name), null, { replace: true });
  };

  const actions = () => {
    const task = store.tasks.get(name);
    const current = run.data;
    const isOver = current.status === "ended";
    return m(".run-actions", [
      !isOver &&
        m("button.button", { type: "button", onclick: () => stopRun(current, task) }, [
          icon("stop"),
          current.status === "pending" ? "Cancel" : "Stop Now",
        ]),
      isOver && task?.kind === "task" && task.api_trigger &&
        m("button.button", { type: "button", onclick: () => runTask(task) }, [icon("restart"), "Run again"]),
      isOver && !isDeleted &&
        m("button.button", { type: "button", onclick: remove }, [icon("trash"), "Delete"]),
    ]);
  };

  const head = (current) =>
    m("header.run-head", [
      m(".run-title", [
        m("h1", [m("span.run-of", "Run of "), link(taskUrl(name), {}, name)]),
        m(RunState, { run: current }),
      ]),
      actions(),
      m(Why, { run: current, task: store.tasks.get(name), retry: neighbours.data?.retry }),
      m("p.run-glance", glance(current)),
      isDeleted &&
        m("p.run-notice", { role: "status" }, [
          icon("trash"),
          "This run was deleted. What is seen here is gone when this page is left.",
        ]),
    ]);

  return {
    oninit() {
      load();
      leave = [onRuns(own.hear), onRuns(others.hear), onReload(load), own.forget, others.forget];
    },
    onremove() {
      leave.forEach((end) => end());
      run.stop();
      neighbours.stop();
    },
    view: () => [
      !run.data && m("h1", name),
      run.view(
        (current) =>
          m(".run", [
            head(current),
            m(LogPanel, { run: current, onDone }),
            m("aside.run-facts.panel", { "aria-label": "About this run" }, [
              m(".panel-head", m("h2", "About this run")),
              m(".panel-body", m(Facts, { run: current, neighbours: neighbours.data ?? {} })),
              m(Neighbours, { neighbours: neighbours.data ?? {} }),
            ]),
            m(".sr-only", { role: "status" }, stateText(current)),
          ]),
        () => m(".panel", skeletonRows(9)),
      ),
    ],
  };
};

export default Object.assign(Page, { title: ({ name }) => `Run of ${name}` });
