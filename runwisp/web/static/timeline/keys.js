// The timeline by keys: from run to run, from lane to lane, through time.

import { m } from "../view.js";
import { runUrl } from "../router.js";
import { AXIS } from "./paint.js";
import { panned, zoomed } from "./span.js";

const STEP = 0.2;
const CLOSER = 1.5;

/**
 * @param {HTMLElement} place that has the focus and scrolls
 * @param {{attrs: () => object, top: () => number}} chart
 * @returns {{zoom: (times: number) => void}}
 */
export const keys = (place, { attrs, top }) => {
  const moveSpan = (move) => {
    const { span, now } = attrs().scene();
    attrs().onspan(move(span, now));
  };

  /** What stays where it is: the run that is looked at, or now, or the middle. */
  const still = ({ span, now }) => {
    const places = [attrs().chosen?.start, now].map(
      (at) => (at - span.from) / (span.to - span.from),
    );
    return places.find((place) => place >= 0 && place <= 1) ?? 0.5;
  };

  const zoom = (times) => moveSpan((span, now) => zoomed(span, times, still({ span, now }), now));

  const chooseInLane = (name, by) => {
    const { marks } = attrs().scene().lanes.of(name);
    if (!marks.length) return attrs().onlane(name);
    const now = marks.findIndex(({ run }) => run.id === attrs().chosen?.run.id);
    const next = now < 0 ? marks.length - 1 : Math.min(marks.length - 1, Math.max(0, now + by));
    choose(marks[next]);
  };

  const choose = (mark) => {
    attrs().onchoose(mark);
    const { rows, span, now } = attrs().scene();
    showRow(rows.find(({ name, isGroup }) => name === mark.run.task_name && !isGroup));
    const at = (mark.start - span.from) / (span.to - span.from);
    if (at < 0 || at > 1) attrs().onspan(panned(span, at - 0.5, now));
  };

  const showRow = (row) => {
    if (!row) return;
    if (row.y < top()) place.scrollTop = row.y;
    const bottom = row.y + row.height + AXIS - place.clientHeight;
    if (bottom > top()) place.scrollTop = bottom;
  };

  const otherLane = (by) => {
    const names = attrs()
      .scene()
      .rows.filter(({ isGroup }) => !isGroup)
      .map(({ name }) => name);
    const name = attrs().lane ?? attrs().chosen?.run.task_name;
    const at = names.indexOf(name) < 0 ? (by > 0 ? 0 : names.length - 1) : names.indexOf(name) + by;
    const next = names[Math.min(names.length - 1, Math.max(0, at))];
    if (!next) return;
    attrs().onlane(next);
    showRow(
      attrs()
        .scene()
        .rows.find((row) => row.name === next && !row.isGroup),
    );
    chooseInLane(next, 0);
  };

  const along = (by) => {
    const name = attrs().lane ?? attrs().chosen?.run.task_name;
    if (name) chooseInLane(name, by);
    else otherLane(1);
  };

  const KEYS = {
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
    ArrowUp: () => otherLane(-1),
    ArrowDown: () => otherLane(1),
    "Shift+ArrowLeft": () => moveSpan((span, now) => panned(span, -STEP, now)),
    "Shift+ArrowRight": () => moveSpan((span, now) => panned(span, STEP, now)),
    "+": () => zoom(CLOSER),
    "-": () => zoom(1 / CLOSER),
    0: () => attrs().onnow(),
    Enter: () => attrs().chosen && m.route.set(runUrl(attrs().chosen.run)),
    Escape: () => attrs().onchoose(null),
  };

  const typed = (event) => {
    if (event.target !== place || event.ctrlKey || event.metaKey || event.altKey) return;
    const isArrow = event.key.startsWith("Arrow");
    const act =
      KEYS[event.shiftKey && isArrow ? `Shift+${event.key}` : event.key === "=" ? "+" : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  place.addEventListener("keydown", typed);
  return { zoom };
};
