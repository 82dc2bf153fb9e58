import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Messages } from "../../web/i18n/en.ts";
import { LANGUAGES, languageOf, loadMessages, messagesIn } from "../../web/i18n/language.ts";

const WEB = new URL("../../web", import.meta.url).pathname;

await loadMessages("zh");

it.each(LANGUAGES)("%s says everything", (language) => {
  const messages = messagesIn(language);
  const textsOf = (value: unknown): string[] => {
    if (typeof value === "function") return [value(1200, 7, 2)];
    return typeof value === "object" ? Object.values(value!).flatMap(textsOf) : [value as string];
  };
  const texts = textsOf(messages);
  expect(texts.filter((text) => text.trim() === "" || /undefined|NaN/.test(text))).toEqual([]);
});

const [en, zh] = LANGUAGES.map(messagesIn) as [Messages, Messages];
it.each<[inEnglish: string, inChinese: string, what: (text: Messages) => string]>([
  ["3 tasks", "共 3 个任务", ({ total }) => total(3)],
  ["1 new", "1 个新任务", ({ added }) => added(1)],
  ["3 of 4 tasks compared: in sync.", "共 4 个任务，比对了 3 个：均一致。", ({ compared }) => compared(3, 4, 0)],
  ["1 task is stuck", "1 个任务卡住", ({ stuckCount }) => stuckCount(1)],
])("%s is %s in Chinese", (inEnglish, inChinese, what) => {
  expect([what(en), what(zh)]).toEqual([inEnglish, inChinese]);
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
