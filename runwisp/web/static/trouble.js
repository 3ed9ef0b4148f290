// What is seen instead of what could not be had.

import { m } from "./view.js";
import { icon } from "./icons.js";

/** attrs.problem, and attrs.retry where trying again makes sense. */
export const Trouble = {
  view: ({ attrs: { problem, retry } }) =>
    m(".trouble", { role: "alert" }, [
      icon("error"),
      m("div", [
        problem.title && m("strong", problem.title),
        m("p", problem.detail),
        retry && m("button.button", { type: "button", onclick: () => retry() }, "Try again"),
      ]),
    ]),
};

/** attrs.title, and as children what to do about it. */
export const Empty = {
  view: ({ attrs: { title }, children }) => m(".empty", [m("strong", title), children]),
};

export const missing = {
  title: "Not found",
  view: () => [
    m("h1", "Not found"),
    m("p", "There is no page at this address. ", m(m.route.Link, { href: "/" }, "Go to the overview")),
  ],
};

/** The module of a page could not be loaded: most likely the daemon is away or was updated. */
export const failed = (error) => ({
  default: {
    title: "Not loaded",
    view: () => [
      m("h1", "This page could not be loaded"),
      m(Trouble, {
        problem: { title: "", detail: `${error.message}. Loading it anew may help.` },
        retry: () => location.reload(),
      }),
    ],
  },
});
