// A chart of uPlot, loaded where one is shown. It follows the width of its place and the theme; colours are
// those of the design system. What it shows stands in a table as well: see those who use it.

import { m } from "./view.js";
import { later } from "./later.js";
import { styles } from "./styles.js";

const HEIGHT = 180;

/** Made of lengths in ms, so that axes are divided as clocks are. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const steps = (unit, ...numbers) => numbers.map((number) => number * unit);
export const LENGTHS = [
  ...steps(1, 1, 2, 5, 10, 20, 50, 100, 200, 500),
  ...steps(SECOND, 1, 2, 5, 10, 15, 30),
  ...steps(MINUTE, 1, 2, 5, 10, 15, 30),
  ...steps(HOUR, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720),
];
export const SIZES = Array.from({ length: 42 }, (_, power) => 2 ** power);

const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const library = async () => {
  const [module] = await Promise.all([
    later("/vendor/uplot/uPlot.esm.js"),
    styles("/vendor/uplot/uPlot.min.css"),
  ]);
  return module.default;
};

const axis = (more) => ({
  stroke: colour("muted"),
  font: "12px system-ui, sans-serif",
  grid: { stroke: colour("border"), width: 1 },
  ticks: { show: false },
  ...more,
});

const bars = (uPlot) => (series) => ({
  ...series,
  fill: colour(series.tone),
  stroke: colour(series.tone),
  width: 0,
  points: { show: false },
  paths: uPlot.paths.bars({ size: [0.7, 16], radius: 0.15 }),
});

const SIGN = 3;

/** A cross over each bar that failed: colour alone tells nothing to some. */
const crosses = (plot, attrs) => {
  const at = attrs.series.findIndex(({ tone }) => tone === "failed") + 1;
  const { ctx } = plot;
  const size = SIGN * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour("failed");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  plot.data[at].forEach((value, place) => {
    if (value === null) return;
    const x = plot.valToPos(place, "x", true);
    const y = plot.valToPos(value, "y", true) - 2 * size;
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x + size, y - size);
    ctx.lineTo(x - size, y + size);
  });
  ctx.stroke();
  ctx.restore();
};

/** What a chart is made of: attrs of `Chart`. */
const options = (uPlot, attrs, width) => ({
  width,
  height: HEIGHT,
  legend: { show: false },
  padding: [14, 8, 0, 0],
  cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
  scales: {
    x: { time: false, range: (_, from, to) => [from - 0.7, to + 0.7] },
    y: { range: (_, __, to) => [0, (to || 1) * 1.12] },
  },
  axes: [
    axis({
      grid: { show: false },
      size: 30,
      space: 110,
      incrs: [1, 2, 5, 10, 20, 50, 100],
      values: (_, places) => places.map((at) => attrs().labelOf(at)),
    }),
    axis({ incrs: attrs().steps, size: 72, values: (_, values) => values.map(attrs().words) }),
  ],
  series: [{}, ...attrs().series.map(bars(uPlot))],
  hooks: {
    draw: [(plot) => crosses(plot, attrs())],
    setCursor: [(plot) => attrs().onpoint(plot.cursor.idx)],
  },
});

/**
 * attrs: data, an array of columns, the first of places from 0; series, `{tone}` for each other column; steps
 * and words of the upright axis; labelOf(place), onpoint(place or null), onchoose(place).
 */
export const Chart = () => {
  let plot = null;
  let current;
  let place;
  let uPlot;
  let observer;
  const attrs = () => current;

  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(uPlot, attrs, place.clientWidth), current.data, place);
  };
  const themes = matchMedia("(prefers-color-scheme: dark)");

  return {
    async oncreate(vnode) {
      ({ dom: place, attrs: current } = vnode);
      uPlot = await library();
      if (!place.isConnected) return;
      draw();
      observer = new ResizeObserver(
        () => place.clientWidth && plot.setSize({ width: place.clientWidth, height: HEIGHT }),
      );
      observer.observe(place);
      place.addEventListener(
        "click",
        () => plot.cursor.idx !== null && current.onchoose(plot.cursor.idx),
      );
      document.addEventListener("themechange", draw);
      themes.addEventListener("change", draw);
    },
    onupdate(vnode) {
      const isSame = current.data === vnode.attrs.data;
      current = vnode.attrs;
      if (plot && !isSame) plot.setData(current.data);
    },
    onremove() {
      observer?.disconnect();
      document.removeEventListener("themechange", draw);
      themes.removeEventListener("change", draw);
      plot?.destroy();
    },
    view: () => m(".chart", { "aria-hidden": "true" }),
  };
};
