// What this browser remembers between visits: choices of how things look, never data.

const PREFIX = "runwisp.";
const unstored = new Map();

/** @returns {string} */
export const remembered = (key, otherwise) => {
  try {
    return localStorage.getItem(PREFIX + key) ?? otherwise;
  } catch {
    return unstored.get(key) ?? otherwise;
  }
};

/** null forgets. Where storage is forbidden it is remembered until the page is left. */
export const remember = (key, value) => {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    if (value === null) unstored.delete(key);
    else unstored.set(key, value);
  }
};
