// Whether we are logged in. The login itself is login.js; who finds out that it is over says so here.

import { m } from "./view.js";

const LOGIN = "/login";

export const session = {
  /** @type {boolean | null} null until it was asked for */
  isOpen: null,

  /** Asks the daemon once. Raises what fetch raises. */
  async check() {
    const response = await fetch("/api/auth/status");
    if (!response.ok) throw new Error(`status ${response.status}`);
    session.isOpen = (await response.json()).authenticated;
  },

  /** Goes to the login, and from there back to where we are. */
  ended() {
    session.isOpen = false;
    if (location.pathname === LOGIN) return;
    const to = location.pathname + location.search + location.hash;
    m.route.set(LOGIN, to === "/" ? {} : { to }, { replace: true });
    document.dispatchEvent(new Event("sessionend"));
  },
};

/** The page that was asked for, if it is one of ours. */
export const wanted = () => {
  const to = new URLSearchParams(location.search).get("to") ?? "/";
  const url = URL.canParse(to, location.origin) ? new URL(to, location.origin) : location;
  // What begins with two slashes is the address of another host, once the origin is left out.
  const isPath = !url.pathname.startsWith("//");
  const isOurs = url.origin === location.origin && isPath && url.pathname !== LOGIN;
  return isOurs ? url.pathname + url.search + url.hash : "/";
};
