// Where the reader is in a log: which rows are in the page, which line is marked, whether the end is followed.

import { m } from "../view.js";
import { count, plural } from "../format.js";
import { linkLine, linkedLine } from "./address.js";
import { Row } from "./rows.js";
import { viewport } from "./viewport.js";

/** Loaded beyond the rows that are in the page. */
const AHEAD = 250;
/** Beside the text of a line, and one letter of it, in pixels. */
const GUTTER = 140;
const LETTER = 7.8;

const PARTS = ["scroller", "box", "rows", "place", "end", "follow"];

/** How tall a row will be, before it is in the page. */
const guess = (log, look) => (n, rowHeight, width) => {
  const text = look.isWrapped ? log.line(n)?.text : "";
  const columns = Math.max(10, (width - GUTTER) / LETTER);
  return rowHeight * Math.max(1, Math.ceil((text?.length ?? 0) / columns));
};

/**
 * @param {{log: object, look: object, onDraw: () => void}} place log is `logOf`, look `lookOf`; onDraw whenever
 *   other rows are in the page
 */
export const readerOf = ({ log, look, onDraw }) => {
  let view = null;
  let parts = null;
  /** The last line when the reader left the end. */
  let seenUpTo = 0;

  const reader = {
    /** 0 where none is. */
    marked: linkedLine(),

    /** @param {HTMLElement} dom of the whole log: see `PARTS` */
    mount(dom) {
      parts = Object.fromEntries(PARTS.map((name) => [name, dom.querySelector(`.log-${name}`)]));
      view = viewport(
        { scroller: parts.scroller, box: parts.box, block: parts.rows },
        { range: () => log, row: draw, guess: guess(log, look), onDraw: drawn, onMove: tell },
      );
    },

    /** Once the log is there: to the line of the address, else to the end. */
    begin: () => (reader.marked ? reader.goTo(reader.marked) : view.toEnd()),

    refresh() {
      view?.refresh();
      if (view) tell();
    },

    /** The first line that is seen. */
    top: () => view.seen()[0],

    /** The elements with the text of lines. */
    texts: () => parts?.rows.querySelectorAll(".log-text") ?? [],

    /** Shows the line, marks it, and puts it into the address. */
    goTo(n) {
      if (log.last < log.first) return;
      const line = Math.max(log.first, Math.min(n, log.last));
      reader.mark(line);
      view.to(line);
    },

    mark(n) {
      reader.marked = n;
      if (linkedLine() !== n) linkLine(n);
      view.refresh();
      m.redraw();
    },

    jump(n) {
      reader.goTo(n);
      reader.focus();
    },

    toFirst: () => view.to(log.first, 0),

    follow() {
      view.toEnd();
      reader.focus();
    },

    toggleFollow() {
      if (view.isAtEnd && !log.isFinal) view.to(reader.top(), 0);
      else reader.follow();
    },

    focus: () => parts.scroller.focus({ preventScroll: true }),

    onHash() {
      const linked = linkedLine();
      if (linked && linked !== reader.marked) reader.goTo(linked);
    },

    close: () => view?.close(),
  };

  const draw = (n) =>
    m(Row, {
      key: n,
      n,
      line: log.line(n),
      content: log.line(n) && log.content(n),
      isMarked: n === reader.marked,
      hasTime: look.hasTime,
      total: log.isFinal ? log.last : -1,
    });

  const drawn = (start, end) => {
    parts.rows.style.setProperty("--digits", String(log.last).length);
    log.want(start - AHEAD, end - 1 + AHEAD);
    onDraw();
  };

  /** By hand: it changes with every frame of scrolling. */
  const tell = () => {
    const isHeld = view.isAtEnd;
    if (isHeld) seenUpTo = log.last;
    tellPlace();
    tellEnd(isHeld);
    const grows = log.isLoaded && !log.isFinal && !log.problem;
    parts.follow.textContent = grows ? (isHeld ? "Following" : "Paused") : "";
    parts.follow.dataset.state = parts.follow.textContent.toLowerCase();
  };

  const tellPlace = () => {
    const [from, to] = view.seen().map(count);
    const lines = from === to ? `Line ${from}` : `Lines ${from} to ${to}`;
    parts.place.textContent = log.last ? `${lines} of ${count(log.last)}` : "";
  };

  const tellEnd = (isHeld) => {
    const fresh = log.last - seenUpTo;
    parts.end.hidden = isHeld || log.last < log.first;
    parts.end.querySelector("span").textContent =
      !log.isFinal && fresh > 0 ? `Jump to end (${plural(fresh, "new line")})` : "Jump to end";
  };

  return reader;
};
