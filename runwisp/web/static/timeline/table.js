// What the timeline shows, as a table: for each task what ran in the stretch that is seen.

import { m } from "../view.js";
import { count, length } from "../format.js";
import { link, taskUrl } from "../router.js";
import { Countdown } from "../times.js";
import { eachSeen } from "./lanes.js";

const counted = (lane, { from, to }, now) => {
  const found = { runs: 0, failed: 0, unstarted: 0, running: 0, longest: 0 };
  eachSeen(lane, from, to, (mark) => {
    found.runs++;
    found.failed += Number(mark.tone === "failed");
    found.unstarted += Number(mark.isPoint);
    found.running += Number(mark.run.status === "running");
    found.longest = Math.max(found.longest, Math.min(mark.end, now) - mark.start);
  });
  return found;
};

const HEADINGS = ["Task", "Runs", "Failed", "Not started", "Running", "Longest", "Next firing"];
const cell = (label, value) =>
  m("td.number", { "data-label": label }, value || m("span.muted", "–"));

/** attrs: scene, as of the chart. */
export const LaneTable = {
  view: ({ attrs: { scene } }) => {
    const { rows, lanes, span, now } = scene();
    return m("table.table.cards.lane-table", { "aria-label": "Runs by task" }, [
      m(
        "thead",
        m(
          "tr",
          HEADINGS.map((each, at) => m("th", { scope: "col", class: at ? "number" : "" }, each)),
        ),
      ),
      m(
        "tbody",
        rows
          .filter(({ isGroup }) => !isGroup)
          .map(({ name, task }) => {
            const found = counted(lanes.of(name), span, now);
            return m("tr", { key: name }, [
              m("th", { scope: "row" }, link(taskUrl(name), {}, name)),
              cell("Runs", found.runs && count(found.runs)),
              cell("Failed", found.failed && m("span.tone-failed", count(found.failed))),
              cell("Not started", found.unstarted && count(found.unstarted)),
              cell("Running", found.running && count(found.running)),
              cell("Longest", found.longest > 0 && length(found.longest)),
              cell("Next firing", task?.next_run_at && m(Countdown, { at: task.next_run_at })),
            ]);
          }),
      ),
    ]);
  },
};
