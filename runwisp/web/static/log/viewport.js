// What is seen of a long list of rows: only these are in the page, whatever their number and heights.
//
// The rows lie in one block, at the place in a tall box where the reader has scrolled to. Scrolling moves
// them natively, pixel by pixel; the block only grows at one end and shrinks at the other. The height of
// the box says how long the list is, as far as browsers can (they lose precision beyond some millions of
// pixels, so the middle of a very long list is told shorter than it is) and as far as the heights of wrapped
// rows are known; so where the thumb stands and where the rows are may drift apart. That is set right when
// scrolling rests, by moving both, which is not seen. A jump (the thumb is dragged) goes to the row that is
// as far into the list as the thumb is into its track.

import { m } from "../view.js";

const TALLEST = 4_000_000;
/** At both ends of a list that is taller, pixels are pixels. */
const TRUE_ENDS = 500_000;
/** Rows beyond what is seen, in pixels: as many are there before they are scrolled to. */
const BEYOND = 600;
/** Heights that were guessed wrongly are right after so many tries. */
const TRIES = 4;
const REST = 120;
/** Less of a row than this is not seen. */
const SLIVER = 0.05;
/** Scrolled farther at once than so many screens is a jump. */
const NEAR = 4;

/** From places in the box to places in a list that is this tall. */
const stretched = (y, tall) => {
  if (tall <= TALLEST || y < TRUE_ENDS) return y;
  if (y > TALLEST - TRUE_ENDS) return tall - (TALLEST - y);
  return TRUE_ENDS + ((y - TRUE_ENDS) * (tall - 2 * TRUE_ENDS)) / (TALLEST - 2 * TRUE_ENDS);
};

/** And back. */
const squeezed = (y, tall) => {
  if (tall <= TALLEST || y < TRUE_ENDS) return y;
  if (y > tall - TRUE_ENDS) return TALLEST - (tall - y);
  return TRUE_ENDS + ((y - TRUE_ENDS) * (TALLEST - 2 * TRUE_ENDS)) / (tall - 2 * TRUE_ENDS);
};

const clamp = (value, low, high) => Math.max(low, Math.min(value, high));

/**
 * @param {HTMLElement} scroller scrolls, has `box`, which has `block`
 * @param {{
 *   range: () => {first: number, last: number},
 *   row: (n: number) => any,
 *   guess: (n: number, rowHeight: number, width: number) => number,
 *   onDraw: (start: number, end: number) => void,
 *   onMove: () => void,
 * }} list `row` is a vnode with the key n; `guess` is how tall it will be
 */
