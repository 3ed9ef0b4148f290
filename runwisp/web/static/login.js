// The login: one password, which never leaves this page. The daemon gives a nonce and gets
// sha256(password:nonce). The hash is a library's, as crypto.subtle does not exist over plain http.

import { m } from "./view.js";
import { get, post } from "./api.js";
import { connection } from "./connection.js";
import { clockLength } from "./format.js";
import { later } from "./later.js";
import { Overlay } from "./overlay.js";
import { session, wanted } from "./session.js";
import { ThemeSwitch } from "./theme.js";

const hashes = () => later("/vendor/noble-hashes/sha2.js");

const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @returns {Promise<string>} what the daemon expects for this password */
export const answerTo = async (nonce, password) => {
  const { sha256 } = await hashes();
  return hex(sha256(new TextEncoder().encode(`${password}:${nonce}`)));
};

const attempt = async (password) => {
  const { nonce } = await get("/api/auth/challenge");
  await post("/api/auth", { nonce, response: await answerTo(nonce, password) });
};

const isExpired = (problem) => problem.status === 401 && /challenge/i.test(problem.detail);

/** A challenge that was too old is asked for anew, once. */
const logIn = async (password) => {
  try {
    await attempt(password);
  } catch (problem) {
    if (!isExpired(problem)) throw problem;
    await attempt(password);
  }
};

const Login = () => {
  let password = "";
  let isShown = false;
  let isBusy = false;
  let problem = null;
  let waitUntil = 0;
  let timer = 0;

  const wait = (seconds) => {
    waitUntil = Date.now() + 1000 * seconds;
    clearInterval(timer);
    timer = setInterval(() => {
      if (Date.now() >= waitUntil) forgive();
      m.redraw();
    }, 1000);
  };

  const forgive = () => {
    clearInterval(timer);
    waitUntil = 0;
    problem = null;
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy || waitUntil) return;
    [isBusy, problem] = [true, null];
    try {
      await logIn(password);
      session.isOpen = true;
      m.route.set(wanted(), null, { replace: true });
    } catch (error) {
      if (!("status" in error)) throw error;
      problem = error;
      if (error.status === 429) wait(error.retryAfter || 60);
      if (error.status === 401) event.target?.querySelector("input")?.select();
    } finally {
      isBusy = false;
      m.redraw();
    }
  };

  return {
    oncreate() {
      document.title = "Log in · RunWisp";
      hashes().catch(() => {}); // while the password is typed; who logs in is told what went wrong
    },
    onremove() {
      clearInterval(timer);
    },
    view: () => [
      m("main.login", [
        m("form.login-card", { onsubmit: submit }, [
          m("img", { src: "/icon.svg", alt: "", width: 48, height: 48 }),
          m("h1", "RunWisp"),
          // For password managers, which want to know whose it is.
          m("input", { type: "text", name: "username", autocomplete: "username", value: "runwisp", hidden: true }),
          m("label", { for: "password" }, "Password"),
          m(".with-button", [
            m("input#password.field", {
              type: isShown ? "text" : "password",
              name: "password",
              autocomplete: "current-password",
              autofocus: true,
              required: true,
              spellcheck: false,
              autocapitalize: "off",
              value: password,
              "aria-invalid": problem?.status === 401 ? "true" : undefined,
              "aria-describedby": "login-problem",
              oninput: (event) => (password = event.target.value),
            }),
            m(
              "button.button.quiet",
              {
                type: "button",
                "aria-pressed": String(isShown),
                "aria-label": "Show the password",
                onclick: () => (isShown = !isShown),
              },
              isShown ? "Hide" : "Show",
            ),
          ]),
          m("#login-problem", { role: "alert" }, problem && m("p.problem", words(problem, waitUntil))),
          m(
            "button.button.primary",
            { type: "submit", disabled: Boolean(waitUntil), "aria-disabled": isBusy ? "true" : undefined },
            isBusy ? "Logging in…" : "Log in",
          ),
          m("p.muted", [
            "The password was printed when the daemon first started, and stands in ",
            m("code", "<data>/password"),
            ", unless ",
            m("code", "RUNWISP_PASSWORD"),
            " is set.",
          ]),
        ]),
        m(".login-theme", m(ThemeSwitch)),
      ]),
      m(Overlay),
    ],
  };
};

const words = (problem, waitUntil) => {
  if (waitUntil) {
    return `Too many failed logins. Try again in ${clockLength(waitUntil - Date.now() + 999)}.`;
  }
  if (connection.isLost) return "The daemon cannot be reached. Is it running?";
  if (problem.status === 401 && !isExpired(problem)) return "Wrong password.";
  if (problem.status === 401) return "The login took too long. Try again.";
  return problem.detail;
};

export default Login;
