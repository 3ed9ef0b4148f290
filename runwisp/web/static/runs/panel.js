// A list of runs with its filters, its pages and its news; of all tasks, or of one.

import { m } from "../view.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { skeletonRows } from "../loader.js";
import { query, setQuery } from "../router.js";
import { Empty, Trouble } from "../trouble.js";
import { FIRST_PAGE, NO_FILTERS, hasFilters, isNewestFirst } from "./filters.js";
import { firstRow, runList } from "./list.js";
import { RunTable } from "./table.js";
import { Toolbar } from "./toolbar.js";

const LAST_PAGE = { at: "", row: "", end: "1" };

const numbers = ({ given, rows, total }) => {
  if (!rows.length) return "";
  const first = firstRow(given);
  const last = first + rows.length - 1;
  const whole = total === undefined ? "" : ` of ${count(total)}`;
  if (!given.end) return `${count(first)} to ${count(last)}${whole}`;
  if (total === undefined) return `${count(last)} to ${count(first)}, counted from the end`;
  return `${count(Math.max(1, total - last + 1))} to ${count(total - first + 1)}${whole}`;
};

const pageButton = (name, label, place) =>
  m(
    "button.icon-button",
    {
      type: "button",
      "aria-label": label,
      title: label,
      disabled: !place,
      onclick: () => turn(place),
    },
    icon(name),
  );

const turn = (place) => {
  setQuery(place, { isStep: true });
  document.getElementById("runs-top")?.scrollIntoView();
};

const pager = (list) => {
  const isFromEnd = Boolean(list.given.end);
  const [further, nearer] = [list.further(), list.nearer()];
  const [previous, next] = isFromEnd ? [further, nearer] : [nearer, further];
  const isFirst = !isFromEnd && firstRow(list.given) === 1 && !list.given.at;
  const isLast = isFromEnd ? firstRow(list.given) === 1 : list.isLoaded && !list.next;
  return m("nav.pager", { "aria-label": "Pages of runs" }, [
    m("span", { role: "status" }, numbers(list)),
    pageButton("first", "First page", !isFirst && FIRST_PAGE),
    pageButton("left", "Previous page", previous),
    pageButton("right", "Next page", next),
    pageButton("last", "Last page", !isLast && LAST_PAGE),
  ]);
};

const showNew = (list) => {
  if (isNewestFirst(list.given) && !list.given.at && !list.given.row) list.load();
  else setQuery({ ...FIRST_PAGE, sort: "", dir: "" }, { isStep: true });
};

const news = (list) =>
  m(".news", { role: "status" }, [
    list.freshCount > 0 &&
      m("button.button", { type: "button", onclick: () => showNew(list) }, [
        icon("up"),
        plural(list.freshCount, "new run"),
      ]),
  ]);

const searching = (list) =>
  list.isSlow &&
  list.isLoaded &&
  m("p.searching.muted", { role: "status" }, [
    "Looking through older runs…",
    m("button.button.quiet", { type: "button", onclick: list.stop }, "Stop"),
  ]);

const nothing = (list, emptyText) =>
  hasFilters(list.given)
    ? m(Empty, { title: "No run matches" }, [
        m(
          "button.button",
          {
            type: "button",
            onclick: () => setQuery({ ...FIRST_PAGE, ...NO_FILTERS }, { isStep: true }),
          },
          "Clear filters",
        ),
      ])
    : m(Empty, { title: "Nothing has run yet" }, m("p", emptyText));

const body = (list, attrs) => {
  if (!list.isLoaded) return list.isSlow && skeletonRows(8);
  if (!list.rows.length && !list.isLoading && !list.problem) return nothing(list, attrs.emptyText);
  return m(RunTable, { list, hasTask: !attrs.taskName, label: attrs.label });
};

/** attrs: taskName ("" for all), label, emptyText. */
export const RunsPanel = ({ attrs: { taskName = "" } }) => {
  const list = runList(query, taskName);
  return {
    oninit: list.start,
    onremove: list.end,
    onbeforeupdate: list.follow,
    view: ({ attrs }) => {
      // What is empty has no reader whose place would move.
      if (list.isLoaded && !list.isLoading && !list.rows.length && list.freshCount) list.load();
      return m("section.panel.runs-panel#runs-top", { "aria-label": attrs.label }, [
        news(list),
        attrs.heading,
        m(Toolbar, { given: query(), hasTask: !taskName }),
        list.problem && m(Trouble, { problem: list.problem, retry: list.load }),
        body(list, attrs),
        searching(list),
        list.isLoaded && (list.rows.length > 0 || firstRow(list.given) > 1) && pager(list),
      ]);
    },
  };
};
