// All rows of the bell.

import { m } from "../view.js";
import { Deliveries } from "../deliveries.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { skeletonRows } from "../loader.js";
import { NoticeRow } from "../notice.js";
import { follow, loadOlder, markAll, notices, reload } from "../notices.js";
import { query, setQuery } from "../router.js";
import { styles } from "../styles.js";
import { Empty, Trouble } from "../trouble.js";

await styles("/css/notices.css");

const tab = (name, label, number, now) =>
  m(
    "button",
    {
      type: "button",
      "aria-pressed": String(name === now),
      onclick: () => setQuery({ show: name }, { isStep: true }),
    },
    [label, number > 0 && m("span.count", count(number))],
  );

const head = (now) =>
  m(".panel-head", [
    m(".tabs", [tab("", "All", 0, now), tab("unread", "Unread", notices.unread, now)]),
    m("button.button", { type: "button", disabled: !notices.unread, onclick: markAll }, [
      icon("check"),
      "Mark all as read",
    ]),
  ]);

const nothing = (isUnread) =>
  isUnread
    ? m(
        Empty,
        { title: "All read" },
        notices.next && m("p", "Of those that are loaded; there are older ones."),
      )
    : m(Empty, { title: "No notifications yet" }, [
        m(
          "p",
          "Failures of tasks and services are told here, once each, with how often they came again.",
        ),
      ]);

const rows = (isUnread) => {
  const shown = isUnread ? notices.rows.filter((row) => !row.is_read) : notices.rows;
  if (!shown.length) return nothing(isUnread);
  return m(
    "ul.notice-rows",
    shown.map((row) => m(NoticeRow, { key: row.id, row })),
  );
};

const older = () =>
  notices.next &&
  m(".older", [
    m(
      "button.button",
      { type: "button", onclick: loadOlder },
      notices.isLoading ? "One moment…" : "Load older",
    ),
  ]);

const body = (isUnread) => {
  if (notices.isLoaded) return [rows(isUnread), older()];
  return notices.problem ? null : skeletonRows(6);
};

export default {
  title: () => (notices.unread ? `Notifications (${notices.unread})` : "Notifications"),
  oninit: follow,
  view: () => {
    const { show = "" } = query();
    return [
      m("h1", "Notifications"),
      m("section.panel.notices", { "aria-label": "Notifications" }, [
        head(show),
        m(Deliveries),
        m(
          "p.sr-only",
          { role: "status" },
          notices.isLoaded && `${plural(notices.unread, "notification")} unread`,
        ),
        notices.problem && m(Trouble, { problem: notices.problem, retry: reload }),
        body(show === "unread"),
      ]),
    ];
  },
};
