// What there is to know about a run besides its log.

import { m } from "../view.js";
import { bytes, count, length, plural } from "../format.js";
import { icon } from "../icons.js";
import { link, runUrl } from "../router.js";
import { stateText } from "../states.js";
import { Exact, RunLength } from "../times.js";

/** What a run was started by. */
export const TRIGGERS = {
  cron: "its schedule",
  api: "hand or API",
  service: "the service",
  startup: "the start of the daemon",
  exec: "runwisp exec",
};

const EXIT = { "-1": "never started", "-2": "unknown, crashed" };

const fact = (term, value) =>
  value !== undefined && value !== null && value !== false && m("div", [m("dt", term), m("dd", value)]);

const at = (when) => when && m(Exact, { at: when });

const exitCode = ({ status, exit_code }) =>
  status === "ended" && [
    m("span.mono", exit_code),
    EXIT[exit_code] && m("span.muted", ` (${EXIT[exit_code]})`),
  ];

const attempt = (run) => run && link(runUrl(run), {}, stateText(run));

const log = (run) =>
  run.status === "ended" && `${plural(run.log_lines, "line")}, ${bytes(run.log_bytes)}`;

/** attrs: run, neighbours. */
export const Facts = {
  view: ({ attrs: { run, neighbours } }) =>
    m("dl.facts", [
      fact("Exit code", exitCode(run)),
      fact("Triggered by", TRIGGERS[run.triggered_by]),
      fact("Scheduled for", at(run.scheduled_for)),
      fact("Decided", run.start_at !== run.created_at && at(run.created_at)),
      fact("Started", at(run.start_at)),
      fact("Ended", at(run.end_at)),
      fact("Due", run.status === "pending" && at(run.due_at)),
      fact("Took", run.start_at && m(RunLength, { run })),
      fact("CPU time", run.cpu_seconds !== undefined && length(1000 * run.cpu_seconds)),
      fact("Peak memory", run.max_rss_bytes !== undefined && bytes(run.max_rss_bytes)),
      fact("Output", log(run)),
      fact("Lines dropped", run.log_dropped_lines > 0 && count(run.log_dropped_lines)),
      fact("Instance", run.kind === "service" && count(run.replica_index + 1)),
      fact("Retry", run.retry_attempt > 0 && count(run.retry_attempt)),
      fact(
        "Retry of",
        run.retry_of_run_id &&
          link(runUrl({ ...run, id: run.retry_of_run_id }), {}, "the attempt before"),
      ),
      fact("Tried again", attempt(neighbours.retry)),
      fact("Run id", m("code", run.id)),
    ]),
};

const neighbour = (run, label, sign) =>
  run
    ? link(runUrl(run), { class: `button quiet is-${sign}` }, [icon(sign), label])
    : m("span");

/** The runs before and after: attrs.neighbours. */
export const Neighbours = {
  view: ({ attrs: { neighbours } }) =>
    (neighbours.earlier || neighbours.later) &&
    m("nav.run-nav", { "aria-label": "Runs of this task" }, [
      neighbour(neighbours.earlier, "Earlier run", "left"),
      neighbour(neighbours.later, "Later run", "right"),
    ]),
};
