// The head of the overview: the daemon and its machine, and how runs fared in the last days.

import { m } from "../view.js";
import { get } from "../api.js";
import { bytes, count, percent, plural } from "../format.js";
import { icon } from "../icons.js";
import { loader } from "../loader.js";
import { onReload, onRuns, store } from "../store.js";
import { Elapsed, bothZones } from "../times.js";
import { bars, sparkline } from "./sparks.js";

/** The daemon samples its machine as often; there is no stream of it. */
const SAMPLED_EVERY = 10_000;
const COUNTED_EVERY = 5000;

const fact = (term, value, attrs = {}) => m("div", attrs, [m("dt", term), m("dd", value)]);

const daemon = (info, system) =>
  m(".daemon", [
    m("h1", info.hostname),
    m("dl.daemon-facts", [
      fact("RunWisp", info.version),
      fact("Up for", m(Elapsed, { at: info.started_at })),
      fact("Zone", info.resolved_timezone, { title: `from ${info.timezone_source}` }),
      system && fact("Machine", `${system.os}, ${system.arch}, ${plural(system.cpu_cores, "core")}`),
    ]),
  ]);

const stale = (info) =>
  info.config_stale &&
  m("p.notice", { role: "status" }, [
    icon("warn"),
    m("span", [
      m("code", info.config_path),
      " has changed since the daemon loaded it. Check it with ",
      m("code", "runwisp validate"),
      ", then restart the daemon.",
    ]),
  ]);

const tile = (label, value, detail, drawing, title) =>
  m(".tile", { title }, [
    m("dt", label),
    m("dd", [m("strong", value), detail && m("span.muted", detail)]),
    drawing && m("dd.tile-drawing", drawing),
  ]);

const counts = () => {
  const tasks = [...store.tasks.values()];
  const services = tasks.filter((task) => task.kind === "service").length;
  const running = tasks.reduce((sum, task) => sum + task.running, 0);
  const queued = tasks.reduce((sum, task) => sum + task.queued, 0);
  return [
    tile("Defined", plural(tasks.length - services, "task"), services > 0 && plural(services, "service")),
    tile("Running", count(running), queued > 0 && `${count(queued)} queued`),
  ];
};

const success = (summary) => {
  if (!summary) return tile("Success rate", "–", "");
  const [good, bad] = ["success", "failed"].map((key) =>
    summary.days.reduce((sum, day) => sum + day[key], 0),
  );
  return tile(
    "Success, 30 days",
    good + bad ? percent(good / (good + bad)) : "–",
    good + bad ? `${count(bad)} failed` : "no runs yet",
    bars(summary.days),
    summary.last_failure && `Last failure: ${bothZones(summary.last_failure.created_at)}`,
  );
};

const machine = (system, samples) => [
  tile(
    "CPU",
    `${Math.round(system.cpu_usage)} %`,
    "",
    sparkline(samples.map(({ cpu }) => cpu), "CPU in the last hour"),
  ),
  tile(
    "Memory",
    `${Math.round(system.mem_usage)} %`,
    `${bytes(system.mem_used)} of ${bytes(system.mem_total)}`,
    sparkline(samples.map(({ mem }) => mem), "Memory in the last hour"),
    system.processes.map(({ role, rss }) => `${role}: ${bytes(rss)}`).join("\n"),
  ),
];

/** Loads at most once in a while, however often it is asked. */
const seldom = (loaded) => {
  let timer = 0;
  return {
    ask: () => {
      timer ||= setTimeout(() => {
        timer = 0;
        loaded.load();
      }, COUNTED_EVERY);
    },
    stop: () => clearTimeout(timer),
  };
};

export const Head = () => {
  const system = loader((signal) => get("/api/system", {}, { signal }));
  const samples = loader((signal) => get("/api/system/history", {}, { signal }));
  const summary = loader((signal) => get("/api/runs/summary", {}, { signal }));
  const counting = seldom(summary);
  let timer = 0;
  let leave = [];

  const look = () => {
    if (document.hidden) return;
    system.load();
    samples.load();
  };
  const all = () => {
    look();
    summary.load();
  };

  return {
    oninit() {
      all();
      timer = setInterval(look, SAMPLED_EVERY);
      document.addEventListener("visibilitychange", look);
      leave = [onReload(all), onRuns(counting.ask)];
    },
    onremove() {
      clearInterval(timer);
      counting.stop();
      document.removeEventListener("visibilitychange", look);
      leave.forEach((end) => end());
      for (const each of [system, samples, summary]) each.stop();
    },
    view: () => [
      daemon(store.info, system.data),
      stale(store.info),
      m("dl.tiles", [
        counts(),
        success(summary.data),
        system.data && machine(system.data, samples.data ?? []),
      ]),
    ],
  };
};
