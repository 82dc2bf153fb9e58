// A classic script in the head: the browser paints nothing before it has run, so the theme that was chosen doesn't flash.
// It imports nothing; state/preferences.ts has the same key.
try {
  const theme = localStorage.getItem("ttsctl.theme") ?? "auto";
  if (theme !== "auto") document.documentElement.style.colorScheme = theme;
} catch {
  // Some browsers deny storage.
}
