import { TAGS } from "../i18n/language.ts";
import { useApp } from "./context.ts";

/** What it takes to tell a time: the service's clock, its now, and the language. */
export function useTimes() {
  const { about, now, preferences } = useApp();
  return { clock: about.clock.value, now: now.value, language: TAGS[preferences.language.value] };
}
