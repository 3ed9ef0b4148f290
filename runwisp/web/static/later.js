// Modules that are fetched once the page is there: the daemon may be away in that very moment.

import { Problem } from "./api.js";
import { connection } from "./connection.js";

const LOST = "A part of this page could not be loaded. Reload the page.";

/**
 * @param {string} url of a module; tried once more when the daemon is there again, under another address, as
 *   browsers remember what could not be loaded
 */
export const later = async (url) => {
  try {
    return await import(url);
  } catch {
    connection.suspect();
    await connection.up();
  }
  try {
    return await import(`${url}?again`);
  } catch {
    throw new Problem(0, { detail: LOST });
  }
};
