// Requests to the daemon. Every failure is a Problem, whose `detail` can be shown to a person.

import { connection } from "./connection.js";
import { parsed } from "./plain.js";
import { session } from "./session.js";

export class Problem extends Error {
  constructor(status, { title = "", detail = "", errors = [] } = {}, retryAfter = 0) {
    super(detail || title || `The daemon answered ${status}.`);
    Object.assign(this, { status, title, detail: this.message, errors, retryAfter });
  }
}

/** The daemon could not be reached: `status` is 0. */
const unreachable = () =>
  new Problem(0, { title: "Unreachable", detail: "The daemon cannot be reached." });

export const problemOf = async (response) => {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const isProblem = response.headers.get("Content-Type")?.includes("json");
  return new Problem(response.status, isProblem ? parsed(await response.text()) : {}, retryAfter);
};

const query = (params) => {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

/**
 * @param {string} path with each part of it encoded: see `taskPath` and `runPath`
 * @param {{params?: object, body?: object, signal?: AbortSignal}} options
 */
export const request = async (method, path, { params = {}, body, signal } = {}) => {
  let response;
  try {
    response = await fetch(path + query(params), {
      method,
      signal,
      body: body && JSON.stringify(body),
      headers: body ? { "Content-Type": "application/json" } : {},
    });
    if (response.ok) return response.status === 204 ? null : parsed(await response.text());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.suspect();
    throw unreachable();
  }
  const problem = await problemOf(response);
  if (problem.status === 401 && !path.startsWith("/api/auth")) session.ended();
  throw problem;
};

export const get = (path, params, options) => request("GET", path, { params, ...options });
export const post = (path, body) => request("POST", path, { body });
export const del = (path) => request("DELETE", path);

export const taskPath = (name) => `/api/tasks/${encodeURIComponent(name)}`;
export const runPath = (run) => `${taskPath(run.task_name)}/runs/${encodeURIComponent(run.id)}`;
