// The tools above the lines of a log.

import { m } from "../view.js";
import { runPath } from "../api.js";
import { icon } from "../icons.js";
import { copyLog } from "./copy.js";
import { showKeys } from "./keys.js";
import { SearchBar } from "./searchbar.js";

const tool = (name, sign, onclick, attrs = {}) =>
  m(
    "button.icon-button",
    { type: "button", "aria-label": name, title: name, onclick, ...attrs },
    icon(sign),
  );

const toggle = (name, sign, isOn, onclick) =>
  tool(name, sign, onclick, { class: "log-toggle", "aria-pressed": String(isOn) });

const download = (run) =>
  m(
    "a.icon-button",
    {
      href: `${runPath(run)}/log/raw`,
      download: "",
      "aria-label": "Download the log",
      title: "Download the log",
    },
    icon("download"),
  );

const jump = (goTo) => (event) => {
  event.preventDefault();
  const field = event.target.elements.line;
  const n = Number(field.value.replace(/\D/g, ""));
  if (!n) return;
  field.value = "";
  goTo(n);
};

const lineField = (goTo) =>
  m(
    "form.log-goto",
    { onsubmit: jump(goTo) },
    m("input.field", {
      name: "line",
      inputmode: "numeric",
      autocomplete: "off",
      "aria-label": "Go to line",
      placeholder: "Line…",
      maxlength: 16,
    }),
  );

/** attrs: run, log, search, marked, isWrapped, hasTime, find, step, goTo, toggleWrap, toggleTimes. */
export const Tools = {
  view: ({ attrs }) =>
    m(".log-tools", [
      m(SearchBar, attrs),
      lineField(attrs.goTo),
      m(".log-buttons", [
        toggle("Wrap long lines", "wrap", attrs.isWrapped, attrs.toggleWrap),
        toggle("Show times", "clock", attrs.hasTime, attrs.toggleTimes),
        tool("Copy the log", "copy", () => copyLog(attrs.run), {
          disabled: attrs.log.last < attrs.log.first,
        }),
        download(attrs.run),
        tool("Keys of the log", "help", showKeys),
      ]),
    ]),
};
