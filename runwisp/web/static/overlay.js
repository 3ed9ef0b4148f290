// Connection lost: how long already, when it is tried again, and a button to do so now.

import { m } from "./view.js";
import { connection } from "./connection.js";
import { clockLength } from "./format.js";
import { icon } from "./icons.js";

const since = () => clockLength(Date.now() - connection.lostAt);

const next = () => {
  if (connection.isTrying) return "now…";
  const seconds = Math.max(1, Math.ceil((connection.nextAttemptAt - Date.now()) / 1000));
  return `in ${seconds} s`;
};

const Lost = () => {
  let timer = 0;
  return {
    oncreate({ dom }) {
      // Browsers let Esc close any dialog in the end.
      dom.addEventListener("close", () => connection.isLost && dom.isConnected && dom.showModal());
      dom.showModal();
      timer = setInterval(m.redraw, 1000);
    },
    onbeforeremove({ dom }) {
      dom.close();
    },
    onremove() {
      clearInterval(timer);
    },
    view: () =>
      m("dialog.dialog.lost", { "aria-labelledby": "lost-title" }, [
        m("h2#lost-title", [icon("warn"), "Connection lost"]),
        m("p", "The daemon cannot be reached. What you see is as it was then; this page catches up by itself."),
        m("dl.facts", [
          m("div", [m("dt", "Lost for"), m("dd", since())]),
          m("div", [m("dt", "Next attempt"), m("dd", next())]),
        ]),
        m("p.muted", [
          "If it stays away, look at ",
          m("code", "runwisp status"),
          " on its machine, or at the log of its service manager.",
        ]),
        m(".dialog-buttons", [
          m(
            "button.button.primary",
            { type: "button", autofocus: true, onclick: () => connection.retry() },
            "Retry",
          ),
        ]),
      ]),
  };
};

export const Overlay = { view: () => connection.isLost && m(Lost) };
