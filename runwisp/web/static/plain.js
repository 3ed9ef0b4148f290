// Text that others chose, as it comes from the daemon. What would turn the direction of all that stands after
// it is shown as the escape it is, as on the console; what is downloaded and copied has it as it was.

const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const escaped = (letter) => `\\\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`;

/** @param {string} text JSON, in which controls stand as themselves */
export const parsed = (text) => JSON.parse(text.replace(TURNS, escaped));
