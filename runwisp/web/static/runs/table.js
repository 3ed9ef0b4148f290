// Runs as rows: what became of each, why, when, for how long, with what; and what can be done with it.

import { m } from "../view.js";
import { deleteRun, stopRun } from "../actions.js";
import { bytes, clockLength, clockTime, count, date, length } from "../format.js";
import { icon } from "../icons.js";
import { link, runUrl, setQuery, taskUrl } from "../router.js";
import { RunState } from "../states.js";
import { store } from "../store.js";
import { Ago, RunLength } from "../times.js";
import { DEFAULT_SORT, FIRST_PAGE } from "./filters.js";

const TEXT = "";
const NUMBER = "number";

/** Field of the API to sort by, heading, class. */
const columns = (hasTask) => [
  ["", "Result", TEXT],
  hasTask ? ["task_name", "Task", TEXT] : ["", "Message", TEXT],
  ["created_at", "Created", TEXT],
  ["duration", "Took", NUMBER],
  ["exit_code", "Exit", NUMBER],
  ["", "Trigger", TEXT],
  ["cpu_seconds", "CPU", "number seldom"],
  ["max_rss_bytes", "Memory", "number seldom"],
  ["log_lines", "Log lines", "number seldom"],
];

const SIGNS = { ascending: "up", descending: "down" };

const direction = (given, field) => {
  if ((given.sort || DEFAULT_SORT) !== field) return undefined;
  return given.dir === "asc" ? "ascending" : "descending";
};

/** The largest and the newest first, then the other way round; the usual order is not in the address. */
const sortBy = (given, field) => {
  const isAscending = direction(given, field) === "descending";
  setQuery(
    { ...FIRST_PAGE, sort: field === DEFAULT_SORT ? "" : field, dir: isAscending ? "asc" : "" },
    { isStep: true },
  );
};

const heading =
  (given) =>
  ([field, label, kind]) => {
    const now = field && direction(given, field);
    return m("th", { scope: "col", class: kind, "aria-sort": now || undefined }, [
      field
        ? m("button.sort", { type: "button", onclick: () => sortBy(given, field) }, [
            label,
            now && icon(SIGNS[now]),
          ])
        : label,
    ]);
  };

const cell = (label, kind, children) => m("td", { "data-label": label, class: kind }, children);

/** Shorter waits are not told: every start takes a moment. */
const NOTABLE = 1000;

const waited = ({ created_at, start_at }) =>
  start_at ? Date.parse(start_at) - Date.parse(created_at) : 0;

const startedBy = (run) => {
  const what = run.retry_attempt ? `retry ${run.retry_attempt}` : run.triggered_by;
  const isOneOfMany = run.replica_index > 0 || store.tasks.get(run.task_name)?.instances > 1;
  return isOneOfMany ? `${what}, instance ${run.replica_index + 1}` : what;
};

/** A run that never started has not taken any time, and used nothing. */
const used = (value, words) => (value === undefined ? m("span.muted", "–") : words(value));

const seconds = (value) => length(1000 * value);

const button = (name, label, act) =>
  m(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, onclick: act },
    icon(name),
  );

const action = (run, forget) => {
  if (run.status !== "ended") {
    return button("stop", "Stop Now", () => stopRun(run, store.tasks.get(run.task_name)));
  }
  return button("trash", "Delete", async () => {
    if (await deleteRun(run)) forget(run);
  });
};

/** attrs.run; drawn anew only when it is another one. */
const Row = {
  onbeforeupdate: ({ attrs }, old) => attrs.run !== old.attrs.run,
  view: ({ attrs: { run, hasTask, forget } }) => {
    const at = run.created_at;
    return m("tr", [
      m("td.result", link(runUrl(run), {}, m(RunState, { run }))),
      hasTask
        ? m("th.about", { scope: "row" }, [
            link(taskUrl(run.task_name), {}, run.task_name),
            run.message && m("p.why", run.message),
          ])
        : m("td.about", run.message && m("p.why", run.message)),
      cell(
        "Created",
        "",
        m("span.when", [
          m(Ago, { at }),
          m("span.detail", `${date(at)}, ${clockTime(at)}`),
          waited(run) >= NOTABLE && m("span.detail", `started ${clockLength(waited(run))} later`),
        ]),
      ),
      cell("Took", NUMBER, m(RunLength, { run })),
      cell("Exit", NUMBER, run.status === "ended" ? run.exit_code : m("span.muted", "–")),
      cell("Trigger", "trigger", startedBy(run)),
      cell("CPU", "number seldom", used(run.cpu_seconds, seconds)),
      cell("Memory", "number seldom", used(run.max_rss_bytes, bytes)),
      cell(
        "Log lines",
        "number seldom",
        run.status === "ended" ? count(run.log_lines) : m("span.muted", "–"),
      ),
      m("td.actions", action(run, forget)),
    ]);
  },
};

/** attrs: list (list.js), hasTask, label. */
export const RunTable = {
  view: ({ attrs: { list, hasTask, label } }) =>
    m("table.table.cards.runs", { "aria-label": label, "aria-busy": String(list.isLoading) }, [
      m(
        "thead",
        m("tr", [
          columns(hasTask).map(heading(list.given)),
          m("th", { scope: "col" }, m("span.sr-only", "Actions")),
        ]),
      ),
      m(
        "tbody",
        list.rows.map((run) => m(Row, { key: run.id, run, hasTask, forget: list.forget })),
      ),
    ]),
};
