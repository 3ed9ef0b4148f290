// Small drawings without axes. What they show is said in words beside or under them.

import { m } from "../view.js";

const WIDTH = 120;
const HEIGHT = 32;

const box = (label, children) =>
  m(
    "svg.spark",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    children,
  );

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** As many values as can be seen. */
const thinned = (values, most = WIDTH / 2) => {
  const each = Math.max(1, Math.ceil(values.length / most));
  const starts = Array.from({ length: Math.ceil(values.length / each) }, (_, at) => at * each);
  return starts.map((start) => mean(values.slice(start, start + each)));
};

/** @param {number[]} values from 0 to 100, the oldest first */
export const sparkline = (values, label) => {
  const points = thinned(values).map((value, at, all) => {
    const x = all.length > 1 ? (at / (all.length - 1)) * WIDTH : WIDTH;
    return `${x.toFixed(1)} ${(HEIGHT - 1 - (value / 100) * (HEIGHT - 2)).toFixed(1)}`;
  });
  const said = values.length
    ? `${label}: from ${Math.round(Math.min(...values))} % to ${Math.round(Math.max(...values))} %`
    : `${label}: not sampled yet`;
  const line = points.join("L");
  return box(said, points.length > 1 && [
    m("path.spark-area", { d: `M0 ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z` }),
    m("path.spark-line", { d: `M${line}`, "vector-effect": "non-scaling-stroke" }),
  ]);
};

/** Runs by day, those that failed on top. @param {{day: string, success: number, failed: number}[]} days */
export const bars = (days) => {
  const most = Math.max(1, ...days.map((day) => day.success + day.failed));
  const step = WIDTH / days.length;
  const bad = days.filter((day) => day.failed > 0);
  const label =
    `Runs by day. ` +
    (bad.length ? bad.map((day) => `${day.day}: ${day.failed} failed`).join("; ") : "No day with failures");
  return box(label, days.map((day, at) => bar(day, at * step, step - 1, most)));
};

const bar = (day, x, width, most) => {
  const high = (number) => (number ? Math.max(2, (number / most) * HEIGHT) : 0);
  const failed = Math.min(high(day.failed), HEIGHT);
  const success = Math.min(high(day.success), HEIGHT - failed);
  const words = `${day.day}: ${day.success} success, ${day.failed} failed`;
  return m("g", [
    m("title", words),
    m("rect.spark-none", { x, y: HEIGHT - 1, width, height: 1 }),
    m("rect.spark-good", { x, y: HEIGHT - success, width, height: success }),
    m("rect.spark-bad", { x, y: HEIGHT - success - failed, width, height: failed }),
  ]);
};
