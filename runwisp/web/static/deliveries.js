// What becomes of the messages that leave the machine: a sentence where some wait or were dropped.

import { m } from "./view.js";
import { get } from "./api.js";
import { count, plural } from "./format.js";
import { loader } from "./loader.js";

const LOOKED_EVERY = 5000;

const waiting = (number) =>
  number > 0 && `${plural(number, "message is", "messages are")} on the way to a channel. `;

const dropped = (number) =>
  number > 0 &&
  `${count(number)} dropped since the daemon started, as queue_size waited already: see which channel fails.`;

/** Looks every few seconds while it is seen. */
export const Deliveries = () => {
  const info = loader((signal) => get("/api/info", {}, { signal }));
  let timer = 0;
  const look = () => {
    if (!document.hidden) info.load();
  };
  return {
    oninit() {
      look();
      timer = setInterval(look, LOOKED_EVERY);
      document.addEventListener("visibilitychange", look);
    },
    onremove() {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      info.stop();
    },
    view() {
      const found = info.data?.deliveries;
      if (!found?.waiting && !found?.dropped) return null;
      return m("p.deliveries", [waiting(found.waiting), dropped(found.dropped)]);
    },
  };
};
