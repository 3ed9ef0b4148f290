// One row of the bell, as the popover and the page show it.

import { m } from "./view.js";
import { plural } from "./format.js";
import { icon } from "./icons.js";
import { mark } from "./notices.js";
import { link, runUrl, taskUrl } from "./router.js";
import { Ago, Exact } from "./times.js";

/** Word and tone of each severity; the sign is called as the severity. */
const SEVERITIES = {
  info: ["Info", "running"],
  warn: ["Warning", "waiting"],
  error: ["Error", "failed"],
};

const sign = ({ severity }) => {
  const [word, tone] = SEVERITIES[severity];
  return m(`span.severity.tone-${tone}`, { title: word }, [icon(severity), m("span", word)]);
};

const title = (row) => {
  if (row.run_id)
    return link(runUrl({ task_name: row.task_name, id: row.run_id }), seen(row), row.title);
  if (row.task_name) return link(taskUrl(row.task_name), seen(row), row.title);
  return row.title;
};

/** Who follows it has read it. */
const seen = (row) => ({ onclick: () => row.is_read || mark(row, true) });

/** The newest happened when the row says it did. */
const repeats = (row) =>
  row.count > 1 &&
  m("details.repeats", [
    m("summary", `${plural(row.count, "time")}, first `, m(Ago, { at: row.created_at })),
    m(
      "ol",
      [...row.times].reverse().map((at) => m("li", m(Exact, { at }))),
    ),
    row.count > row.times.length && m("p.muted", `The last ${row.times.length} are kept.`),
  ]);

/** attrs.row, and attrs.isShort where there is little room. */
export const NoticeRow = {
  onbeforeupdate: ({ attrs }, old) => attrs.row !== old.attrs.row,
  view: ({ attrs: { row, isShort } }) => {
    const label = row.is_read ? "Mark as unread" : "Mark as read";
    return m("li.notice-row", { class: row.is_read ? "is-read" : "is-unread" }, [
      m(".notice-head", [
        sign(row),
        row.count > 1 && isShort && m("span.times", `× ${row.count}`),
        m(Ago, { at: row.updated_at }),
      ]),
      m("p.notice-title", [!row.is_read && m("span.sr-only", "Unread: "), title(row)]),
      row.body && m("p.notice-body", row.body),
      !isShort && [
        repeats(row),
        m("p.notice-foot.muted", [
          m("code", row.kind),
          row.task_name && link(taskUrl(row.task_name), {}, row.task_name),
        ]),
      ],
      m(
        "button.icon-button",
        {
          type: "button",
          "aria-label": `${label}: ${row.title}`,
          title: label,
          onclick: () => mark(row, !row.is_read),
        },
        icon(row.is_read ? "running" : "check"),
      ),
    ]);
  },
};
