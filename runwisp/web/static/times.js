// Times that go on by themselves: one timer a second for all that are on the screen, none while the page is
// hidden. They write their own text, so that a tick costs no redraw.

import { m } from "./view.js";
import { ago, clockLength, exact, runLength, until } from "./format.js";
import { store } from "./store.js";

const entries = new Map();
let timer = 0;
/** What time it is on the whole page: two that count the same never differ. */
let seen = Date.now();

const observer = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    const entry = entries.get(target);
    if (!entry) continue;
    entry.isSeen = isIntersecting;
    if (isIntersecting) paint(target, entry);
  }
});

const paint = (element, entry) => {
  const text = entry.text(seen);
  if (text !== entry.last) element.textContent = entry.last = text;
};

const tick = () => {
  seen = Date.now();
  for (const [element, entry] of entries) if (entry.isSeen) paint(element, entry);
};

const rest = () => {
  clearInterval(timer);
  timer = 0;
};

const wake = () => {
  if (document.hidden || !entries.size) return rest();
  if (!timer) timer = setInterval(tick, 1000);
  tick();
};

document.addEventListener("visibilitychange", wake);

/** A component whose text is `text(attrs, now)` and changes by itself. */
const ticking = (text, attributes) => ({
  oncreate({ dom, attrs }) {
    entries.set(dom, { text: (now) => text(attrs, now), isSeen: true, last: "" });
    if (!timer) wake();
    paint(dom, entries.get(dom));
    observer.observe(dom);
  },
  onupdate({ dom, attrs }) {
    const entry = entries.get(dom);
    entry.text = (now) => text(attrs, now);
    paint(dom, entry);
  },
  onremove({ dom }) {
    observer.unobserve(dom);
    entries.delete(dom);
    if (!entries.size) rest();
  },
  view: ({ attrs }) => m("time", attributes(attrs)),
});

/** Exact, in the reader's zone and in the daemon's: for a tooltip. */
export const bothZones = (at) => {
  const zone = store.info?.resolved_timezone ?? "UTC";
  const here = exact(at);
  const there = exact(at, zone);
  return here === there ? here : `${here}\n${there} on the daemon (${zone})`;
};

const instant = ({ at }) => ({ datetime: at, title: bothZones(at) });

/** "3 min ago": attrs.at is RFC 3339. */
export const Ago = ticking(({ at }, now) => ago(Date.parse(at), now), instant);

/** "in 3 min 20 s": attrs.at is RFC 3339. */
export const Countdown = ticking(({ at }, now) => until(Date.parse(at), now), instant);

/** How long since: attrs.at is RFC 3339. */
export const Elapsed = ticking(({ at }, now) => clockLength(now - Date.parse(at)), instant);

/** How long a run took, going on while it runs: attrs.run. */
export const RunLength = ticking(
  ({ run }, now) => runLength(run, now) || "–",
  ({ run }) => ({ title: run.start_at ? `started ${bothZones(run.start_at)}` : undefined }),
);

/** The exact time, as text: attrs.at is RFC 3339. */
export const Exact = { view: ({ attrs: { at } }) => m("time", instant({ at }), exact(at)) };
