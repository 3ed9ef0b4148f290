// Schedules in words, where they are plain enough; the raw one stands beside them. Pure.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const SHORT_DAYS = DAYS.map((day) => day.slice(0, 3).toLowerCase());
const UNITS = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day" };

const NAMED = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const isNumber = (field) => /^\d+$/.test(field);
/** The step of a field where it is even: 7 does not divide an hour. */
const stepOf = (field, whole) => {
  const step = /^\*\/(\d+)$/.exec(field)?.[1];
  return step && whole % Number(step) === 0 ? step : undefined;
};
const every = (number, unit) => (Number(number) === 1 ? `every ${unit}` : `every ${number} ${unit}s`);
const clock = (hour, minute) => `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;

const ordinal = (number) => {
  const endings = { 1: "st", 2: "nd", 3: "rd" };
  const isTeen = number % 100 > 10 && number % 100 < 14;
  return `${number}${isTeen ? "th" : (endings[number % 10] ?? "th")}`;
};

const dayIndex = (text) => {
  const at = isNumber(text) ? Number(text) % 7 : SHORT_DAYS.indexOf(text.toLowerCase());
  return at >= 0 ? at : undefined;
};

const weekdays = (field) => {
  const [first, last] = field.split("-").map(dayIndex);
  if (first === 1 && last === 5) return "weekdays";
  const days = field.split(",").map(dayIndex);
  if (days.includes(undefined)) return "";
  const names = days.map((day) => `${DAYS[day]}s`);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
};

const onDays = (day, month, weekday) => {
  if (month !== "*") return "";
  if (day === "*" && weekday === "*") return "daily";
  if (day === "*") return weekdays(weekday);
  return isNumber(day) && weekday === "*" ? `on the ${ordinal(Number(day))} of each month` : "";
};

const often = (minute, hour) => {
  if (minute === "*" && hour === "*") return "every minute";
  if (stepOf(minute, 60) && hour === "*") return every(stepOf(minute, 60), "minute");
  if (!isNumber(minute)) return "";
  const past = Number(minute) ? ` at ${minute} past` : "";
  if (hour === "*") return `every hour${past}`;
  return stepOf(hour, 24) ? every(stepOf(hour, 24), "hour") + past : "";
};

/** @param {string} cron as in the file @returns {string} "" where there are no plain words for it */
export const cronWords = (cron) => {
  const [, number, unit] = /^@every\s+(\d+)(ms|[smhd])$/.exec(cron) ?? [];
  if (number) return every(number, UNITS[unit]);
  const fields = (NAMED[cron] ?? cron).trim().split(/\s+/);
  if (fields.length !== 5) return "";
  const [minute, hour, day, month, weekday] = fields;
  const days = onDays(day, month, weekday);
  if (!days) return "";
  if (isNumber(minute) && isNumber(hour)) return `${days} at ${clock(hour, minute)}`;
  const words = often(minute, hour);
  return words && days !== "daily" ? `${words}, ${days}` : words;
};