export const viewport = ({ scroller, box, block }, { range, row, guess, onDraw, onMove }) => {
  /** Rows in the page: from `start`, to before `end`; `heights` of them. */
  let [start, end] = [1, 1];
  let heights = new Map();
  let blockHeight = 0;
  let blockTop = 0;
  /** All rows together, as far as it is known. */
  let tall = 0;
  let rowHeight = 20;
  let average = rowHeight;
  let [width, height] = [0, 0];
  let scrolled = 0;
  let rest = 0;
  let isAtEnd = true;

  const size = () => Math.max(0, range().last - range().first + 1);
  const heightOf = (n) => heights.get(n) ?? guess(n, rowHeight, width);

  /** Which row is at this place of the block, and where it begins. */
  const rowAt = (y) => {
    let [n, top] = [start, 0];
    if (y < 0) {
      const rows = Math.ceil(-y / average);
      return { n: start - rows, top: -rows * average };
    }
    for (; n < end; n++) {
      if (top + heights.get(n) > y) return { n, top };
      top += heights.get(n);
    }
    const rows = Math.floor((y - top) / average);
    return { n: end + rows, top: top + rows * average };
  };

  /** The row at the upper edge of what is seen: what stays where it is when anything else changes. */
  const anchor = () => {
    const y = scrolled - blockTop;
    const { n, top } = rowAt(y);
    return { n, offset: top - y };
  };

  const END = {};

  const lowest = () => ({ n: range().last, offset: height - heightOf(range().last) });

  /** As far into the list as the thumb is into its track. */
  const jumpedTo = () => {
    const part = clamp(stretched(scrolled, tall) / Math.max(1, tall - height), 0, 1);
    const place = range().first + part * size();
    const n = Math.floor(place);
    return { n, offset: part * height - (place - n) * average };
  };

  const reach = ({ n, offset }) => {
    const { first, last } = range();
    let [from, to] = [n, n];
    for (let above = offset; above > -BEYOND && from > first; ) above -= heightOf(--from);
    for (let below = offset; below < height + BEYOND && to <= last; ) below += heightOf(to++);
    return [from, to];
  };

  const render = (from, to) => {
    [start, end] = [from, to];
    const rows = [];
    for (let n = from; n < to; n++) rows.push(row(n));
    m.render(block, rows);
    heights = new Map();
    let n = from;
    for (const each of block.children) heights.set(n++, each.getBoundingClientRect().height);
    blockHeight = offsetOf(to);
  };

  const offsetOf = (n) => {
    let top = 0;
    for (let each = start; each < n; each++) top += heights.get(each);
    return top;
  };

  /** No gap above the first row, none below the last. */
  const settled = ({ n, offset }) => {
    const { first, last } = range();
    let top = offset - offsetOf(n);
    if (end > last && top + blockHeight < height) top = height - blockHeight;
    if (start <= first && top > 0) top = 0;
    return top;
  };

  const draw = (asked, mustRender = true) => {
    const { first, last } = range();
    if (last < first) return clear();
    let place = asked === END ? { n: last, offset: 0 } : inside(asked);
    let top = 0;
    for (let tries = 0; tries < TRIES; tries++) {
      const [from, to] = reach(place);
      const isSame = from === start && to === end;
      if (isSame && tries > 0) break;
      if (!isSame || mustRender) render(from, to);
      if (tries === 0) place = asked === END ? lowest() : visible(place);
      top = settled(place);
      place.offset = top + offsetOf(place.n);
    }
    blockTop = scrolled + top;
    position();
    onDraw(start, end);
  };

  /** The same place told by a row that there is. */
  const inside = ({ n, offset }) => {
    const nearest = clamp(n, range().first, range().last);
    return { n: nearest, offset: offset + (nearest - n) * average };
  };

  /** A row that was tall and is no more is not lost above what is seen. */
  const visible = ({ n, offset }) => ({ n, offset: offset + heightOf(n) > 0 ? offset : 0 });

  const clear = () => {
    m.render(block, []);
    [start, end, blockHeight, tall, heights] = [1, 1, 0, 0, new Map()];
    box.style.height = "0px";
  };

  const position = () => {
    block.style.transform = `translateY(${blockTop}px)`;
  };

  const measure = () => {
    average = clamp(blockHeight / Math.max(1, end - start), rowHeight, TALLEST);
    const { first, last } = range();
    const isWhole = start <= first && end > last;
    tall = isWhole ? blockHeight : size() * average;
    box.style.height = `${Math.min(tall, TALLEST)}px`;
  };

  /** Moves thumb and rows together to where the thumb belongs. */
  const align = () => {
    clearTimeout(rest);
    if (!size()) return;
    const { first } = range();
    measure();
    const [from, to] = seen();
    const spare = size() - (to - from);
    const part = spare > 0.001 ? clamp((from - first) / spare, 0, 1) : 0;
    const goal = isAtEnd ? tall - height : Math.round(part * (tall - height));
    moveTo(squeezed(Math.max(0, goal), tall));
  };

  const moveTo = (goal) => {
    const before = scrolled;
    if (Math.abs(goal - before) >= 1) scroller.scrollTop = goal;
    scrolled = scroller.scrollTop;
    blockTop += scrolled - before;
    position();
  };

  /** The rows at both edges of what is seen, with parts of rows. */
  const seen = () => {
    const place = (y) => {
      const { n, top } = rowAt(y);
      return n + (y - top) / (heights.get(n) ?? average);
    };
    return [place(scrolled - blockTop), place(scrolled - blockTop + height)].map((n) =>
      clamp(n, range().first, range().last + 1),
    );
  };

  const isEndSeen = () =>
    end > range().last && blockTop + blockHeight - scrolled <= height + 2;

  const isCovered = (beyond) => {
    const { first, last } = range();
    const above = scrolled - blockTop;
    const below = blockTop + blockHeight - scrolled - height;
    return (above >= beyond || start <= first) && (below >= beyond || end > last);
  };

  const hasGap = () => {
    const above = scrolled - blockTop;
    const isAtBottom = scrolled >= scroller.scrollHeight - height - 1;
    const isStuck = scrolled <= 0 ? above > 1 : isAtBottom && !isEndSeen();
    return isStuck || above < 0 || (blockTop + blockHeight < scrolled + height && blockHeight > height);
  };

  const onScroll = () => {
    // Where there is more room the browser itself scrolls back: that is not the reader, who leaves the end.
    if (scroller.clientHeight !== height) {
      onResize();
      return;
    }
    const before = scrolled;
    scrolled = scroller.scrollTop;
    if (scrolled === before || !size()) return;
    const y = scrolled - blockTop;
    const isNear = y > -NEAR * height && y < blockHeight + (NEAR - 1) * height;
    if (!isNear) draw(jumpedTo());
    else if (!isCovered(BEYOND / 2)) draw(anchor(), false);
    isAtEnd = scrolled > before && isEndSeen();
    if (hasGap()) align();
    else rests();
    onMove();
  };

  /** The browser may have scrolled and not told yet: that is a move of the reader, not of ours. */
  const rested = () => {
    if (scroller.scrollTop === scrolled) align();
    else onScroll();
  };

  const rests = () => {
    clearTimeout(rest);
    rest = setTimeout(rested, REST);
  };

  const toEnd = () => {
    isAtEnd = true;
    draw(END);
    align();
  };

  const measureScreen = () => {
    [width, height] = [scroller.clientWidth, scroller.clientHeight];
    rowHeight = parseFloat(getComputedStyle(block).lineHeight);
  };

  const onResize = () => {
    measureScreen();
    if (isAtEnd) self.toEnd();
    else self.refresh();
  };

  const self = {
    get isAtEnd() {
      return isAtEnd;
    },

    /** Rows are other than before, or more, or fewer. What is seen stays where it is. */
    refresh() {
      if (!height) return;
      if (scroller.scrollTop !== scrolled) onScroll();
      if (isAtEnd) toEnd();
      else {
        draw(anchor());
        if (hasGap()) align();
        else rests();
      }
      onMove();
    },

    toEnd() {
      toEnd();
      onMove();
    },

    /** @param {number} part of the screen above it */
    to(n, part = 0.3) {
      isAtEnd = false;
      draw({ n, offset: part * height });
      isAtEnd = isEndSeen();
      align();
      onMove();
    },

    /** Whether the whole row is in sight. */
    shows(n) {
      const [from, to] = seen();
      return n >= from && n + 1 <= to;
    },

    seen: () => {
      const [from, to] = seen();
      return [Math.floor(from + SLIVER), Math.ceil(to - SLIVER) - 1];
    },

    close() {
      clearTimeout(rest);
      sizes.disconnect();
      m.render(block, null);
    },
  };

  const sizes = new ResizeObserver(onResize);
  scroller.addEventListener("scroll", onScroll, { passive: true });
  sizes.observe(scroller);
  measureScreen();
  return self;
};
