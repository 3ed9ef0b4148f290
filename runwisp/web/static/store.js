// What is known of the daemon and its tasks, kept up to date by the stream of runs. Pages read it and
// redraw; they hear of runs one by one with `onRuns`, and of a gap with `onReload`.

import { m } from "./view.js";
import { get, taskPath } from "./api.js";
import { newsFor } from "./news.js";
import { pauses } from "./pauses.js";
import { stream } from "./sse.js";

const RECENT = 20;
const STRIP = 10;
const MOST_ACTIVE = 1000;
/** Asked anew one by one up to here; beyond, all together and less often. */
const FEW = 4;
const SOON = 1000;
const LATER = 5000;

export const store = {
  /** @type {object | null} /api/info */
  info: null,
  /** @type {Map<string, object>} /api/tasks in the order of the file; `rev` grows when one changes */
  tasks: new Map(),
  /** @type {Map<string, object>} runs that have not ended, by id */
  active: new Map(),
  /** @type {object[]} the newest runs, newest first */
  recent: [],
  isLoaded: false,
  /** @type {import("./api.js").Problem | null} why it could not be loaded, which is tried again */
  problem: null,
  /** @type {import("./api.js").Problem | null} why nothing is live, although the daemon answers */
  notLive: null,
  /** Grows with every change of anything here. */
  rev: 0,
};

const runListeners = new Set();
const reloadListeners = new Set();

const listening = (listeners) => (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** `listener(changes)` once a frame, `changes` of `{type: "run.completed"..., run}`. @returns what ends it */
export const onRuns = listening(runListeners);

/** `listener()` after something may have been missed, once the store is right again: load your lists anew. */
export const onReload = listening(reloadListeners);

let close = null;
/** What ends the loading that goes on. */
let loading = null;
/** Something may have been missed that lists do not know of yet. */
let isGap = false;
const pause = pauses();
const stale = new Set();
let staleTimer = 0;
let wereMany = false;

/** Begins, once logged in. */
export const start = () => {
  if (close) return;
  const reload = (isAgain) => {
    const isLate = store.notLive !== null;
    store.notLive = null;
    news.forget();
    load(isAgain || isLate);
  };
  const onEvents = (events) => {
    const last = events.findLastIndex(({ type }) => type === "reload");
    if (last >= 0) reload(true);
    const changes = events.slice(last + 1).filter(({ type }) => type.startsWith("run."));
    news.hear(changes.map(({ type, data }) => ({ type, run: data })));
  };
  const onProblem = (problem) => {
    store.notLive = problem;
    if (!store.isLoaded && !loading) load(false);
    m.redraw();
  };
  close = stream("/api/runs/stream", { onOpen: reload, onEvents, onProblem });
};

/** Forgets everything: another login begins anew. */
export const end = () => {
  close?.();
  close = null;
  loading?.abort();
  loading = null;
  pause.over();
  news.forget();
  stale.clear();
  clearTimeout(staleTimer);
  isGap = false;
  Object.assign(store, { info: null, active: new Map(), tasks: new Map(), recent: [] });
  Object.assign(store, { isLoaded: false, problem: null, notLive: null });
};

document.addEventListener("sessionend", end);

const fill = async (signal) => {
  const [info, tasks, active, recent] = await Promise.all([
    get("/api/info", {}, { signal }),
    get("/api/tasks", {}, { signal }),
    get("/api/runs", { status: "pending,running", limit: MOST_ACTIVE }, { signal }),
    get("/api/runs", { limit: RECENT }, { signal }),
  ]);
  store.info = info;
  setTasks(tasks);
  store.active = new Map(active.runs.map((run) => [run.id, run]));
  store.recent = recent.runs;
  Object.assign(store, { isLoaded: true, problem: null });
};

/** Loads all of it, and tries again until it is there. The newest loading is the only one. */
export const load = async (isAgain) => {
  isGap ||= isAgain;
  loading?.abort();
  const { signal } = (loading = new AbortController());
  pause.over();
  while (!signal.aborted) {
    try {
      await news.after(() => fill(signal));
      return loaded();
    } catch (problem) {
      if (signal.aborted) return;
      if (!("status" in problem)) throw problem;
      store.problem = problem;
      m.redraw();
      await pause.rest(problem);
    }
  }
};

const loaded = () => {
  loading = null;
  store.rev++;
  if (isGap) for (const listener of reloadListeners) listener();
  isGap = false;
  m.redraw();
};

const WATCHED = [
  "next_run_at", "running", "queued", "stopped", "success_rate", "median_duration",
];

const glance = (task) =>
  WATCHED.map((key) => task[key]).join() +
  task.recent_runs.map((run) => run.id + run.status + run.end_reason).join();

const setTask = (task) => {
  const known = store.tasks.get(task.name);
  if (known && glance(known) === glance(task)) return;
  store.tasks.set(task.name, { ...task, rev: (known?.rev ?? 0) + 1 });
  store.rev++;
};

const setTasks = (tasks) => {
  const names = new Set(tasks.map(({ name }) => name));
  for (const name of store.tasks.keys()) if (!names.has(name)) store.tasks.delete(name);
  tasks.forEach(setTask);
};

const news = newsFor((changes) => {
  changes.forEach(apply);
  store.rev++;
  for (const listener of runListeners) listener(changes);
});

const apply = ({ type, run }) => {
  const before = store.active.get(run.id);
  if (type === "run.deleted") return remove(run);
  if (run.status === "ended") store.active.delete(run.id);
  else store.active.set(run.id, run);
  const at = store.recent.findIndex(({ id }) => id === run.id);
  if (at >= 0) store.recent[at] = run;
  else if (!store.recent.length || run.id > store.recent.at(-1).id) insert(run);
  touch(run, before);
};

/** Ids of runs sort by their time. */
const insert = (run) => {
  store.recent = [run, ...store.recent].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, RECENT);
};

