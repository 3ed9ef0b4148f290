// Which stretch of time is seen, as it stands in the address, and how it is moved. Pure; instants are in ms.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const SPANS = [
  ["1h", "1 hour", HOUR],
  ["6h", "6 hours", 6 * HOUR],
  ["24h", "24 hours", DAY],
  ["7d", "7 days", 7 * DAY],
];
const USUAL = "6h";

/** Further back nothing is looked for. */
export const LONGEST = 7 * DAY;
const SHORTEST = 10_000;
/** How much of what is seen lies ahead of now. */
const AHEAD = 0.12;

/** @typedef {{from: number, to: number, isLive: boolean}} Span isLive: it goes on with the time */

/** @returns {Span} */
export const spanOf = ({ span = USUAL, from, to }, now) => {
  const [start, end] = [Date.parse(from), Date.parse(to)];
  if (end - start >= SHORTEST) return bounded(start, end, now);
  const [, , length] = SPANS.find(([name]) => name === span) ?? SPANS[1];
  return { from: now - length, to: now + length * AHEAD, isLive: true };
};

export const spanName = ({ span, from }) => (from ? "" : (span ?? USUAL));

const bounded = (start, end, now) => {
  const whole = LONGEST * (1 + AHEAD);
  const length = Math.min(whole, Math.max(SHORTEST, end - start));
  const from = Math.min(Math.max(now - LONGEST, start), now + LONGEST * AHEAD - length);
  return {
    from: Math.max(from, now - LONGEST),
    to: Math.max(from, now - LONGEST) + length,
    isLive: false,
  };
};

/** @param {number} part of what is seen, forward where positive */
export const panned = ({ from, to }, part, now) => {
  const by = (to - from) * part;
  return bounded(from + by, to + by, now);
};

/** @param {number} times closer where over 1 @param {number} at what stays where it is, from 0 to 1 */
export const zoomed = ({ from, to }, times, at, now) => {
  const length = Math.min(LONGEST * (1 + AHEAD), Math.max(SHORTEST, (to - from) / times));
  const still = from + (to - from) * at;
  return bounded(still - length * at, still + length * (1 - at), now);
};

/** For the address. */
export const spelled = ({ from, to }) => ({
  from: new Date(from).toISOString(),
  to: new Date(to).toISOString(),
});

const STEPS = [
  1000,
  5000,
  10_000,
  30_000,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
];

/** @returns {{step: number, at: number[]}} whole minutes, hours and days of the reader's zone */
export const ticks = ({ from, to }, most) => {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS.at(-1);
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - offset) / step) * step + offset;
  const number = Math.max(0, Math.floor((to - first) / step) + 1);
  return { step, at: Array.from({ length: number }, (_, place) => first + place * step) };
};
