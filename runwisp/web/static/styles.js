// Style sheets that only some pages need, loaded once.

const loaded = new Map();

/** Resolves when it applies, so that a page is never seen without its styles. */
export const styles = (href) => {
  if (!loaded.has(href)) loaded.set(href, append(href));
  return loaded.get(href);
};

const append = (href) =>
  new Promise((resolve) => {
    const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    sheet.onload = sheet.onerror = () => resolve();
    document.head.append(sheet);
  });
