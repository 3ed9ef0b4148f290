// One line of a log as a row.

import { m } from "../view.js";
import { clockTime } from "../format.js";
import { bothZones } from "../times.js";
import { dye } from "./ansi.js";

const MARKS = { stderr: "err", system: "sys" };
const NAMES = { stderr: "standard error", system: "RunWisp" };

const millis = (ts) => ts.slice(20, 23);

const stamp = (ts) =>
  ts
    ? m("time.log-time", { datetime: ts, title: bothZones(ts) }, `${clockTime(ts)}.${millis(ts)}`)
    : m("time.log-time");

const mark = (stream) =>
  m("span.log-mark", MARKS[stream] && [
    m("span", { title: NAMES[stream], "aria-hidden": "true" }, MARKS[stream]),
    m("span.sr-only", NAMES[stream]),
  ]);

const paintedIn = ({ dom }) => dye(dom);

const numberOf = (n) =>
  m("a.log-number", { href: `#L${n}`, tabindex: -1, "aria-label": `Line ${n}`, draggable: "false" }, n);

const CLASSES = [
  ["is-continued", (line) => line.continued],
  ["is-gone", (line) => line.isGone],
];

const classesOf = (line, isMarked) =>
  [
    `is-${line.stream}`,
    ...CLASSES.filter(([, has]) => has(line)).map(([name]) => name),
    ...(isMarked ? ["is-marked"] : []),
  ].join(" ");

const LOOK = ["line", "content", "isMarked", "hasTime", "total"];

/** attrs: n, line (undefined while it is fetched), content, isMarked, hasTime, total (-1 while it grows). */
export const Row = {
  /** There are many, and often: those that look the same as before are left alone. */
  onbeforeupdate: ({ attrs }, { attrs: before }) => LOOK.some((key) => attrs[key] !== before[key]),
  oncreate: paintedIn,
  onupdate: paintedIn,
  view: ({ attrs: { n, line, content, isMarked, hasTime, total } }) =>
    m(
      "li.log-row",
      {
        id: `L${n}`,
        class: line ? classesOf(line, isMarked) : "is-awaited",
        "aria-posinset": n,
        "aria-setsize": total,
      },
      [
        numberOf(n),
        hasTime && stamp(line?.ts),
        mark(line?.stream),
        m("span.log-text", { title: line?.continued ? "goes on from the line before" : undefined }, content),
      ],
    ),
};
