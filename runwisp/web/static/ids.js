// Ids of runs are ULIDs: their first ten characters are the moment, in Crockford's base 32. Pure.

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** When a run was made, as RFC 3339. */
export const madeAt = (id) => {
  const ms = [...id.slice(0, 10)].reduce((sum, digit) => 32 * sum + DIGITS.indexOf(digit), 0);
  return new Date(ms).toISOString();
};
