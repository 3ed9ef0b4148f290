// Questions before something changes. Native dialogs: Esc cancels, focus stays inside and returns.

import { m } from "./view.js";

/**
 * Asks, and does it while the question stands; what goes wrong is told there.
 * @param {{title: string, text: any, action: string, isDanger?: boolean, run: () => Promise<any>}} question
 * @returns {Promise<any>} what `run` gave; undefined if nothing was done
 */
export const ask = ({ title, text, action, isDanger = false, run }) => {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.setAttribute("aria-describedby", "dialog-text");
  document.body.append(dialog);
  return new Promise((resolve) => {
    let given;
    let isBusy = false;
    let problem = null;

    const act = async (event) => {
      event.preventDefault();
      if (isBusy) return;
      [isBusy, problem] = [true, null];
      draw();
      try {
        given = await run();
        dialog.close();
      } catch (error) {
        if (!("status" in error)) throw error;
        problem = error;
      } finally {
        isBusy = false;
        if (dialog.isConnected) draw();
      }
    };

    const draw = () =>
      m.render(dialog, [
        m("form", { onsubmit: act }, [
          m("h2#dialog-title", title),
          m("div#dialog-text", typeof text === "string" ? m("p", text) : text),
          problem && m("p.problem", { role: "alert" }, problem.detail),
          m(".dialog-buttons", [
            m("button.button", { type: "button", onclick: () => dialog.close(), autofocus: isDanger }, "Cancel"),
            m(
              `button.button.${isDanger ? "danger" : "primary"}`,
              { type: "submit", autofocus: !isDanger, "aria-disabled": isBusy ? "true" : undefined },
              isBusy ? "One moment…" : action,
            ),
          ]),
        ]),
      ]);

    const leave = () => dialog.close();
    document.addEventListener("sessionend", leave);
    dialog.addEventListener("close", () => {
      document.removeEventListener("sessionend", leave);
      m.render(dialog, null);
      dialog.remove();
      resolve(given);
      m.redraw();
    });
    draw();
    dialog.showModal();
  });
};
