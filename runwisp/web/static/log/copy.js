// The text of a log, or the end of a long one, on the clipboard.

import { announce } from "../announce.js";
import { runPath } from "../api.js";
import { bytes } from "../format.js";

const MOST = 4 * 1024 * 1024;

/** The clipboard of browsers is there only over https and on this machine. */
const put = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text, className: "sr-only" });
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  if (!isDone) throw new Error("the browser forbids it");
};

export const copyLog = async (run) => {
  try {
    const response = await fetch(`${runPath(run)}/log/raw`, { headers: { Range: `bytes=-${MOST}` } });
    if (!response.ok) throw new Error(`the daemon answered ${response.status}`);
    const [, size] = /\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "") ?? [];
    await put(await response.text());
    announce(Number(size) > MOST ? `The last ${bytes(MOST)} of the log are copied.` : "The log is copied.");
  } catch (error) {
    announce(`The log could not be copied: ${error.message}. Download it instead.`);
  }
};
