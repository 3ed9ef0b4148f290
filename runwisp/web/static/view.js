// The view library, Mithril: a classic script, so it is on the window. Text given to m() stays text; nothing
// outside log/ansi.js may use m.trust.

/** @type {import("mithril").Static} */
export const m = window.m;
