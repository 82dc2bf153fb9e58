import { type Signal, signal } from "@preact/signals";
import { SPAN_NAMES } from "../../src/task/spans.ts";
import { LANGUAGES, languageOf } from "../i18n/language.ts";

/** Seconds between two updates, at least; 0 for none. */
export const REFRESH_CHOICES = [0, 2, 5, 15, 60] as const;
/** How the list shows a time: how long ago, or the clock of the browser's zone, or of UTC. */
const TIME_FORMATS = ["ago", "local", "utc"] as const;
/** `auto` is the system's. */
export const THEMES = ["auto", "light", "dark"] as const;
export const PAGE_SIZES = [20, 50, 100] as const;

export type Preferences = ReturnType<typeof preferencesIn>;

/** The user's choices, stored in the browser if it allows it. @param preferred languages, best first */
export function preferencesIn(preferred: readonly string[]) {
  return {
    language: remembered("language", LANGUAGES, languageOf(preferred)),
    theme: remembered("theme", THEMES, "auto"),
    refreshSeconds: remembered<number>("refresh", REFRESH_CHOICES, 5),
    pageSize: remembered<number>("pageSize", PAGE_SIZES, 20),
    times: remembered("times", TIME_FORMATS, "ago"),
    /** The time that the chart shows. */
    span: remembered("span", SPAN_NAMES, "24h"),
  };
}

/** A choice among some; one that is not among them (any more) counts as none. */
function remembered<T extends string | number>(name: string, choices: readonly T[], byDefault: NoInfer<T>): Signal<T> {
  const key = `ttsctl.${name}`;
  const stored = attempt(() => localStorage.getItem(key));
  const choice = signal(choices.find((known) => String(known) === stored) ?? byDefault);
  choice.subscribe((value) => {
    // Only a choice is remembered: a default may change with the browser's language.
    if (value !== byDefault || stored !== null) attempt(() => localStorage.setItem(key, String(value)));
  });
  return choice;
}

/** Some browsers deny storage, or keep nothing: then a choice lasts until the page is closed. */
function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}
