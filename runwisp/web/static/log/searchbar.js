// Where one says what to search for, and the lines that were found in the logs of other runs.

import { m } from "../view.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { runUrl } from "../router.js";
import { Exact } from "../times.js";

const PAUSE = 250;

const summary = ({ search, marked }) => {
  const { text, hits, isBusy, isDone, isWide, runs, problem } = search;
  if (!text) return "";
  if (problem) return problem;
  const number = `${count(hits.length)}${isDone ? "" : "+"}`;
  if (isBusy) return "Searching…";
  if (!hits.length) return "Nothing found";
  if (isWide) return `${number} in ${plural(runs, "run")}`;
  const at = hits.findIndex(({ n }) => n === marked) + 1;
  return at ? `${count(at)} of ${number}` : `${number} found`;
};

/** attrs: search, find(changes), step(direction), marked. */
export const SearchBar = () => {
  let timer = 0;
  let typed = null;

  const begin = (attrs, changes) => {
    clearTimeout(timer);
    const { text, isRegex, isExact, isWide } = attrs.search;
    attrs.find({ text: typed ?? text, isRegex, isExact, isWide, ...changes });
    typed = null;
  };

  const type = (attrs) => (event) => {
    typed = event.target.value;
    clearTimeout(timer);
    timer = setTimeout(() => begin(attrs, {}), PAUSE);
  };

  const onkeydown = (attrs) => (event) => {
    event.redraw = false;
    if (event.key === "Escape") {
      event.preventDefault();
      typed = "";
      begin(attrs, {});
      event.target.closest(".log").querySelector(".log-scroller").focus({ preventScroll: true });
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (typed !== null) begin(attrs, {});
    else attrs.step(event.shiftKey ? -1 : 1);
  };

  const choice = (attrs, key, label, sign) => {
    const isOn = attrs.search[key];
    return m(
      "button.log-option",
      {
        type: "button",
        "aria-pressed": String(isOn),
        "aria-label": label,
        title: label,
        onclick: () => begin(attrs, { [key]: !isOn }),
      },
      sign,
    );
  };

  const stepper = (attrs, direction, label, sign) =>
    m(
      "button.icon-button",
      {
        type: "button",
        "aria-label": label,
        title: label,
        disabled: attrs.search.isWide || !attrs.search.hits.length,
        onclick: () => attrs.step(direction),
      },
      icon(sign),
    );

  return {
    onremove: () => clearTimeout(timer),
    view: ({ attrs }) =>
      m("search.log-search", [
        m(".search", [
          icon("search"),
          m("input.field", {
            type: "search",
            "aria-label": "Search the log",
            placeholder: "Search",
            maxlength: 500,
            autocomplete: "off",
            spellcheck: false,
            value: typed ?? attrs.search.text,
            oninput: type(attrs),
            onkeydown: onkeydown(attrs),
          }),
          choice(attrs, "isExact", "Match case", "Aa"),
          choice(attrs, "isRegex", "Regular expression", ".*"),
        ]),
        m(
          "select.field",
          {
            "aria-label": "Where to search",
            value: attrs.search.isWide ? "task" : "log",
            onchange: (event) => begin(attrs, { isWide: event.target.value === "task" }),
          },
          [m("option", { value: "log" }, "this run"), m("option", { value: "task" }, "all runs")],
        ),
        attrs.search.text && !attrs.search.isWide && [
          stepper(attrs, -1, "Previous line found", "up"),
          stepper(attrs, 1, "Next line found", "down"),
        ],
        m("span.log-count", { role: "status" }, summary(attrs)),
      ]),
  };
};

const grouped = (hits) => {
  const groups = [];
  for (const hit of hits) {
    if (groups.at(-1)?.[0].run_id !== hit.run_id) groups.push([]);
    groups.at(-1).push(hit);
  }
  return groups;
};

const groupOf = (run, hits) =>
  m("li", { key: hits[0].run_id }, [
    m("h3", [m(Exact, { at: hits[0].ts }), hits[0].run_id === run.id && " · this run"]),
    m("ul", hits.map((hit) => m("li", hitOf(run, hit)))),
  ]);

const hitOf = (run, { run_id, n, text }) => {
  const href = `${runUrl({ task_name: run.task_name, id: run_id })}#L${n}`;
  return m(m.route.Link, { href, class: "log-hit" }, [m("span.log-number", n), m("span", text)]);
};

/** The lines that were found in the runs of the task: attrs.search, attrs.run, attrs.more(). */
export const Found = {
  view: ({ attrs: { search, run, more } }) =>
    search.isWide &&
    search.hits.length > 0 &&
    m(".log-found", { tabindex: 0, role: "group", "aria-label": `Found in runs of ${run.task_name}` }, [
      m("ul", grouped(search.hits).map((hits) => groupOf(run, hits))),
      !search.isDone &&
        m("button.button", { type: "button", disabled: search.isBusy, onclick: more }, "Search on"),
    ]),
};
