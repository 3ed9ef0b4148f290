// Between one try and the next: ever longer, and as long as the daemon is away.

import { connection } from "./connection.js";

const FIRST = 250;
const LONGEST = 30_000;
/** A timer of more is over at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const pauses = () => {
  let next = FIRST;
  const sleepers = new Set();

  const sleep = (ms) =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER));
      sleepers.add(wake);
    });

  return {
    /** @param {import("./api.js").Problem} [problem] may say how long at least */
    async rest(problem) {
      const ms = Math.max(next, 1000 * (problem?.retryAfter ?? 0));
      next = Math.min(2 * next, LONGEST);
      await sleep(ms);
      await connection.up();
    },

    /** The next is short again, and who rests wakes up. */
    over() {
      next = FIRST;
      sleepers.forEach((wake) => wake());
    },
  };
};
