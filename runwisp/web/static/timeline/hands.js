// The timeline under a mouse or fingers: what they point at, and how they move it.

import { m } from "../view.js";
import { runUrl } from "../router.js";
import { eachSeen } from "./lanes.js";
import { AXIS } from "./paint.js";
import { panned, zoomed } from "./span.js";

const NEAR = 6;
/** Less is a hand that shakes. */
const STILL = 4;

/** @param {HTMLCanvasElement} canvas @param {{attrs: () => object, top: () => number}} chart */
export const hands = (canvas, { attrs, top }) => {
  const pointers = new Map();
  let moved = 0;

  const trackPoint = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
  };

  const markAt = ({ x, y, width }) => {
    const { rows, span, lanes, now } = attrs().scene();
    if (y < AXIS) return null;
    const at = y - AXIS + top();
    const row = rows.find((each) => !each.isGroup && each.y <= at && at < each.y + each.height);
    if (!row) return null;
    const time = span.from + (x / width) * (span.to - span.from);
    const slack = (NEAR / width) * (span.to - span.from);
    let best = null;
    let distance = Infinity;
    eachSeen(lanes.of(row.name), time - slack, time + slack, (mark) => {
      const end = mark.end === Infinity ? now : mark.end;
      const away = time < mark.start ? mark.start - time : Math.max(0, time - end);
      const far = away + (end - mark.start) / 1e6;
      if (away <= slack && far < distance) [best, distance] = [mark, far];
    });
    return best;
  };

  const pressed = (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event.clientX);
    moved = 0;
  };

  const pointed = (event) => {
    const width = canvas.clientWidth;
    if (!pointers.has(event.pointerId)) {
      const mark = markAt(trackPoint(event));
      canvas.style.cursor = mark ? "pointer" : "grab";
      if (mark && mark !== attrs().chosen) attrs().onchoose(mark);
      return;
    }
    const before = [...pointers.values()];
    moved += Math.abs(event.clientX - pointers.get(event.pointerId));
    pointers.set(event.pointerId, event.clientX);
    if (moved < STILL) return;
    if (!canvas.hasPointerCapture(event.pointerId)) canvas.setPointerCapture(event.pointerId);
    const { span, now } = attrs().scene();
    const after = [...pointers.values()];
    if (after.length === 1)
      return attrs().onspan(panned(span, (before[0] - after[0]) / width, now));
    pinched(span, now, before, after, width);
  };

  const pinched = (span, now, before, after, width) => {
    const gap = (xs) => Math.max(20, Math.abs(xs[0] - xs[1]));
    const middle = ((after[0] + after[1]) / 2 - canvas.getBoundingClientRect().left) / width;
    attrs().onspan(zoomed(span, gap(after) / gap(before), middle, now));
  };

  const released = (event) => {
    if (!pointers.delete(event.pointerId) || moved >= STILL || event.type !== "pointerup") return;
    const mark = markAt(trackPoint(event));
    if (!mark) return;
    // A finger has not pointed at it before: it sees first what it is.
    if (event.pointerType === "mouse") m.route.set(runUrl(mark.run));
    else attrs().onchoose(mark);
  };

  const wheeled = (event) => {
    const { span, now } = attrs().scene();
    const { x, width } = trackPoint(event);
    if (event.ctrlKey || event.metaKey) {
      attrs().onspan(zoomed(span, Math.exp(-event.deltaY / 200), x / width, now));
    } else {
      const across = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
      if (Math.abs(across) <= (event.shiftKey ? 0 : Math.abs(event.deltaY))) return;
      attrs().onspan(panned(span, across / width, now));
    }
    event.preventDefault();
  };

  canvas.addEventListener("wheel", wheeled, { passive: false });
  canvas.addEventListener("pointerdown", pressed);
  canvas.addEventListener("pointermove", pointed);
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, released);
};
