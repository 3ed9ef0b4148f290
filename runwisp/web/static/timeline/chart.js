// The lanes on the screen: names beside a canvas that shows what is seen of them; moved by mouse, touch and
// keys. The page holds as many names as there is room for, however many lanes there are.

import { m } from "../view.js";
import { link, taskUrl } from "../router.js";
import { hands } from "./hands.js";
import { keys } from "./keys.js";
import { AXIS, paint, palette } from "./paint.js";
import { seenRows } from "./rows.js";

const WIDE = { lane: 34, labels: 184, track: { y: 5, height: 24 } };
const NARROW = { lane: 52, labels: 0, track: { y: 24, height: 24 } };
/** Names beside the lanes need as much. */
const ROOM = 640;
/** Of the lanes, as CSS: what is around them has its place on the screen too. */
const TALLEST = "max(18rem, calc(100dvh - 19.5rem))";

export const layoutOf = (width) => (width < ROOM ? NARROW : WIDE);

/**
 * attrs: scene() gives {rows, height, layout, span, now, lanes, since}; chosen; onspan(span), onchoose(mark),
 * onnow(), onwidth(px); painter, an object that gets `repaint` and `zoom(times)`.
 */
export const LaneChart = () => {
  let attrs;
  let place;
  let canvas;
  let colours;
  let frame = 0;
  let size = { width: 0, height: 0 };
  let top = 0;
  let observer;
  const themes = matchMedia("(prefers-color-scheme: dark)");

  const repaint = () => (frame ||= requestAnimationFrame(draw));

  const draw = () => {
    frame = 0;
    if (!canvas?.isConnected || !size.width) return;
    const scale = devicePixelRatio || 1;
    const { rows, layout, ...scene } = attrs.scene();
    const width = size.width - layout.labels;
    if (
      canvas.width !== Math.round(width * scale) ||
      canvas.height !== Math.round(size.height * scale)
    ) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(size.height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${size.height}px`;
    }
    const ctx = canvas.getContext("2d");
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    const seen = seenRows(rows, top, top + size.height);
    const trackOf = () => layout.track;
    paint(ctx, {
      ...scene,
      width,
      height: size.height,
      top,
      rows: seen,
      trackOf,
      colours,
      chosen: attrs.chosen,
    });
  };

  const recolour = () => {
    colours = palette();
    repaint();
  };

  const measure = () => {
    size = { width: place.clientWidth, height: place.clientHeight };
    attrs.onwidth(size.width);
    repaint();
  };

  const scrolled = () => {
    top = place.scrollTop;
    repaint();
    m.redraw();
  };

  return {
    oncreate(vnode) {
      attrs = vnode.attrs;
      place = vnode.dom;
      canvas = place.querySelector("canvas");
      colours = palette();
      observer = new ResizeObserver(measure);
      observer.observe(place);
      place.addEventListener("scroll", scrolled, { passive: true });
      document.addEventListener("themechange", recolour);
      themes.addEventListener("change", recolour);
      const chart = { attrs: () => attrs, top: () => top };
      hands(canvas, chart);
      Object.assign(attrs.painter, { repaint, ...keys(place, chart) });
      measure();
    },
    onupdate(vnode) {
      attrs = vnode.attrs;
      repaint();
    },
    onremove() {
      observer.disconnect();
      cancelAnimationFrame(frame);
      document.removeEventListener("themechange", recolour);
      themes.removeEventListener("change", recolour);
    },
    view(vnode) {
      const { rows, height, layout } = vnode.attrs.scene();
      const seen = seenRows(rows, top - 200, top + (size.height || 800) + 200);
      return m(
        ".lanes",
        {
          tabindex: 0,
          role: "application",
          "aria-label": "Timeline",
          "aria-describedby": "timeline-keys",
          class: layout.labels ? "" : "is-narrow",
          // The policy allows styles that a script sets, not those that stand in markup.
          style: { height: `min(${height + AXIS + 1}px, ${TALLEST})` },
        },
        [
          m("canvas", { "aria-hidden": "true" }),
          m(
            ".lane-names",
            { style: { height: `${height + AXIS}px` } },
            seen.map((row) => laneName(row, vnode.attrs.lane)),
          ),
        ],
      );
    },
  };
};

const laneName = (row, chosen) =>
  m(
    ".lane-name",
    {
      key: `${row.isGroup} ${row.name}`,
      class:
        (row.isGroup ? "is-group" : "") + (row.name === chosen && !row.isGroup ? " is-chosen" : ""),
      style: { top: `${row.y + AXIS}px`, height: `${row.height}px` },
    },
    row.isGroup
      ? m("strong", row.name)
      : link(taskUrl(row.name), { tabindex: -1, title: row.name }, row.name),
  );
