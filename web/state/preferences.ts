import { effect, type Signal, signal } from "@preact/signals";
import { SPAN_NAMES, type Span } from "../../src/task/spans.ts";
import { LANGUAGES, type Language, languageOf } from "../i18n/language.ts";

/** Seconds between two updates, at least; 0 for none. */
export const REFRESH_CHOICES = [0, 2, 5, 15, 60] as const;
/** How the list shows a time: how long ago, or the clock of the browser's zone, or of UTC. */
const TIME_FORMATS = ["ago", "local", "utc"] as const;
/** `auto` is the system's. The stylesheet has the colours of each. */
export const THEMES = ["auto", "light", "dark"] as const;
export const PAGE_SIZES = [20, 50, 100] as const;

/** The user's choices, stored in the browser if it allows it. */
export class Preferences {
  readonly language: Signal<Language>;
  readonly theme: Signal<(typeof THEMES)[number]>;
  readonly refreshSeconds: Signal<number>;
  readonly pageSize: Signal<number>;
  readonly times: Signal<(typeof TIME_FORMATS)[number]>;
  /** The time that the chart shows. */
  readonly span: Signal<Span>;

  /** @param preferred the languages that the browser prefers, best first */
  constructor(storage: Storage | null, preferred: readonly string[]) {
    this.language = remembered(storage, "ttsctl.language", LANGUAGES, languageOf(preferred));
    this.theme = remembered(storage, "ttsctl.theme", THEMES, "auto");
    this.refreshSeconds = remembered(storage, "ttsctl.refresh", REFRESH_CHOICES, 5);
    this.pageSize = remembered(storage, "ttsctl.pageSize", PAGE_SIZES, 20);
    this.times = remembered(storage, "ttsctl.times", TIME_FORMATS, "ago");
    this.span = remembered(storage, "ttsctl.span", SPAN_NAMES, "24h");
  }
}

/** A choice among some; one that is not among them (any more) counts as none. */
function remembered<T extends string | number, D extends T>(
  storage: Storage | null,
  key: string,
  choices: readonly T[],
  byDefault: D,
): Signal<T> {
  const stored = storage?.getItem(key);
  const choice = signal<T>(choices.find((known) => String(known) === stored) ?? byDefault);
  effect(() => {
    // Only a choice is remembered: a default may change with the browser's language.
    if (choice.value === byDefault && stored == null) return;
    try {
      storage?.setItem(key, String(choice.value));
    } catch {
      // A browser that keeps nothing has the choice until it is closed.
    }
  });
  return choice;
}
