// What is seen where there are no lines, and where the first are gone.

import { m } from "../view.js";
import { plural } from "../format.js";
import { icon } from "../icons.js";
import { skeletonRows } from "../loader.js";
import { Empty, Trouble } from "../trouble.js";

const SOON = "What it prints appears here at once.";
const WAITING = {
  pending: () => m(Empty, { title: "Not started yet" }, SOON),
  running: () => m(Empty, { title: "No output yet" }, SOON),
  ended: ({ start_at }) =>
    m(Empty, { title: "No output" }, start_at ? "It printed nothing." : "It never started."),
};

const gone = () =>
  m(Empty, { title: "The log is no longer available" }, [
    "A row is kept for longer than its log: see ",
    ["keep_runs", "keep_for", "[storage] max_size"].map((key, nth) => [nth > 0 && ", ", m("code", key)]),
    ".",
  ]);

/** attrs: log, run, isSlow, retry(). */
export const Nothing = {
  view: ({ attrs: { log, run, isSlow, retry } }) => {
    if (log.problem?.status === 404) return gone();
    if (log.problem) return m(Trouble, { problem: log.problem, retry });
    if (!log.isLoaded) return isSlow && skeletonRows(8);
    return log.last < log.first && WAITING[run.status](run);
  },
};

/** attrs.log */
export const Lost = {
  view: ({ attrs: { log } }) =>
    log.first > 1 &&
    m("p.log-lost", [
      icon("info"),
      m("span", [
        `The first ${plural(log.first - 1, "line")} are gone: the log reached its `,
        m("code", "log_max_size"),
        ".",
      ]),
    ]),
};
