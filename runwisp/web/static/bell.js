// The bell in the header: how much nobody has read, and the newest of it in a popover.

import { m } from "./view.js";
import { count, plural } from "./format.js";
import { icon } from "./icons.js";
import { skeletonRows } from "./loader.js";
import { NoticeRow } from "./notice.js";
import { follow, markAll, notices, reload } from "./notices.js";
import { link } from "./router.js";
import { styles } from "./styles.js";
import { Trouble } from "./trouble.js";

await styles("/css/notices.css");

const SHOWN = 8;
const MOST = 99;

const label = () =>
  notices.unread ? `Notifications, ${count(notices.unread)} unread` : "Notifications";

const close = () => document.getElementById("bell-popover")?.hidePopover();

const list = () => {
  if (notices.problem) return m(Trouble, { problem: notices.problem, retry: reload });
  if (!notices.isLoaded) return skeletonRows(3);
  if (!notices.rows.length)
    return m("p.bell-empty.muted", "Nothing yet. What goes wrong is told here.");
  return m(
    "ul",
    notices.rows.slice(0, SHOWN).map((row) => m(NoticeRow, { key: row.id, row, isShort: true })),
  );
};

/** Its content is made when it is open: most visits never look. */
const Popover = () => {
  let isOpen = false;
  return {
    oncreate({ dom }) {
      dom.addEventListener("toggle", (event) => {
        isOpen = event.newState === "open";
        m.redraw();
      });
      // What leads away closes it.
      dom.addEventListener("click", (event) => event.target.closest("a") && close());
    },
    view: () =>
      m(
        "div#bell-popover.bell-popover",
        { popover: "auto", role: "dialog", "aria-label": "Notifications" },
        [
          isOpen && [
            m(".panel-head", [
              m("h2", "Notifications"),
              notices.unread > 0 &&
                m("button.button.quiet", { type: "button", onclick: markAll }, "Mark all as read"),
            ]),
            m(".bell-list", list()),
            link("/notifications", { class: "bell-all" }, "All notifications"),
          ],
        ],
      ),
  };
};

const Bell = {
  oninit: follow,
  view: () => [
    m(
      "button.icon-button.bell",
      { type: "button", popovertarget: "bell-popover", "aria-label": label(), title: label() },
      [
        icon("bell"),
        notices.unread > 0 &&
          m(
            "span.bell-count",
            { "aria-hidden": "true" },
            notices.unread > MOST ? `${MOST}+` : notices.unread,
          ),
      ],
    ),
    m(
      "span.sr-only",
      { role: "status" },
      notices.unread > 0 && plural(notices.unread, "unread notification"),
    ),
    m(Popover),
  ],
};

export default Bell;
