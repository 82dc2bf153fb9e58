import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Messages } from "../i18n/en.ts";
import { messagesIn, TAGS } from "../i18n/language.ts";
import type { App } from "../state/app.ts";

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  return useContext(AppContext)!;
}

/** The page's texts in the chosen language. */
export function useMessages(): Messages {
  return messagesIn(useApp().preferences.language.value);
}

/** The parts for showing a time: the service's clock, its now, and the language. */
export function useTimes() {
  const { about, now, preferences } = useApp();
  return { clock: about.clock.value, now: now.value, language: TAGS[preferences.language.value] };
}
