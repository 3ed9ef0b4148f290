// The line that stands in the address of a log: `#L120`.

export const linkedLine = () => Number(/^#L(\d{1,15})$/.exec(location.hash)?.[1] ?? 0);

/** 0 takes it away. No step: Back leads to the page before. */
export const linkLine = (n) => {
  const url = `${location.pathname}${location.search}${n ? `#L${n}` : ""}`;
  history.replaceState(history.state, "", url);
};
