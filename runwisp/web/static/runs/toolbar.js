// The filters above a list of runs.

import { m } from "../view.js";
import { icon } from "../icons.js";
import { setQuery } from "../router.js";
import { END_REASONS, FAILED, TRIGGERS } from "../states.js";
import { store } from "../store.js";
import { FIRST_PAGE, NO_FILTERS, SINCE, hasFilters } from "./filters.js";

const TYPING = 250;

const change = (changes, options) => setQuery({ ...FIRST_PAGE, ...changes }, options);
const choose = (changes) => change(changes, { isStep: true });

const option = ([value, label]) => m("option", { value }, label);

/** What stands in the address is always among the choices. */
const select = (label, value, choices, onchoice, children = choices.map(option)) =>
  m(
    "select.field",
    { "aria-label": label, value, onchange: (event) => onchoice(event.target.value) },
    choices.some(([each]) => each === value) ? children : [children, option([value, value])],
  );

/** The words that rows are listed with. */
const STATES = [
  ["running", "running"],
  ["pending", "pending"],
  ["success", "success"],
  ["failed", "failed, for any reason"],
];
const known = (reasons) => reasons.map((reason) => [reason, reason]);
const FAILURES = known(END_REASONS.filter((reason) => FAILED.has(reason) && reason !== "failed"));
const OTHERS = known(END_REASONS.filter((reason) => !FAILED.has(reason) && reason !== "success"));

const status = (given) => {
  const children = [
    option(["", "Any status"]),
    STATES.map(option),
    m("optgroup", { label: "failed as" }, FAILURES.map(option)),
    m("optgroup", { label: "stopped as" }, OTHERS.map(option)),
  ];
  const all = [["", ""], ...STATES, ...FAILURES, ...OTHERS];
  return select("Status", given.status ?? "", all, (value) => choose({ status: value }), children);
};

const trigger = (given) =>
  select(
    "Trigger",
    given.trigger ?? "",
    [["", "Any trigger"], ...TRIGGERS.map((each) => [each, each])],
    (value) => choose({ trigger: value }),
  );

const BETWEEN = "between";

const since = (given) => {
  const value = given.from || given.to ? BETWEEN : (given.since ?? "");
  const choices = [["", "Any time"], ...SINCE, [BETWEEN, "Between…"]];
  return select("Time", value, choices, (chosen) => {
    if (chosen !== BETWEEN) return choose({ since: chosen, from: "", to: "" });
    const [, , length] = SINCE.find(([name]) => name === given.since) ?? SINCE[1];
    return choose({ since: "", from: new Date(Date.now() - length).toISOString(), to: "" });
  });
};

/** As the field of a browser wants it, in the reader's zone. */
const local = (at) => {
  const date = new Date(at);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

const instant = (given, name, label) =>
  m("label.moment", [
    m("span.small.muted", label),
    m("input.field", {
      type: "datetime-local",
      value: given[name] && !Number.isNaN(Date.parse(given[name])) ? local(given[name]) : "",
      onchange: ({ target }) =>
        choose({ [name]: target.value ? new Date(target.value).toISOString() : "" }),
    }),
  ]);

/** As there may be thousands, they are made anew only when there are others. */
const TaskNames = {
  onbeforeupdate: ({ attrs }, old) => attrs.tasks !== old.attrs.tasks,
  view: () =>
    m(
      "datalist#task-names",
      [...store.tasks.keys()].map((name) => m("option", { value: name })),
    ),
};

const task = (given) => [
  m("input.field.task-filter", {
    "aria-label": "Task",
    placeholder: "Any task",
    list: "task-names",
    value: given.task ?? "",
    autocomplete: "off",
    onchange: (event) => choose({ task: event.target.value.trim() }),
  }),
  m(TaskNames, { tasks: store.tasks.size }),
];

const search = (given, typing) =>
  m(".search", [
    icon("search"),
    m("input.field", {
      type: "search",
      "aria-label": "Search runs",
      placeholder: "Message, id or task",
      value: typing.text ?? given.q ?? "",
      oninput: (event) => typing.typed(event.target.value),
    }),
  ]);

/** attrs.given is what stands in the address; attrs.hasTask whether tasks are chosen here. */
export const Toolbar = () => {
  let timer = 0;
  const typing = {
    /** @type {string | undefined} what is typed and not in the address yet */
    text: undefined,
    typed(text) {
      typing.text = text;
      clearTimeout(timer);
      timer = setTimeout(() => {
        typing.text = undefined;
        change({ q: text.trim() });
      }, TYPING);
    },
  };
  return {
    onremove: () => clearTimeout(timer),
    view: ({ attrs: { given, hasTask } }) =>
      m(".toolbar.filters", { role: "search", "aria-label": "Runs" }, [
        search(given, typing),
        status(given),
        hasTask && task(given),
        trigger(given),
        since(given),
        (given.from || given.to) && [
          instant(given, "from", "From"),
          instant(given, "to", "Before"),
        ],
        hasFilters(given) &&
          m(
            "button.button.quiet",
            { type: "button", onclick: () => choose(NO_FILTERS) },
            "Clear filters",
          ),
      ]),
  };
};
