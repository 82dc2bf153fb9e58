import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXIT_CODES } from "../../src/errors.ts";
import { LANGUAGES, languageOf, messagesIn } from "../../web/i18n/language.ts";

const WEB = new URL("../../web", import.meta.url).pathname;

/** The keys of messages, those of a group with a dot. */
function keysOf(messages: object, before = ""): string[] {
  return Object.entries(messages).flatMap(([key, value]) =>
    typeof value === "object" ? keysOf(value, `${before}${key}.`) : [before + key],
  );
}

it.each(LANGUAGES)("%s says everything", (language) => {
  const messages = messagesIn(language);
  expect(keysOf(messages).sort()).toEqual(keysOf(messagesIn("en")).sort());
  const texts = Object.values(messages).flatMap((value) => {
    if (typeof value === "function") return [(value as (...args: unknown[]) => string)(1200, 7)];
    return typeof value === "object" ? Object.values(value) : [value];
  });
  expect(texts.filter((text) => text.trim() === "" || /undefined|NaN/.test(text))).toEqual([]);
});

it("has no message that nothing shows", () => {
  const sources = readdirSync(WEB, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.startsWith("i18n/"))
    .map((name) => readFileSync(join(WEB, name), "utf8"))
    .join("\n");
  const unused = Object.keys(messagesIn("en")).filter(
    (key) => !new RegExp(`text\\.${key}\\b|{ ${key}: `).test(sources),
  );
  expect(unused).toEqual([]);
});

it.each([
  [["zh-TW", "en"], "zh"],
  [["de-DE", "ZH-cn"], "zh"],
  [["en-GB", "zh"], "en"],
  [["fr"], "en"],
  [[], "en"],
])("a browser that prefers %j gets %s", (preferred, language) => {
  expect(languageOf(preferred)).toBe(language);
});

it("has a text for every error code of the HTTP API", () => {
  const docs = readFileSync(new URL("../../docs/http.md", import.meta.url), "utf8");
  const table = /\n## Errors\n(.*?)\n## /s.exec(docs)![1]!;
  const named = [...table.matchAll(/`([A-Z_]+[A-Z])`/g)].map(([, code]) => code!);
  const ofStores = Object.keys(EXIT_CODES).filter((code) => /^(STORE|REDIS)_/.test(code));
  expect(named.length).toBeGreaterThan(15);
  expect(Object.keys(messagesIn("en").errors)).toEqual(expect.arrayContaining([...named, ...ofStores]));
});
