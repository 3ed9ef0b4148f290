// Beside the tasks: what needs attention, what runs, what comes and what was.

import { m } from "../view.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { link, runUrl, taskUrl } from "../router.js";
import { RunState, TaskState, wantsAttention } from "../states.js";
import { store } from "../store.js";
import { Ago, Countdown, RunLength } from "../times.js";

const SHOWN = 6;

const panel = (title, number, body) =>
  m("section.panel.side", { "aria-label": title }, [
    m(".panel-head", [m("h2", title), number > 0 && m("span.muted.small", count(number))]),
    body,
  ]);

const rows = (list, row, empty) =>
  list.length ? m("ul.side-rows", list.slice(0, SHOWN).map(row)) : m("p.side-empty.muted", empty);

const more = (list, url) =>
  list.length > SHOWN && link(url, { class: "side-more" }, `All ${count(list.length)}`);

const attentionRow = (task) => {
  const run = task.last_run;
  return m("li", { key: task.name }, [
    m(".side-line", [
      link(runUrl(run), { class: "side-name" }, task.name),
      m(Ago, { at: run.end_at ?? run.created_at }),
    ]),
    m(".side-line", task.kind === "service" ? m(TaskState, { task }) : m(RunState, { run })),
    run.message && m("p.detail", { title: run.message }, run.message),
  ]);
};

const Attention = {
  view: () => {
    const found = [...store.tasks.values()].filter(wantsAttention);
    found.sort((a, b) => (a.last_run.id < b.last_run.id ? 1 : -1));
    return panel("Needs attention", found.length, [
      rows(found, attentionRow, [m("span.tone-success", icon("success")), "All is well."]),
      more(found, "/?tab=attention"),
    ]);
  },
};

const runningRow = (run) =>
  m("li", { key: run.id }, [
    m(".side-line", [
      link(runUrl(run), { class: "side-name" }, run.task_name),
      m("span.tone-running.side-running", [icon("running"), m(RunLength, { run })]),
    ]),
  ]);

const Running = {
  view: () => {
    const running = [...store.active.values()].filter((run) => run.status === "running");
    const tasks = running.filter((run) => run.kind === "task").sort((a, b) => (a.id < b.id ? -1 : 1));
    const services = running.length - tasks.length;
    return panel("Running now", tasks.length, [
      rows(tasks, runningRow, "No task runs just now."),
      more(tasks, "/runs?status=running"),
      services > 0 &&
        m("p.side-note.muted", [
          link("/?tab=running", {}, plural(services, "service instance")),
          services === 1 ? " is up." : " are up.",
        ]),
    ]);
  },
};

const nextRow = (task) =>
  m("li", { key: task.name }, [
    m(".side-line", [
      link(taskUrl(task.name), { class: "side-name" }, task.name),
      m(Countdown, { at: task.next_run_at }),
    ]),
  ]);

const Next = {
  view: () => {
    const found = [...store.tasks.values()].filter((task) => task.next_run_at);
    found.sort((a, b) => (a.next_run_at < b.next_run_at ? -1 : 1));
    return panel("Up next", 0, rows(found, nextRow, "Nothing is scheduled."));
  },
};

const recentRow = (run) =>
  m("li", { key: run.id }, [
    m(".side-line", [
      link(runUrl(run), { class: "side-name" }, run.task_name),
      m(Ago, { at: run.end_at ?? run.start_at ?? run.created_at }),
    ]),
    m(".side-line", [m(RunState, { run }), run.start_at && m("span.muted.small", m(RunLength, { run }))]),
  ]);

const Recent = {
  view: () =>
    panel("Recent activity", 0, [
      rows(store.recent, recentRow, "Nothing has run yet."),
      store.recent.length > SHOWN && link("/runs", { class: "side-more" }, "All runs"),
    ]),
};

/** First what may need a hand, then the rest: on a phone the tasks are between them. */
export const Urgent = { view: () => m(".aside.urgent", [m(Attention), m(Running)]) };
export const Calm = { view: () => m(".aside.calm", [m(Next), m(Recent)]) };
