// The keys of the log: what they do, and the dialog that tells them.

import { m } from "../view.js";

const KEYS = [
  [["↑", "↓", "PgUp", "PgDn"], "scroll"],
  [["Home"], "first line"],
  [["End"], "last line, and follow"],
  [["f"], "follow or pause"],
  [["/"], "search"],
  [["n", "N"], "next and previous line found"],
  [["g"], "go to a line"],
  [["w"], "wrap long lines or not"],
  [["t"], "times or none"],
  [["?"], "these keys"],
];

const toField = (log, selector) => {
  const field = log.querySelector(selector);
  field.focus();
  field.select();
};

/**
 * For onkeydown of the element of the whole log.
 * @param {{reader: object, finder: object, toggleWrap: () => void, toggleTimes: () => void}} acts
 */
export const keysOf = ({ reader, finder, toggleWrap, toggleTimes }) => {
  const does = {
    "/": (log) => toField(log, "input[type=search]"),
    g: (log) => toField(log, ".log-goto input"),
    n: () => finder.step(1),
    N: () => finder.step(-1),
    f: reader.toggleFollow,
    w: toggleWrap,
    t: toggleTimes,
    "?": showKeys,
    Home: reader.toFirst,
    End: reader.follow,
  };
  return (event) => {
    event.redraw = false;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select")) return;
    if (event.target.closest("button, a") && ["Home", "End"].includes(event.key)) return;
    const act = does[event.key];
    if (!act) return;
    event.preventDefault();
    act(event.currentTarget);
    m.redraw();
  };
};

export const showKeys = () => {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "keys-title");
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    m.render(dialog, null);
    dialog.remove();
  });
  m.render(dialog, [
    m("h2#keys-title", "Keys of the log"),
    m("p.muted", "They work while the log or one of its buttons has the focus."),
    m("dl.keys", KEYS.map(([keys, does]) => [m("dt", keys.map((key) => m("kbd", key))), m("dd", does)])),
    m(
      ".dialog-buttons",
      m("button.button.primary", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close"),
    ),
  ]);
  dialog.showModal();
};
