// The lines of the log of one run: those that were seen lately, the way to all others, and those that come.

import { get, runPath } from "../api.js";
import { pauses } from "../pauses.js";
import { stream } from "../sse.js";
import { PLAIN, paint } from "./ansi.js";

/** Lines are asked for and kept in pages, which begin at the same lines whoever asks. */
const PAGE = 500;
const KEPT_PAGES = 40;
const KEPT_TEXT = 12_000_000;
const AT_ONCE = 2;
/** Before the stream is given back: what came meanwhile is not read line by line. */
const HIDDEN_FOR = 10_000;

const GONE = { stream: "system", text: "This line is not kept.", ts: null, isGone: true };

const pageOf = (n) => Math.floor((n - 1) / PAGE);
const firstOf = (page) => page * PAGE + 1;

/**
 * @param {{task_name: string, id: string}} run
 * @param {{onChange: () => void, onDone: (run: object) => void}} handlers onChange whenever anything here is
 *   other than before, maybe a thousand times a second
 */
export const logOf = (run, { onChange, onDone }) => {
  const path = `${runPath(run)}/log`;
  const pages = new Map();
  const closing = new AbortController();
  const asked = new Set();
  const failed = new Set();
  const pause = pauses();
  let wanted = [1, 0];
  let endStream = null;
  /** Why lines could not be had, and why those that come cannot. */
  let lacking = null;
  let unfollowed = null;
  let hiddenTimer = 0;

  const log = {
    /** The numbers of the oldest line that is kept and of the newest; none while last < first. */
    first: 1,
    last: 0,
    isLoaded: false,
    /** Nothing comes any more. */
    isFinal: false,
    /** @returns {import("../api.js").Problem | null} */
    get problem() {
      return lacking ?? unfollowed;
    },

    /** @returns {object | undefined} undefined while it is not here: see `want` */
    line: (n) => pages.get(pageOf(n))?.lines[(n - 1) % PAGE],

    /** How a line is shown: text, or with colours. */
    content(n) {
      const page = pages.get(pageOf(n));
      paintUpTo(page, pageOf(n), (n - 1) % PAGE);
      return page.contents[(n - 1) % PAGE];
    },

    /** Sees that these lines come, nothing else, if they are not here. */
    want(from, to) {
      wanted = [Math.max(from, log.first), Math.min(to, log.last)];
      fetchWanted();
    },

    /** From the end: loads it, and follows what comes. */
    async start() {
      unfollow();
      mended();
      try {
        const page = await get(path, { from: -PAGE, limit: PAGE }, { signal: closing.signal });
        take(page);
        log.isLoaded = true;
        log.isFinal = page.finalized;
        if (!page.finalized && !document.hidden) follow(page.lines.at(-1));
      } catch (problem) {
        if (closing.signal.aborted) return;
        if (!("status" in problem)) throw problem;
        lacking = problem;
      }
      onChange();
    },

    close() {
      closing.abort();
      pause.over();
      unfollow();
      document.removeEventListener("visibilitychange", look);
      clearTimeout(hiddenTimer);
    },
  };

  const follow = (newest) => {
    unfollow();
    const from = newest?.open ? newest.n : log.last + 1;
    endStream = stream(`${path}/stream?from=${from}`, {
      onEvents: hear,
      onOpen() {
        unfollowed = null;
        mended();
        onChange();
      },
      onProblem(problem) {
        unfollowed = problem;
        onChange();
      },
    });
  };

  const mended = () => {
    lacking = null;
    pause.over();
  };

  const unfollow = () => {
    endStream?.();
    endStream = unfollowed = null;
  };

  const hear = (events) => {
    for (const { type, data, id } of events) {
      if (type === "line") put(data);
      else if (type === "dropped") log.last = Math.max(log.last, Number(id));
      else if (type === "rotated") log.first = data.first_available;
      else if (type === "done") finish(data);
    }
    evict();
    onChange();
  };

  const finish = (ended) => {
    unfollow();
    log.isFinal = true;
    onDone(ended);
    if (log.line(log.last)?.open) pages.delete(pageOf(log.last));
  };

  const look = () => {
    clearTimeout(hiddenTimer);
    if (log.isFinal) return;
    if (document.hidden) hiddenTimer = setTimeout(unfollow, HIDDEN_FOR);
    else if (!endStream && log.isLoaded) log.start();
  };

  const pageFor = (n) => {
    const number = pageOf(n);
    if (!pages.has(number)) pages.set(number, { lines: [], contents: [], painted: 0, states: null, size: 0 });
    return pages.get(number);
  };

  const put = (line) => {
    const page = pageFor(line.n);
    const at = (line.n - 1) % PAGE;
    page.size += line.text.length - (page.lines[at]?.text.length ?? 0);
    page.lines[at] = line;
    if (at < page.painted) page.painted = 0;
    log.last = Math.max(log.last, line.n);
  };

  const take = ({ lines, first_available, total_lines }) => {
    log.first = Math.max(log.first, first_available);
    log.last = Math.max(log.last, total_lines);
    lines.forEach(put);
    evict();
  };

  const isMissing = (number) => {
    const from = Math.max(firstOf(number), wanted[0]);
    const to = Math.min(firstOf(number + 1) - 1, wanted[1]);
    for (let n = from; n <= to; n++) if (!log.line(n)) return true;
    return false;
  };

  const fetchWanted = () => {
    if (wanted[1] < wanted[0]) return;
    for (let number = pageOf(wanted[0]); number <= pageOf(wanted[1]); number++) {
      if (asked.size >= AT_ONCE) return;
      if (!asked.has(number) && !failed.has(number) && isMissing(number)) fetchPage(number);
    }
  };

  const fetchPage = async (number) => {
    asked.add(number);
    try {
      await fetchLines(Math.max(firstOf(number), log.first), firstOf(number + 1) - 1);
      mended();
    } catch (problem) {
      if (closing.signal.aborted) return;
      if (!("status" in problem)) throw problem;
      lacking = problem;
      leaveOut(number, problem);
    }
    asked.delete(number);
    fetchWanted();
    onChange();
  };

  /** For now: others are asked for meanwhile. */
  const leaveOut = async (number, problem) => {
    failed.add(number);
    await pause.rest(problem);
    failed.delete(number);
    if (!closing.signal.aborted) fetchWanted();
  };

  /** Long lines come in several answers. Those that never come are not there. */
  const fetchLines = async (from, to) => {
    let next = from;
    while (next <= to) {
      const limit = to - next + 1;
      const page = await get(path, { from: next, limit }, { signal: closing.signal });
      take(page);
      const upto = page.truncated ? page.lines.at(-1).n : Math.min(to, page.total_lines);
      for (let n = Math.max(next, log.first); n <= upto; n++) if (!log.line(n)) put({ ...GONE, n });
      if (!page.truncated) return;
      next = upto + 1;
    }
  };

  /** Forgets the pages that are farthest from what is looked at. */
  const evict = () => {
    const middle = pageOf((wanted[0] + wanted[1]) / 2);
    let text = 0;
    if (pages.size <= KEPT_PAGES) {
      for (const page of pages.values()) text += page.size;
      if (text <= KEPT_TEXT) return;
    }
    const nearest = [...pages.keys()].sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    text = 0;
    nearest.forEach((number, nth) => {
      text += pages.get(number).size;
      if (nth >= KEPT_PAGES || (nth > 1 && text > KEPT_TEXT)) pages.delete(number);
    });
  };

  /** Colours go on from line to line of a stream, as in a terminal; from page to page if both are here. */
  const paintUpTo = (page, number, at) => {
    if (page.painted > at) return;
    if (page.painted === 0) {
      const before = pages.get(number - 1);
      page.states = before?.painted === PAGE ? { ...before.states } : { stdout: PLAIN, stderr: PLAIN };
    }
    for (; page.painted <= at; page.painted++) {
      const line = page.lines[page.painted];
      if (!line) continue;
      const { content, state } = paint(line.text, page.states[line.stream] ?? PLAIN);
      page.contents[page.painted] = content;
      if (line.stream !== "system") page.states[line.stream] = state;
    }
  };

  document.addEventListener("visibilitychange", look);
  return log;
};
