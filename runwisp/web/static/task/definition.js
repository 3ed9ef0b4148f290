// What a task is, as the daemon resolved it: every key of its table in the configuration, in groups.

import { m } from "../view.js";
import { cronWords } from "../cronwords.js";
import { bytes, count, duration, plural } from "../format.js";
import { store } from "../store.js";
import { Ago } from "../times.js";

const code = (text) => m("code", text);
const yesNo = (value) => (value ? "yes" : "no");
const list = (values) => (values.length ? values.join(", ") : "none");

const CATCH_UP = { skip: "skip: not at all", latest: "latest: the last one", all: "all of them" };
const ON_OVERLAP = {
  queue: "queue: it waits for its turn",
  skip: "skip: it is recorded as failed",
  terminate: "terminate: the oldest run is stopped",
};
const RESTART = { always: "always", on_failure: "on failure", never: "never" };
const LOG_ON_FULL = {
  drop_old: "drop_old: the oldest lines go",
  drop_new: "drop_new: the newest lines go",
  kill_task: "kill_task: the run is ended",
};
const worded = (words) => (value) => words[value] ?? value;

const cron = (value) => [cronWords(value) && `${cronWords(value)} `, code(value)];

/** Each key, how its value is told, and what is told where it is absent, if anything. */
const GROUPS = [
  [
    "When it runs",
    [
      ["cron", cron],
      ["timezone", String],
      ["run_on_start", yesNo],
      ["catch_up", worded(CATCH_UP)],
      ["max_catch_up_runs", count],
      ["api_trigger", (value) => (value ? "yes" : "no: not by hand")],
      ["autostart", yesNo],
      ["instances", count],
    ],
  ],
  [
    "Overlap, retries, restarts",
    [
      ["parallelism", (value) => plural(value, "run") + " at once"],
      ["on_overlap", worded(ON_OVERLAP)],
      ["queue_max", count],
      ["retry_attempts", count],
      ["retry_delay", duration],
      ["retry_backoff", String],
      ["restart", worded(RESTART)],
      ["restart_delay", duration],
      ["restart_backoff", String],
      ["healthy_after", duration],
    ],
  ],
  [
    "How it ends",
    [
      ["timeout", duration, "none"],
      ["exit_codes", (values) => `success: ${list(values)}`],
      ["stop_signal", String],
      ["graceful_stop", duration],
    ],
  ],
  [
    "Log and history",
    [
      ["log_max_size", bytes],
      ["log_on_full", worded(LOG_ON_FULL)],
      ["keep_runs", count, "all"],
      ["keep_for", duration, "forever"],
    ],
  ],
  [
    "Notifications",
    [
      ["notify_on_failure", list],
      ["notify_on_success", list],
    ],
  ],
];

/** Keys that the other kind has are not told as absent. */
const ONLY = { timeout: "task" };

const fact = (key, value) => m("div", [m("dt", code(key)), m("dd", value)]);

const facts =
  (task) =>
  ([key, words, otherwise]) => {
    if (task[key] !== undefined) return fact(key, words(task[key]));
    return otherwise && (ONLY[key] ?? task.kind) === task.kind
      ? fact(key, m("span.muted", otherwise))
      : null;
  };

const group =
  (task) =>
  ([title, keys]) =>
    m("section.definition-group", [m("h3", title), m("dl.facts", keys.map(facts(task)))]);

const command = (task) =>
  m("section.definition-group", [
    m("h3", "What it runs"),
    m("pre.command", { tabindex: 0, "aria-label": "Command" }, task.run),
    m("dl.facts", [
      fact("shell", task.shell ? code(task.shell) : m("span.muted", "started directly")),
      fact("working_dir", code(task.working_dir)),
      task.user && fact("user", task.user),
      task.umask && fact("umask", code(task.umask)),
    ]),
  ]);

/** Their values are known to the daemon alone. */
const environment = (task) => {
  const names = Object.keys(task.env);
  return m("section.definition-group", [
    m("h3", "Environment"),
    m("dl.facts", [
      fact(
        "env",
        names.length
          ? m(
              "ul.names",
              names.map((name) => m("li", [code(name), m("span.muted", " = hidden")])),
            )
          : m("span.muted", "nothing of its own"),
      ),
      task.env_file && fact("env_file", code(task.env_file)),
    ]),
  ]);
};

const origin = () =>
  m("p.muted.small", [
    "From ",
    code(store.info.config_path),
    ", loaded ",
    m(Ago, { at: store.info.config_loaded_at }),
    store.info.config_stale ? "; the file has changed since." : ".",
  ]);

/** attrs.task */
export const Definition = {
  view: ({ attrs: { task } }) =>
    m("details.panel.definition", { open: true }, [
      m("summary.panel-head", m("h2", "Definition")),
      m(".panel-body", [
        m(".definition-groups", [command(task), environment(task), GROUPS.map(group(task))]),
        origin(),
      ]),
    ]),
};
