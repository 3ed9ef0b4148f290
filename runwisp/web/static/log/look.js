// How lines are shown, as the reader chose it in this browser.

import { remember, remembered } from "../memory.js";

export const lookOf = () => {
  const look = {
    isWrapped: remembered("wrap", "on") === "on",
    hasTime: remembered("times", "off") === "on",

    toggleWrap() {
      look.isWrapped = !look.isWrapped;
      remember("wrap", look.isWrapped ? null : "off");
    },

    toggleTimes() {
      look.hasTime = !look.hasTime;
      remember("times", look.hasTime ? "on" : null);
    },
  };
  return look;
};
