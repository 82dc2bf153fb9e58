/** `auto` is the choice of the system. */
export const THEMES = ["auto", "light", "dark"] as const;

/** The key in localStorage of the theme that was chosen. */
export const THEME_KEY = "ttsctl.theme";

/** The stylesheet has the colours of each theme; an unknown one looks like `auto`. */
export function showTheme(theme: string): void {
  document.documentElement.dataset.theme = theme;
}
