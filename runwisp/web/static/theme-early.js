// Before the first paint, so a classic script: what was chosen in theme.js is put on <html>.
try {
  const chosen = localStorage.getItem("runwisp.theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden here: the system's theme it is.
}
