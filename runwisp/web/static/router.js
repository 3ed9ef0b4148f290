// Addresses of pages, and what stands behind the question mark in them: filters, sorting, tabs.

import { m } from "./view.js";

export const taskUrl = (name) => m.buildPathname("/tasks/:name", { name });
export const runUrl = (run) =>
  m.buildPathname("/tasks/:name/runs/:id", { name: run.task_name, id: run.id });

/** A link inside the dashboard. */
export const link = (href, attrs, children) => m(m.route.Link, { href, ...attrs }, children);

/** @returns {Record<string, string>} what stands in the address now */
export const query = () => Object.fromEntries(new URLSearchParams(location.search));

/**
 * Changes some of it; "" and undefined take away. Redraws, and stays on the page.
 * @param {{isStep?: boolean}} options isStep: Back returns to what stood before
 */
export const setQuery = (changes, { isStep = false } = {}) => {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  const search = params.toString();
  const url = location.pathname + (search && `?${search}`);
  if (isStep) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
  m.redraw();
};
