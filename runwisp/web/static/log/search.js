// Search: in this log, or in the logs of all runs of the task, newest first. The daemon does it.

import { get, taskPath } from "../api.js";

/** Lines found before the reader has to ask for more. */
const ENOUGH = 1000;

const ESCAPED = /[.*+?^${}()|[\]\\]/g;

/** @returns {RegExp | null} null for what is no expression here, although it may be one to the daemon */
export const expression = ({ text, isRegex, isExact }) => {
  try {
    return new RegExp(isRegex ? text : text.replace(ESCAPED, "\\$&"), isExact ? "g" : "gi");
  } catch {
    return null;
  }
};

/** Telling the daemon to ignore case costs it time. */
const hasCase = (text) => text.toLowerCase() !== text.toUpperCase();

async function* found(run, { text, isRegex, isExact, isWide }, signal) {
  const ignoring = !isExact && hasCase(text);
  const params = { q: text, regex: isRegex, ignore_case: ignoring, run_id: isWide ? "" : run.id };
  for (let cursor; ; ) {
    const page = await get(`${taskPath(run.task_name)}/log/search`, { ...params, cursor }, { signal });
    yield page;
    if (page.exhausted) return;
    cursor = page.next_cursor;
  }
}

const NOTHING = { isBusy: false, isDone: false, runs: 0, problem: "" };

/** @param {{run: object, onChange: () => void}} place */
export const searchOf = ({ run, onChange }) => {
  let searching = null;
  let pages = null;

  const search = {
    text: "",
    isRegex: false,
    isExact: false,
    /** In the logs of all runs of the task. */
    isWide: false,
    /** @type {{run_id: string, n: number, text: string, ts: string, stream: string}[]} */
    hits: [],
    isBusy: false,
    /** Everything was searched. */
    isDone: false,
    runs: 0,
    problem: "",

    /** Begins anew with these changes. @returns when enough was found or all was searched */
    begin(changes) {
      searching?.abort();
      Object.assign(search, changes, NOTHING, { hits: [] });
      pages = null;
      if (!search.text) return Promise.resolve();
      searching = new AbortController();
      pages = found(run, { ...search }, searching.signal);
      return search.more();
    },

    /** Goes on until more was found. */
    async more() {
      if (!pages || search.isBusy || search.isDone) return;
      const mine = pages;
      search.isBusy = true;
      onChange();
      try {
        const enough = search.hits.length + ENOUGH;
        while (search.hits.length < enough && mine === pages) {
          const { value, done } = await mine.next();
          if (mine !== pages) return;
          if (done) search.isDone = true;
          else take(value);
          onChange();
          if (done) break;
        }
      } catch (error) {
        if (mine !== pages) return;
        if (!("status" in error)) throw error;
        search.problem = error.errors?.[0]?.message ?? error.message;
      }
      search.isBusy = false;
      onChange();
    },

    stop() {
      searching?.abort();
      pages = null;
    },
  };

  const take = ({ hits, scanned_runs }) => {
    search.hits.push(...hits);
    search.runs += scanned_runs;
  };

  return search;
};

/** What of these elements is meant, as ranges that a highlight can show. */
export const rangesOf = (elements, found) => {
  const ranges = [];
  for (const element of elements) {
    const nodes = textsOf(element);
    for (const match of element.textContent.matchAll(found)) {
      if (match[0]) ranges.push(rangeOf(nodes, match.index, match.index + match[0].length));
    }
  }
  return ranges;
};

const textsOf = (element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  return nodes;
};

const rangeOf = (nodes, from, to) => {
  const range = new Range();
  let at = 0;
  let isOpen = false;
  for (const node of nodes) {
    const next = at + node.length;
    if (!isOpen && from < next) [isOpen] = [true, range.setStart(node, from - at)];
    if (isOpen && to <= next) {
      range.setEnd(node, to - at);
      break;
    }
    at = next;
  }
  return range;
};
