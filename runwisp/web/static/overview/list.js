// The tasks of the overview: tabs, search, sorting, groups.

import { m } from "../view.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { query, setQuery } from "../router.js";
import { store } from "../store.js";
import { Empty } from "../trouble.js";
import { TaskRow } from "./row.js";
import { SORTS, TABS, selected } from "./select.js";

const tab = ([name, label], found, now) =>
  m(
    "button",
    {
      type: "button",
      "aria-pressed": String(name === now),
      onclick: () => setQuery({ tab: name }, { isStep: true }),
    },
    [label, m("span.count", count(found))],
  );

const toolbar = (given, counts) =>
  m(".toolbar", { role: "search", "aria-label": "Tasks" }, [
    m(".tabs", TABS.map((each, at) => tab(each, counts[at], given.tab ?? ""))),
    m(".search", [
      icon("search"),
      m("input.field", {
        type: "search",
        id: "task-search",
        "aria-label": "Search tasks",
        "aria-keyshortcuts": "/",
        placeholder: "Search",
        value: given.q ?? "",
        oninput: (event) => setQuery({ q: event.target.value }),
      }),
    ]),
    m(
      "select.field",
      {
        "aria-label": "Sort tasks",
        value: given.sort ?? "",
        onchange: (event) => setQuery({ sort: event.target.value }),
      },
      SORTS.map(([name, label]) => m("option", { value: name }, label)),
    ),
  ]);

const group = ([name, tasks], isOnly) =>
  m("section.group", { key: name }, [
    m("h3.group-name", { class: isOnly && !name ? "sr-only" : "" }, [
      name || (isOnly ? "All" : "No group"),
      m("span.count", count(tasks.length)),
    ]),
    m("ul", tasks.map((task) => m(TaskRow, { key: task.name, task }))),
  ]);

const nothing = (given) => {
  if (!store.tasks.size) {
    return m(Empty, { title: "No tasks yet" }, [
      m("p", ["Define one in ", m("code", store.info.config_path), " and restart the daemon."]),
    ]);
  }
  if (given.q) return m(Empty, { title: "No task matches" }, m("p", `Nothing is called “${given.q}” here.`));
  if (given.tab === "attention") return m(Empty, { title: "All is well" }, m("p", "No task needs attention."));
  return m(Empty, { title: "No task is here just now" });
};

/** The search field takes "/", as in the console. */
const onSlash = (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, dialog")) return;
  event.preventDefault();
  document.getElementById("task-search")?.focus();
};

/** Selecting is not done anew while nothing changed. */
const remembering = () => {
  let last = "";
  let found = null;
  return (given) => {
    const now = `${store.rev} ${location.search}`;
    if (now !== last) [last, found] = [now, selected([...store.tasks.values()], given)];
    return found;
  };
};

export const TaskList = () => {
  const select = remembering();
  return {
    oncreate: () => addEventListener("keydown", onSlash),
    onremove: () => removeEventListener("keydown", onSlash),
    view: () => {
      const given = query();
      const { counts, groups, total } = select(given);
      return m("section.panel.tasks", { "aria-labelledby": "tasks-title" }, [
        m("h2.sr-only#tasks-title", "Tasks"),
        toolbar(given, counts),
        m("p.sr-only", { role: "status" }, plural(total, "task")),
        total
          ? m(".groups", groups.map((each) => group(each, groups.length === 1)))
          : nothing(given),
      ]);
    },
  };
};
