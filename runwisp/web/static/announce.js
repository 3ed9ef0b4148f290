// A sentence about what was just done: seen for a while, and read out.

import { m } from "./view.js";

const SHOWN_FOR = 6000;
let timer = 0;

/** @param {string} text @param {{href: string, label: string}} link where it goes on */
export const announce = (text, link) => {
  const place = document.getElementById("announcer");
  m.render(place, m("p.toast", text, link && m(m.route.Link, { href: link.href }, link.label)));
  clearTimeout(timer);
  timer = setTimeout(() => m.render(place, null), SHOWN_FOR);
};
