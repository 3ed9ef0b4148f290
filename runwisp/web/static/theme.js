// Light or dark: as the system has it, or as was chosen on this browser.

import { m } from "./view.js";
import { icon } from "./icons.js";
import { remember, remembered } from "./memory.js";

const CHOICES = ["system", "light", "dark"];
const LOOKS = { system: "display", light: "sun", dark: "moon" };

export const chosenTheme = () => remembered("theme", "system");

export const chooseTheme = (theme) => {
  remember("theme", theme === "system" ? null : theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
};

/** One button that goes through the three choices. */
export const ThemeSwitch = {
  view: () => {
    const theme = chosenTheme();
    const next = CHOICES[(CHOICES.indexOf(theme) + 1) % CHOICES.length];
    const label = `Theme: ${theme}. Switch to ${next}`;
    return m(
      "button.icon-button",
      { type: "button", onclick: () => chooseTheme(next), "aria-label": label, title: label },
      icon(LOOKS[theme]),
    );
  },
};
