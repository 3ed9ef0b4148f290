// Whether the daemon can be reached, and the way back when it cannot: tried at once, then ever more rarely.

import { m } from "./view.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
const PATIENCE = 5000;

let pause = FIRST_PAUSE;
let timer = 0;
let waiting = [];
let attempt = null;

export const connection = {
  isLost: false,
  /** Wall time in ms; 0 while the connection is there. */
  lostAt: 0,
  nextAttemptAt: 0,
  isTrying: false,

  /** Something failed: find out whether it is the connection. */
  suspect() {
    if (!connection.isLost) tryNow();
  },

  retry() {
    pause = FIRST_PAUSE;
    tryNow();
  },

  /** Resolves when the daemon can be reached, as far as we know. */
  up: () =>
    connection.isLost || attempt ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
};

/** The daemon's own word; a proxy before it may answer in its place. */
const isThere = async () => {
  try {
    const response = await fetch("/health", { signal: AbortSignal.timeout(PATIENCE) });
    const health = await response.json();
    return health.app === "runwisp" && health.status !== "stopping";
  } catch {
    return false;
  }
};

const tryNow = async () => {
  if (attempt) return;
  clearTimeout(timer);
  connection.isTrying = true;
  m.redraw();
  attempt = isThere();
  const found = await attempt;
  attempt = null;
  connection.isTrying = false;
  if (found) regained();
  else missed();
  m.redraw();
};

const regained = () => {
  Object.assign(connection, { isLost: false, lostAt: 0, nextAttemptAt: 0 });
  pause = FIRST_PAUSE;
  for (const resolve of waiting.splice(0)) resolve();
};

const missed = () => {
  const now = Date.now();
  if (!connection.isLost) Object.assign(connection, { isLost: true, lostAt: now });
  const wait = pause * (0.9 + 0.2 * Math.random());
  connection.nextAttemptAt = now + wait;
  timer = setTimeout(tryNow, wait);
  pause = Math.min(2 * pause, LONGEST_PAUSE);
};

addEventListener("online", () => connection.isLost && connection.retry());