const remove = (run) => {
  store.active.delete(run.id);
  store.recent = store.recent.filter(({ id }) => id !== run.id);
  const task = store.tasks.get(run.task_name);
  if (!task) return;
  const recent_runs = task.recent_runs.filter(({ id }) => id !== run.id);
  store.tasks.set(task.name, { ...task, recent_runs, rev: task.rev + 1 });
  refresh(task.name);
};

const phase = (run, name) => Number(run?.status === name && (name !== "pending" || run.waits_for === "queue"));

const touch = (run, before) => {
  const task = store.tasks.get(run.task_name);
  if (!task) return;
  const moved = (now, name) => Math.max(0, now + phase(run, name) - phase(before, name));
  const glances = [run, ...task.recent_runs.filter(({ id }) => id !== run.id)];
  glances.sort((a, b) => (a.id < b.id ? 1 : -1));
  const isLast = !task.last_run || run.id >= task.last_run.id;
  store.tasks.set(task.name, {
    ...task,
    running: moved(task.running, "running"),
    queued: moved(task.queued, "pending"),
    last_run: isLast ? run : task.last_run,
    recent_runs: glances.slice(0, STRIP),
    rev: task.rev + 1,
  });
  refresh(task.name);
};

/** What runs do not tell (the next firing, rates) is asked for a little later. */
export const refresh = (name) => {
  stale.add(name);
  staleTimer ||= setTimeout(refreshAll, wereMany ? LATER : SOON);
};

const refreshAll = async () => {
  const names = [...stale];
  stale.clear();
  wereMany = names.length > FEW;
  try {
    if (wereMany) setTasks(await get("/api/tasks"));
    else (await Promise.all(names.map((name) => get(taskPath(name))))).forEach(setTask);
  } catch (problem) {
    if (!("status" in problem)) throw problem;
  }
  staleTimer = 0;
  if (stale.size) refresh([...stale][0]);
  m.redraw();
};
