// Draws the lanes that are seen on a canvas. What a mark is, is told by its height and shape: tall it failed,
// low it was stopped, outlined it goes on, a diamond never started, a ring is yet to come.

import { clockTime, date } from "../format.js";
import { firings } from "../firings.js";
import { eachSeen } from "./lanes.js";
import { ticks } from "./span.js";

export const AXIS = 30;
const LEAST_WIDTH = 3;
const TICK_ROOM = 90;
const MOST_FIRINGS = 200;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const TONES = ["success", "failed", "stopped", "running", "waiting"];
const HEIGHTS = { success: 0.55, failed: 1, stopped: 0.3, running: 0.55, waiting: 0.55 };

export const palette = () => {
  const style = getComputedStyle(document.documentElement);
  const names = [
    ...TONES,
    ...TONES.map((tone) => `${tone}-soft`),
    "border",
    "muted",
    "text",
    "accent",
    "panel",
    "ground",
  ];
  return Object.fromEntries(
    names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
};

const label = (at, step) => {
  if (
    step >= DAY ||
    new Date(at).getHours() + new Date(at).getMinutes() + new Date(at).getSeconds() === 0
  ) {
    return date(at).replace(/ \d{4}$/, "");
  }
  return step < 60_000 ? clockTime(at) : clockTime(at).slice(0, 5);
};

/**
 * @param {CanvasRenderingContext2D} ctx scaled to CSS pixels
 * @param {object} scene {width, height, top, span, now, rows, lanes, colours, trackOf, chosen}
 */
export const paint = (ctx, scene) => {
  const { width, height, span, colours, now } = scene;
  const xOf = (at) => ((at - span.from) / (span.to - span.from)) * width;
  ctx.clearRect(0, 0, width, height);
  const marks = ticks(span, Math.max(2, width / TICK_ROOM));
  grid(ctx, scene, marks.at.map(xOf));
  ahead(ctx, scene, xOf(now));
  for (const row of scene.rows) if (!row.isGroup) lane(ctx, scene, row, xOf);
  nowLine(ctx, scene, xOf(now));
  axis(ctx, scene, marks, xOf);
  if (scene.since > span.from) unknown(ctx, scene, xOf(scene.since));
};

const grid = (ctx, { height, width, rows, top, colours }, xs) => {
  ctx.strokeStyle = colours.border;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (const x of xs) {
    ctx.moveTo(Math.round(x) + 0.5, AXIS);
    ctx.lineTo(Math.round(x) + 0.5, height);
  }
  for (const row of rows) {
    const y = Math.round(AXIS + row.y - top) + 0.5;
    ctx.moveTo(0, y);
    ctx.lineTo(width, y);
  }
  ctx.stroke();
  ctx.fillStyle = colours.ground;
  for (const row of rows)
    if (row.isGroup) ctx.fillRect(0, AXIS + row.y - top + 1, width, row.height - 1);
};

const ahead = (ctx, { width, height, colours }, x) => {
  ctx.globalAlpha = 0.6;
  ctx.fillStyle = colours.ground;
  ctx.fillRect(x, AXIS, Math.max(0, width - x), height);
  ctx.globalAlpha = 1;
};

const axis = (ctx, { width, colours }, { step, at }, xOf) => {
  ctx.fillStyle = colours.panel;
  ctx.fillRect(0, 0, width, AXIS);
  ctx.fillStyle = colours.border;
  ctx.fillRect(0, AXIS - 1, width, 1);
  ctx.fillStyle = colours.muted;
  ctx.font = "12px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const each of at) {
    const x = xOf(each);
    if (x > 16 && x < width - 16) ctx.fillText(label(each, step), x, AXIS / 2);
  }
};

const nowLine = (ctx, { height, colours, width }, x) => {
  if (x < 0 || x > width) return;
  ctx.fillStyle = colours.accent;
  ctx.fillRect(Math.round(x) - 0.5, AXIS, 1.5, height);
};

/** Runs before that are not loaded. */
const unknown = (ctx, { width, height, colours }, x) => {
  ctx.fillStyle = colours.ground;
  ctx.globalAlpha = 0.85;
  ctx.fillRect(0, AXIS, Math.min(width, x), height);
  ctx.globalAlpha = 1;
};

const lane = (ctx, scene, row, xOf) => {
  const { span, now, lanes, colours, trackOf, top } = scene;
  const track = trackOf(row);
  const y = AXIS + row.y - top + track.y;
  const found = lanes.of(row.name);
  const each = track.height / found.slots;
  const last = {};
  eachSeen(found, span.from, span.to, (mark) => {
    const x = xOf(mark.start);
    const end = xOf(mark.end === Infinity ? Math.max(now, mark.start) : mark.end);
    const wide = Math.max(LEAST_WIDTH, end - Math.max(x, -2));
    // What would cover exactly the same is drawn once.
    const place = `${mark.slot} ${mark.tone} ${mark.isPoint} ${Math.round(x)} ${Math.round(wide)}`;
    if (last[mark.slot] === place) return;
    last[mark.slot] = place;
    draw(ctx, colours, mark, Math.max(x, -2), y + mark.slot * each, wide, each);
  });
  future(ctx, scene, row, y + track.height / 2, xOf);
  if (scene.chosen?.run.task_name === row.name) {
    const mark = scene.chosen;
    const end = xOf(mark.end === Infinity ? now : mark.end);
    outline(
      ctx,
      colours,
      xOf(mark.start),
      y + mark.slot * each,
      Math.max(LEAST_WIDTH, end - xOf(mark.start)),
      each,
    );
  }
};

const draw = (ctx, colours, mark, x, y, width, slot) => {
  if (mark.isPoint) return diamond(ctx, colours[mark.tone], x, y + slot / 2);
  const height = Math.max(3, (slot - 2) * HEIGHTS[mark.tone]);
  const top = y + (slot - height) / 2;
  if (mark.end === Infinity) return open(ctx, colours, mark.tone, x, top, width, height);
  ctx.fillStyle = colours[mark.tone];
  ctx.fillRect(x, top, width, height);
};

/** It goes on: open at its end. */
const open = (ctx, colours, tone, x, y, width, height) => {
  ctx.fillStyle = colours[`${tone}-soft`];
  ctx.fillRect(x, y, width, height);
  ctx.strokeStyle = colours[tone];
  ctx.lineWidth = 1.5;
  ctx.setLineDash(tone === "waiting" ? [3, 3] : []);
  ctx.beginPath();
  ctx.moveTo(x + width, y);
  ctx.lineTo(x, y);
  ctx.lineTo(x, y + height);
  ctx.lineTo(x + width, y + height);
  ctx.stroke();
  ctx.setLineDash([]);
};

const diamond = (ctx, colour, x, y, size = 5) => {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.stroke();
};

const future = (ctx, { span, now, colours }, { task }, y, xOf) => {
  if (!task || span.to < now) return;
  ctx.strokeStyle = colours.muted;
  ctx.lineWidth = 1.2;
  let last = -Infinity;
  for (const at of firings(task, span.to, MOST_FIRINGS)) {
    const x = xOf(Date.parse(at));
    if (x - last < 9 || Date.parse(at) < now) continue;
    last = x;
    ctx.beginPath();
    ctx.arc(x, y, 3.5, 0, 2 * Math.PI);
    ctx.stroke();
  }
};

const outline = (ctx, colours, x, y, width, height) => {
  ctx.strokeStyle = colours.text;
  ctx.lineWidth = 2;
  ctx.strokeRect(x - 4, y - 1, width + 8, height + 2);
};
