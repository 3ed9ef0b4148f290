// The log of a run: its tools, its lines, what was found in it. What it is made of:
//
// lines.js the lines, loaded and live    look.js   wrapped, with times
// reader.js where the reader is          search.js asks the daemon, finder.js goes to what it found
// viewport.js which rows are in the page rows.js   a line as a row, ansi.js its colours

import { m } from "../view.js";
import { icon } from "../icons.js";
import { SLOW } from "../loader.js";
import { query } from "../router.js";
import { Lost, Nothing } from "./empty.js";
import { finderOf } from "./finder.js";
import { keysOf } from "./keys.js";
import { logOf } from "./lines.js";
import { lookOf } from "./look.js";
import { readerOf } from "./reader.js";
import { searchOf } from "./search.js";
import { Found } from "./searchbar.js";
import { Tools } from "./tools.js";

/** What was searched for, as it stands in the address. */
const asked = () => {
  const { q = "", in: place, regex, case: exact } = query();
  return { text: q, isWide: place === "task", isRegex: regex === "1", isExact: exact === "1" };
};

/** Once a frame, however often. */
const eachFrame = (act) => {
  let frame = 0;
  return {
    ask: () => (frame ||= requestAnimationFrame(() => ((frame = 0), act()))),
    cancel: () => cancelAnimationFrame(frame),
  };
};

/** The number of a line marks it; with a key of the browser it is opened elsewhere. */
const marking = (reader) => (event) => {
  event.redraw = false;
  const number = event.target.closest(".log-number");
  if (!number || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  reader.mark(Number(number.hash.slice(2)));
};

/** Loads the log; tells whether that is slow. */
const loading = (log, reader) => {
  let timer = 0;
  const self = {
    isSlow: false,
    isOver: false,
    async begin() {
      timer = setTimeout(() => ((self.isSlow = true), m.redraw()), SLOW);
      await log.start();
      clearTimeout(timer);
      if (!self.isOver) reader.begin();
    },
    end() {
      self.isOver = true;
      clearTimeout(timer);
    },
  };
  return self;
};

const frame = ({ log, look, reader, load, onclick }, run) =>
  m(".log-frame", [
    m(
      ".log-scroller",
      {
        class: look.isWrapped ? "is-wrapped" : "",
        tabindex: 0,
        role: "group",
        "aria-label": `Lines printed by ${run.task_name}`,
        onclick,
      },
      m(".log-box", m("ol.log-rows", { role: "list" })),
    ),
    m(".log-nothing", m(Nothing, { log, run, isSlow: load.isSlow, retry: load.begin })),
    m("button.button.log-end", { type: "button", hidden: true, onclick: reader.follow }, [
      icon("down"),
      m("span", "Jump to end"),
    ]),
  ]);

const made = ({ id, task_name }, onDone) => {
  const run = { id, task_name };
  const log = logOf(run, { onChange: () => changes.ask(), onDone });
  const look = lookOf();
  const reader = readerOf({ log, look, onDraw: () => finder.highlight() });
  const search = searchOf({ run, onChange: () => m.redraw() });
  const finder = finderOf({ search, reader });
  const load = loading(log, reader);

  /** What of it the page around the rows shows. */
  let shown = "";
  const changes = eachFrame(() => {
    const now = [log.isLoaded, log.isFinal, log.problem, log.first, log.last < log.first].join();
    if (now !== shown) m.redraw.sync();
    shown = now;
    reader.refresh();
  });

  /** Rows have another height then, so the page first. */
  const shownAnew = (choose) => () => {
    choose();
    m.redraw.sync();
    reader.refresh();
  };
  const toggleWrap = shownAnew(look.toggleWrap);
  const toggleTimes = shownAnew(look.toggleTimes);
  const onkeydown = keysOf({ reader, finder, toggleWrap, toggleTimes });
  const onclick = marking(reader);
  return { log, look, reader, search, finder, load, changes, toggleWrap, toggleTimes, onkeydown, onclick };
};

/** attrs.run, and attrs.onDone(run) for when the stream says that it has ended. */
export const LogPanel = ({ attrs: { run, onDone } }) => {
  const all = made(run, onDone);
  const { log, look, reader, search, finder, load, changes, toggleWrap, toggleTimes } = all;
  return {
    oninit() {
      Object.assign(search, asked());
      addEventListener("hashchange", reader.onHash);
    },
    async oncreate({ dom }) {
      reader.mount(dom);
      await load.begin();
      if (search.text && !load.isOver) finder.find({ ...search });
    },
    onremove() {
      removeEventListener("hashchange", reader.onHash);
      load.end();
      changes.cancel();
      finder.close();
      search.stop();
      log.close();
      reader.close();
    },
    view: ({ attrs: { run: current } }) =>
      m("section.log.panel", { "aria-labelledby": "log-title", onkeydown: all.onkeydown }, [
        m("h2#log-title.sr-only", "Log"),
        m(Tools, {
          run: current,
          log,
          search,
          marked: reader.marked,
          isWrapped: look.isWrapped,
          hasTime: look.hasTime,
          find: finder.find,
          step: finder.step,
          goTo: reader.jump,
          toggleWrap,
          toggleTimes,
        }),
        m(Found, { search, run: current, more: search.more }),
        m(Lost, { log }),
        frame(all, current),
        m(".log-foot", [m("span.log-place"), m("span.log-follow")]),
      ]),
  };
};
