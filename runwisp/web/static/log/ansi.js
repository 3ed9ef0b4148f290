// Colours of terminals. The one place whose HTML is trusted: ansi_up makes it and escapes all text in it.
//
// The policy of the page forbids styles in markup, so what ansi_up would say in one is said in classes, and
// colours of 24 bits in data attributes, which `dye` turns into properties.

import { AnsiUp } from "../vendor/ansi_up/ansi_up.js";
import { m } from "../view.js";

const STATE = ["bold", "faint", "italic", "underline", "fg", "bg"];
/** Titles of windows and links: what belongs to a terminal alone. The text of a link stays. */
const OSC = /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;
const STYLED = /<span style="([^"]*)"(?: class="([^"]*)")?>/g;
const COLOUR = /^(background-)?color:rgb\((\d+,\d+,\d+)\)$/;

/** What a line begins with when nothing was set before it. */
export const PLAIN = Object.freeze({
  bold: false, faint: false, italic: false, underline: false, fg: null, bg: null,
});

const terminal = (state) => {
  const up = new AnsiUp();
  up.use_classes = true;
  up.url_allowlist = {};
  [up.boldStyle, up.faintStyle, up.italicStyle, up.underlineStyle] = STATE;
  return Object.assign(up, state);
};

const unstyled = (html) =>
  html.replace(STYLED, (_, style, given = "") => {
    const classes = given ? [given] : [];
    let colours = "";
    for (const each of style.split(";")) {
      const [, isGround, rgb] = COLOUR.exec(each) ?? [];
      if (rgb) colours += ` data-${isGround ? "bg" : "fg"}="${rgb}"`;
      else classes.push(`ansi-${each}`);
    }
    return `<span class="${classes.join(" ")}"${colours}>`;
  });

const stateOf = (up) => {
  const state = Object.fromEntries(STATE.map((key) => [key, up[key]]));
  return STATE.some((key) => state[key]) ? state : PLAIN;
};

/** A progress bar overwrites itself: what a terminal shows in the end. */
const overwritten = (text) =>
  text.includes("\r") ? (text.split("\r").findLast((part) => part !== "") ?? "") : text;

/**
 * @param {string} text of a line @param {object} state that the line before left
 * @returns {{content: any, state: object}} what to put in a view, and the state it leaves
 */
export const paint = (text, state) => {
  const shown = overwritten(text);
  if (state === PLAIN && !shown.includes("\x1b")) return { content: shown, state };
  const up = terminal(state);
  const html = unstyled(up.ansi_to_html(shown.replace(OSC, "")));
  return { content: m.trust(html), state: stateOf(up) };
};

const isLight = (rgb) => {
  const [red, green, blue] = rgb.split(",").map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140;
};

/** Gives colours of 24 bits to what is inside. */
export const dye = (element) => {
  for (const { style, dataset } of element.querySelectorAll("[data-fg], [data-bg]")) {
    if (dataset.fg) style.setProperty("--fg", `rgb(${dataset.fg})`);
    if (!dataset.bg) continue;
    style.setProperty("--bg", `rgb(${dataset.bg})`);
    style.setProperty("--on-bg", isLight(dataset.bg) ? "#000" : "#fff");
  }
};
