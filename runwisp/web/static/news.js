// What streams tell is applied once a frame, and after every answer that is on its way: that may be older.

import { m } from "./view.js";

/** @param {(news: any[]) => void} apply */
export const newsFor = (apply) => {
  const heard = [];
  let awaited = 0;
  let frame = 0;

  const tell = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (awaited || !heard.length) return;
    apply(heard.splice(0));
    m.redraw();
  };

  return {
    hear(news) {
      heard.push(...news);
      frame ||= requestAnimationFrame(tell);
    },

    /** @param {() => Promise<any>} answer asks, and makes use of what comes */
    async after(answer) {
      awaited++;
      try {
        return await answer();
      } finally {
        awaited--;
        tell();
      }
    },

    forget() {
      heard.length = 0;
    },
  };
};
