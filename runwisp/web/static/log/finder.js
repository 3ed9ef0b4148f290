// From line to line that was found, and what was found shown in the lines that are in the page.

import { setQuery } from "../router.js";
import { linkLine } from "./address.js";
import { expression, rangesOf } from "./search.js";

/** Its name in CSS. */
const FOUND = "found";

/** @param {{search: object, reader: object}} place `searchOf` and `readerOf` of the same log */
export const finderOf = ({ search, reader }) => {
  let wanted = null;

  const finder = {
    /** Begins a search, and goes to what is next from where the reader is. */
    async find(changes) {
      setQuery({
        q: changes.text,
        in: changes.isWide ? "task" : "",
        regex: changes.isRegex ? "1" : "",
        case: changes.isExact ? "1" : "",
      });
      if (reader.marked) linkLine(reader.marked);
      wanted = changes.text ? expression(changes) : null;
      finder.highlight();
      const from = reader.top();
      await search.begin(changes);
      if (search.isWide || !search.hits.length || search.text !== changes.text) return;
      reader.goTo((search.hits.find(({ n }) => n >= from) ?? search.hits.at(-1)).n);
    },

    /** @param {1 | -1} direction down or up; round at the ends */
    async step(direction) {
      if (search.isWide || !search.hits.length) return;
      const from = reader.marked || reader.top() - 1;
      const isDown = direction > 0;
      const next = () =>
        isDown ? search.hits.find(({ n }) => n > from) : search.hits.findLast(({ n }) => n < from);
      if (!next() && isDown) await search.more();
      reader.goTo((next() ?? search.hits.at(isDown ? 0 : -1)).n);
    },

    /** Where the browser can. */
    highlight() {
      if (!window.CSS?.highlights) return;
      CSS.highlights.delete(FOUND);
      const ranges = wanted ? rangesOf(reader.texts(), wanted) : [];
      if (ranges.length) CSS.highlights.set(FOUND, new Highlight(...ranges));
    },

    close: () => window.CSS?.highlights?.delete(FOUND),
  };
  return finder;
};
