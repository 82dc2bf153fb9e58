// A classic script in the head: the browser paints nothing before it has run, so the theme that was chosen doesn't flash.
import { showTheme, THEME_KEY } from "./model/theme.ts";

try {
  showTheme(localStorage.getItem(THEME_KEY) ?? "auto");
} catch {
  // Some browsers deny storage.
}
