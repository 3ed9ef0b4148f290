// The rows of the bell: the newest of them, how many nobody has read, and what can be done with them. Live
// from the first look on, for the bell and the page alike.

import { m } from "./view.js";
import { get, post } from "./api.js";
import { newsFor } from "./news.js";
import { stream } from "./sse.js";

const ROWS = 50;

export const notices = {
  /** @type {object[]} the one that happened last in front */
  rows: [],
  unread: 0,
  /** Where the list goes on. */
  next: "",
  isLoaded: false,
  isLoading: false,
  /** @type {import("./api.js").Problem | null} */
  problem: null,
};

let close = null;

export const follow = () => {
  close ??= stream("/api/notifications/stream", {
    onOpen: load,
    onEvents(events) {
      if (events.some(({ type }) => type === "reload")) load();
      news.hear(events.filter(({ type }) => type === "notice").map(({ data }) => data));
    },
    onProblem(problem) {
      if (!notices.isLoaded) Object.assign(notices, { problem });
      m.redraw();
    },
  });
};

document.addEventListener("sessionend", () => {
  close?.();
  close = null;
  news.forget();
  Object.assign(notices, { rows: [], unread: 0, next: "", isLoaded: false, problem: null });
});

const page = async (before) => {
  notices.isLoading = true;
  try {
    return await get("/api/notifications", { limit: ROWS, before });
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    notices.problem = problem;
  } finally {
    notices.isLoading = false;
    m.redraw();
  }
};

/** Newest in front; each row once, as it was told last. */
const merged = (rows) => {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const at = ({ updated_at, id }) => updated_at + id;
  return [...byId.values()].sort((a, b) => (at(a) < at(b) ? 1 : -1));
};

const fill = async () => {
  const found = await page();
  if (!found) return;
  Object.assign(notices, {
    rows: found.notices,
    unread: found.unread_count,
    next: found.next_cursor ?? "",
    isLoaded: true,
    problem: null,
  });
};

const load = () => news.after(fill);

export const reload = load;

export const loadOlder = async () => {
  const found = await page(notices.next);
  if (!found) return;
  notices.rows = merged([...found.notices, ...notices.rows]);
  Object.assign(notices, { next: found.next_cursor ?? "", problem: null });
};

/** Rows come whole, new or changed. What they were before is known of those that are loaded. */
const news = newsFor((changed) => {
  if (!notices.isLoaded) return;
  const known = new Map(notices.rows.map((row) => [row.id, row]));
  const isFurtherBack = notices.next && changed.some(({ id }) => !known.has(id));
  const isUnread = (row) => Number(row !== undefined && !row.is_read);
  for (const row of changed) {
    notices.unread += isUnread(row) - isUnread(known.get(row.id));
    known.set(row.id, row);
  }
  notices.rows = merged([...notices.rows, ...changed]);
  // Of one from further back it is not known whether it was counted already.
  if (isFurtherBack) recount();
});

let counting = false;

/** Until no row has changed meanwhile. */
const recount = async () => {
  if (counting) return;
  counting = true;
  try {
    let counted;
    do {
      counted = notices.rows;
      notices.unread = (await get("/api/notifications/unread-count")).unread_count;
    } while (counted !== notices.rows);
  } catch (problem) {
    if (!("status" in problem)) throw problem;
  } finally {
    counting = false;
    m.redraw();
  }
};

const told = async (path) => {
  try {
    await post(path);
    notices.problem = null;
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    notices.problem = problem;
  }
  m.redraw();
};

const marked = (row, is_read) => {
  if (row.is_read === is_read) return;
  notices.rows = notices.rows.map((each) => (each.id === row.id ? { ...each, is_read } : each));
  notices.unread += is_read ? -1 : 1;
};

export const mark = async (row, isRead) => {
  marked(row, isRead);
  await told(`/api/notifications/${encodeURIComponent(row.id)}/${isRead ? "read" : "unread"}`);
  if (notices.problem) load();
};

export const markAll = async () => {
  notices.rows = notices.rows.map((row) => ({ ...row, is_read: true }));
  notices.unread = 0;
  await told("/api/notifications/read");
  if (notices.problem) load();
};
