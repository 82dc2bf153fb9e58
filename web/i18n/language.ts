import { en, type Messages } from "./en.ts";

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Those of English until the others are loaded. */
const MESSAGES: Record<Language, Messages> = { en, zh: en };

/** For the page's own `lang`, and for the formats of times. */
export const TAGS: Readonly<Record<Language, string>> = { en: "en", zh: "zh-CN" };

/** Chinese is a separate file, which a page in English never needs. */
export async function loadMessages(language: Language): Promise<void> {
  if (language === "zh") MESSAGES.zh = (await import("./zh.ts")).zh;
}

export function messagesIn(language: Language): Messages {
  return MESSAGES[language];
}

/** The first of the languages that a browser prefers and the page has; English without any. */
export function languageOf(preferred: readonly string[]): Language {
  const tags = preferred.map((tag) => tag.toLowerCase().split("-")[0]);
  return tags.flatMap((tag) => LANGUAGES.filter((known) => known === tag))[0] ?? "en";
}
