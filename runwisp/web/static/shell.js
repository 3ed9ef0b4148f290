// What is around every page: who this is, where one can go, and whether what is seen is true just now.

import { m } from "./view.js";
import { announce } from "./announce.js";
import { post } from "./api.js";
import { icon } from "./icons.js";
import { later } from "./later.js";
import { Overlay } from "./overlay.js";
import { link } from "./router.js";
import { session } from "./session.js";
import { store } from "./store.js";
import { ThemeSwitch } from "./theme.js";

const PLACES = [
  ["/", "Overview", (path) => path === "/" || path.startsWith("/tasks/")],
  ["/timeline", "Timeline", (path) => path === "/timeline"],
  ["/runs", "Runs", (path) => path === "/runs"],
  ["/notifications", "Notifications", (path) => path === "/notifications"],
];

/** The bell comes a moment after the page. */
let Bell = { view: () => null };

const fetchBell = async () => {
  Bell = (await later("/bell.js")).default;
  m.redraw();
};

const logOut = async () => {
  try {
    await post("/api/auth/logout");
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    if (problem.status !== 401) {
      announce(`You are still logged in. ${problem.detail}`);
      return;
    }
  }
  session.isOpen = false;
  document.dispatchEvent(new Event("sessionend"));
  m.route.set("/login");
};

const Header = {
  oninit: fetchBell,
  view: () =>
    m("header.header", [
      m("a.skip", { href: "#main" }, "Skip to content"),
      m(".header-row", [
        link("/", { class: "brand", "aria-label": "RunWisp, overview" }, [
          m("img", { src: "/icon.svg", alt: "", width: 24, height: 24 }),
          m("span", "RunWisp"),
        ]),
        store.info &&
          m("span.daemon-name", { title: `Daemon ${store.info.fingerprint} on ${store.info.hostname}` }, store.info.hostname),
        m("nav.places", { "aria-label": "Pages" }, PLACES.map(place)),
        m(".tools", [
          m(Live),
          m(Bell),
          m(ThemeSwitch),
          m(
            "button.icon-button",
            { type: "button", onclick: logOut, "aria-label": "Log out", title: "Log out" },
            icon("leave"),
          ),
        ]),
      ]),
    ]),
};

const place = ([href, label, isHere]) =>
  link(href, { "aria-current": isHere(location.pathname) ? "page" : undefined }, label);

/** Whether what is seen follows the daemon. */
const Live = {
  view: () => {
    const problem = store.notLive ?? store.problem;
    return problem && m("span.not-live", { role: "status", title: problem.detail }, [icon("warn"), "Not live"]);
  },
};

const titleOf = (page, attrs) => {
  const title = typeof page.title === "function" ? page.title(attrs) : page.title;
  return [title, store.info?.hostname, "RunWisp"].filter(Boolean).join(" · ");
};

let isFirst = true;

/** One page, made anew for every path. */
const Frame = {
  oncreate({ dom, attrs: { page, attrs } }) {
    document.title = titleOf(page, attrs);
    if (!isFirst) {
      scrollTo(0, 0);
      dom.focus({ preventScroll: true });
    }
    isFirst = false;
  },
  onupdate({ attrs: { page, attrs } }) {
    const title = titleOf(page, attrs);
    if (document.title !== title) document.title = title;
  },
  view: ({ attrs: { page, attrs } }) => m("main#main.page", { tabindex: -1 }, m(page, attrs)),
};

/** attrs.page is the component of the page, attrs.attrs what stands in its address. */
export const Shell = {
  view: ({ attrs: { page, attrs } }) => [
    m(Header),
    // Not that of the browser, which is ahead while the next page is still loaded.
    [m(Frame, { key: m.route.get().split("?")[0], page, attrs })],
    m(Overlay),
  ],
};
