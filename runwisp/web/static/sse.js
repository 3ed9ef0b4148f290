// Server-sent events by fetch, as EventSource tells neither status nor Retry-After. A stream comes back by
// itself with Last-Event-ID. A page that is hidden gives its streams back: browsers have few connections.

import { problemOf } from "./api.js";
import { connection } from "./connection.js";
import { pauses } from "./pauses.js";
import { parsed } from "./plain.js";
import { session } from "./session.js";

const HIDDEN_FOR = 15_000;
/** The daemon sends at least a comment every 15 s. */
const SILENCE = 40_000;
const LIVED_WELL = 5000;
/** Of what is said to be the fault of who asks; all others are of the daemon, or of a proxy before it. */
const PASSING = new Set([408, 429]);

/** @typedef {{type: string, data: any, id: string}} ServerEvent */

/** Bytes in, events out; keeps what is not finished. */
export const parser = () => {
  const decoder = new TextDecoder();
  let rest = "";
  let event = { type: "message", data: [], id: "" };
  /** @returns {ServerEvent[]} */
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) events.push({ ...event, data: parsed(event.data.join("\n")) });
        event = { type: "message", data: [], id: event.id };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event.type = value;
      else if (field === "data") event.data.push(value);
      else if (field === "id") event.id = value;
    }
    return events;
  };
};

const shown = (signal) =>
  new Promise((resolve) => {
    const over = new AbortController();
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      over.abort();
      resolve();
    };
    document.addEventListener("visibilitychange", look, { signal: over.signal });
    signal.addEventListener("abort", look, { signal: over.signal });
    look();
  });

/** Calls `leave` once the page was hidden for long, or the stream silent; `heard` starts that anew. */
const watched = (signal, leave) => {
  let silence = 0;
  let hidden = 0;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(leave, SILENCE);
  };
  const look = () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(leave, HIDDEN_FOR);
  };
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => (clearTimeout(silence), clearTimeout(hidden)));
  look();
  heard();
  return heard;
};

/**
 * @param {{
 *   onEvents: (events: ServerEvent[]) => void,
 *   onOpen?: (isAgain: boolean) => void,
 *   onProblem?: (problem: import("./api.js").Problem) => void,
 *   lastId?: string,
 * }} handlers onOpen before the first event of each connection; onProblem for what is refused, and for good
 *   where it would be so again
 * @returns {() => void} closes it
 */
export const stream = (path, { onEvents, onOpen, onProblem, lastId = "" }) => {
  const closing = new AbortController();
  const closed = closing.signal;
  const pause = pauses();
  let opened = 0;

  const read = async () => {
    const leaving = new AbortController();
    const leave = () => leaving.abort();
    closed.addEventListener("abort", leave, { signal: leaving.signal });
    const heard = watched(leaving.signal, leave);
    let startedAt = Infinity;
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const response = await fetch(path, { headers, signal: leaving.signal });
      if (!response.ok) return await refused(await problemOf(response));
      startedAt = Date.now();
      onOpen?.(opened++ > 0);
      await pass(response.body.getReader(), heard);
    } catch (error) {
      if (error.name !== "AbortError" && error.name !== "TypeError") throw error;
    } finally {
      leave();
      if (Date.now() - startedAt > LIVED_WELL) pause.over();
    }
    if (!closed.aborted && !document.hidden) connection.suspect();
    await pause.rest();
    return true;
  };

  const pass = async (reader, heard) => {
    const parse = parser();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      heard();
      const events = parse(part.value);
      if (!events.length || closed.aborted) continue;
      lastId = events.at(-1).id || lastId;
      onEvents(events);
    }
  };

  /** Whether to try again. */
  const refused = async (problem) => {
    if (problem.status === 401) {
      session.ended();
      return false;
    }
    onProblem?.(problem);
    if (problem.status < 500 && !PASSING.has(problem.status)) return false;
    connection.suspect();
    await pause.rest(problem);
    return true;
  };

  const live = async () => {
    while (!closed.aborted) {
      await shown(closed);
      await connection.up();
      if (closed.aborted || !(await read())) return;
    }
  };

  live();
  return () => {
    closing.abort();
    pause.over();
  };
};
