import { en, type Messages } from "./en.ts";
import { zh } from "./zh.ts";

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

const MESSAGES: Readonly<Record<Language, Messages>> = { en, zh };

/** For the page's own `lang`, and for the formats of times. */
export const TAGS: Readonly<Record<Language, string>> = { en: "en", zh: "zh-CN" };

export function messagesIn(language: Language): Messages {
  return MESSAGES[language];
}

/** The first of the languages that a browser prefers and the page has; English without any. */
export function languageOf(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = LANGUAGES.find((known) => tag.toLowerCase().split("-")[0] === known);
    if (language !== undefined) return language;
  }
  return "en";
}
