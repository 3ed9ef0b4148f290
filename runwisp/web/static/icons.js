// Signs, drawn: 16 by 16, in the colour of the text around them. The words beside them carry the meaning.

import { m } from "./view.js";

const stroke = (d) => m("path", { d });
const fill = (tag, attrs) => m(tag, { ...attrs, fill: "currentColor", stroke: "none" });

const DRAWINGS = {
  running: () => fill("circle", { cx: 8, cy: 8, r: 4.5 }),
  success: () => stroke("M3 8.5 6.5 12 13 4.5"),
  failed: () => stroke("M4 4 12 12M12 4 4 12"),
  stopped: () => fill("rect", { x: 4, y: 4, width: 8, height: 8, rx: 1 }),
  waiting: () => m("circle", { cx: 8, cy: 8, r: 4.5, "stroke-dasharray": "2.2 2.5" }),
  idle: () => stroke("M4.5 8H11.5"),
  sun: () => [
    m("circle", { cx: 8, cy: 8, r: 3 }),
    stroke("M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"),
  ],
  moon: () => stroke("M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z"),
  display: () => [m("rect", { x: 1.5, y: 2.5, width: 13, height: 9, rx: 1.5 }), stroke("M5.5 14.5h5M8 12v2")],
  bell: () => stroke("M3.5 11.5h9c-1-1-1.5-2-1.5-4.5a3 3 0 0 0-6 0c0 2.5-.5 3.5-1.5 4.5ZM6.8 13.8a1.3 1.3 0 0 0 2.4 0"),
  leave: () => stroke("M6 2.5H3.5v11H6M10.5 5 13.5 8l-3 3M13 8H6.5"),
  play: () => stroke("M5 3.2v9.6L12.5 8Z"),
  stop: () => m("rect", { x: 4, y: 4, width: 8, height: 8, rx: 1 }),
  restart: () => stroke("M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3"),
  search: () => [m("circle", { cx: 7, cy: 7, r: 4.5 }), stroke("M10.5 10.5 14 14")],
  trash: () => stroke("M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4"),
  close: () => stroke("M4 4 12 12M12 4 4 12"),
  up: () => stroke("M3.5 10 8 5.5 12.5 10"),
  down: () => stroke("M3.5 6 8 10.5 12.5 6"),
  left: () => stroke("M10 3.5 5.5 8 10 12.5"),
  right: () => stroke("M6 3.5 10.5 8 6 12.5"),
  first: () => stroke("M12 3.5 7.5 8l4.5 4.5M4 3.5v9"),
  last: () => stroke("M4 3.5 8.5 8 4 12.5M12 3.5v9"),
  info: () => [m("circle", { cx: 8, cy: 8, r: 6 }), stroke("M8 7.5v3.5M8 5v.1")],
  warn: () => stroke("M8 2.5 14.5 13.5h-13ZM8 6.5v3.5M8 12v.1"),
  error: () => [m("circle", { cx: 8, cy: 8, r: 6 }), stroke("M8 4.8v4M8 11v.1")],
  download: () => stroke("M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10"),
  link: () => stroke("M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7"),
  wrap: () => stroke("M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8.5M10 10.5 8.5 12l1.5 1.5M2 12h3.5"),
  clock: () => [m("circle", { cx: 8, cy: 8, r: 6 }), stroke("M8 4.5V8l2.5 1.5")],
  more: () => [3.5, 8, 12.5].map((cx) => fill("circle", { cx, cy: 8, r: 1.2 })),
  filter: () => stroke("M2 4h12M4.5 8h7M7 12h2"),
  closer: () => stroke("M3 8h10M8 3v10"),
  wider: () => stroke("M3 8h10"),
  copy: () => [m("rect", { x: 5.5, y: 5.5, width: 8, height: 8, rx: 1 }), stroke("M10.5 5.5v-3h-8v8h3")],
  check: () => stroke("M3 8.5 6.5 12 13 4.5"),
  help: () => [m("circle", { cx: 8, cy: 8, r: 6 }), stroke("M6 6.5a2 2 0 1 1 2.8 1.8c-.5.3-.8.6-.8 1.2M8 11.5v.1")],
};

/** @param {keyof typeof DRAWINGS} name */
export const icon = (name, attrs = {}) =>
  m(
    "svg.icon",
    { viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false", ...attrs },
    DRAWINGS[name](),
  );
