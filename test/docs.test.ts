import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EXIT_CODES } from "../src/errors.ts";

const text = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

/** The headings outside of code, as levels, and as names where these are commands. */
function outline(markdown: string): string[] {
  const prose = markdown.replace(/^ *```.*?^ *```/gms, "");
  return [...prose.matchAll(/^(#+) (.*)$/gm)].map(([, level, name]) => (/^[a-z]+$/.test(name!) ? name! : level!));
}

it("both READMEs have the same sections in the same order", () => {
  expect(outline(text("README.zh-CN.md"))).toEqual(outline(text("README.md")));
});

it.each(["README.md", "README.zh-CN.md", "docs/json.md"])("%s names every error code", (name) => {
  const words = new Set(text(name).match(/[A-Z_]+/g));
  expect(Object.keys(EXIT_CODES).filter((code) => !words.has(code))).toEqual([]);
});
