// Numbers and times as words. Lengths come in nanoseconds, sizes in bytes, instants as RFC 3339.

const NUMBER = new Intl.NumberFormat("en");
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const NANOS = 1_000_000;

export const count = (number) => NUMBER.format(number);

export const plural = (number, word, words = `${word}s`) =>
  `${count(number)} ${number === 1 ? word : words}`;

/** @param {number} part from 0 to 1; 99.96 % is not rounded to 100 % */
export const percent = (part) => {
  const value = Math.floor(part * 1000) / 10;
  return `${Number.isInteger(value) || value < 10 ? value : value.toFixed(1)} %`;
};

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export const bytes = (size) => {
  const power = size < 1 ? 0 : Math.min(Math.floor(Math.log2(size) / 10), UNITS.length - 1);
  const value = size / 1024 ** power;
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
};

const two = (first, firstUnit, second, secondUnit) =>
  second ? `${first} ${firstUnit} ${second} ${secondUnit}` : `${first} ${firstUnit}`;

/** @param {number} ms */
export const length = (ms) => {
  if (ms < 1) return "0 s";
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${Number((Math.floor(ms / 100) / 10).toFixed(1))} s`;
  return clockLength(ms);
};

/** Without parts of a second. */
export const clockLength = (ms) => {
  const at = Math.max(0, ms);
  if (at < MINUTE) return `${Math.floor(at / SECOND)} s`;
  if (at < HOUR) return two(Math.floor(at / MINUTE), "min", Math.floor((at % MINUTE) / SECOND), "s");
  if (at < DAY) return two(Math.floor(at / HOUR), "h", Math.floor((at % HOUR) / MINUTE), "min");
  return two(Math.floor(at / DAY), "d", Math.floor((at % DAY) / HOUR), "h");
};

/** @param {number} ns */
export const duration = (ns) => length(ns / NANOS);

/** How long a run took, or has taken so far; "" where it did not start. */
export const runLength = (run, now = Date.now()) => {
  if (!run.start_at) return "";
  const start = Date.parse(run.start_at);
  return run.end_at ? length(Date.parse(run.end_at) - start) : clockLength(now - start);
};

const single = (ms) => {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
};

/** @param {number} at ms, in the past */
export const ago = (at, now = Date.now()) =>
  now - at < 2 * SECOND ? "just now" : `${single(now - at)} ago`;

/** @param {number} at ms, in the future */
export const until = (at, now = Date.now()) =>
  at - now < SECOND ? "now" : `in ${clockLength(at - now)}`;

const formatters = new Map();

const formatter = (zone, options) => {
  const key = zone + JSON.stringify(options);
  if (!formatters.has(key)) formatters.set(key, made(zone, options));
  return formatters.get(key);
};

/** A zone that this browser does not know is told in UTC. */
const made = (zone, options) => {
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone || undefined });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
  }
};

const EXACT = {
  weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
};
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const DATE = { day: "numeric", month: "short", year: "numeric" };

/** "Tue, 25 Nov 2025, 03:00:12 CET"; in the reader's zone unless told. */
export const exact = (at, zone = "") => formatter(zone, EXACT).format(new Date(at));
export const clockTime = (at, zone = "") => formatter(zone, CLOCK).format(new Date(at));
export const date = (at, zone = "") => formatter(zone, DATE).format(new Date(at));
