// The dashboard. How a page is made:
//
// - pages/<name>.js has `export default { title, view, oninit... }`, a Mithril component; `title(attrs)` is
//   its title, `attrs` has the parts of its address (`name`, `id`). A page is made anew when its path
//   changes, not when its query does: read that with `query()`, change it with `setQuery()` (router.js).
// - Its view gives an <h1> first (class sr-only where it would repeat), then panels (css/parts.css).
// - Data: `get`, `post` (api.js), `store`, `onRuns`, `onReload` (store.js; end them in onremove), `stream`
//   (sse.js). `loader` (loader.js) shows waiting, failure and emptiness. What is both loaded and heard of goes
//   through `newsFor` (news.js), what is tried again waits by `pauses` (pauses.js). What changes something:
//   actions.js.
// - States: `RunState`, `TaskState` (states.js); times: `Ago`, `Countdown`, `Elapsed`, `RunLength`, `Exact`
//   (times.js); numbers and lengths: format.js; signs: icons.js; questions: dialog.js; news: announce.js.
// - Styles of its own: `await styles("/css/<name>.css")` (styles.js) at the top of its module.

import { m } from "./view.js";
import { connection } from "./connection.js";
import { pauses } from "./pauses.js";
import { session, wanted } from "./session.js";
import { Shell } from "./shell.js";
import { start } from "./store.js";
import login from "./login.js";
import { failed, missing } from "./trouble.js";

const PAGES = {
  "/": () => import("./pages/overview.js"),
  "/timeline": () => import("./pages/timeline.js"),
  "/runs": () => import("./pages/runs.js"),
  "/tasks/:name": () => import("./pages/task.js"),
  "/tasks/:name/runs/:id": () => import("./pages/run.js"),
  "/notifications": () => import("./pages/notifications.js"),
  "/:rest...": async () => ({ default: missing }),
};

/** Asks until there is an answer, as the daemon may be away just now. */
const isLoggedIn = async () => {
  const pause = pauses();
  while (session.isOpen === null) {
    try {
      await session.check();
    } catch {
      connection.suspect();
      await pause.rest();
    }
  }
  return session.isOpen;
};

const resolver = (load) => ({
  async onmatch() {
    const found = load().catch(failed);
    if (!(await isLoggedIn())) {
      session.ended();
      return new Promise(() => {});
    }
    start();
    return (await found).default;
  },
  render: ({ tag, attrs }) => m(Shell, { page: tag, attrs }),
});

const loginResolver = {
  async onmatch() {
    if (!(await isLoggedIn())) return login;
    m.route.set(wanted(), null, { replace: true });
    return new Promise(() => {});
  },
};

m.route.prefix = "";
m.route(document.getElementById("app"), "/", {
  "/login": loginResolver,
  ...Object.fromEntries(Object.entries(PAGES).map(([path, load]) => [path, resolver(load)])),
});
