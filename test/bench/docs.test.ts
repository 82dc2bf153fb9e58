import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { markdownReport } from "../../bench/report/docs.ts";
import type { Report } from "../../bench/report/report.ts";
import { picture } from "../../bench/report/svg.ts";
import { scalingText } from "../../bench/scaling/scaling.ts";

const text = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const report = JSON.parse(text("performance.json")) as Report;

/** The lines of a table, without what a formatter adds. */
function cells(markdown: string): string[][] {
  const lines = markdown.split("\n").filter((line) => line.startsWith("|") && !line.startsWith("| -"));
  return lines.map((line) => line.split("|").map((cell) => cell.trim()));
}

it("docs/performance.md has the table of its JSON, and what it was measured on", () => {
  const page = text("performance.md");
  expect(cells(page)).toEqual(cells(markdownReport(report)));
  expect(page).toContain(markdownReport(report).split("\n").at(-1));
});

it("docs/scaling.md has the figures of its JSON, and what is reckoned from them", () => {
  expect(cells(text("scaling.md"))).toEqual(
    expect.arrayContaining(cells(scalingText(JSON.parse(text("scaling.json"))))),
  );
});

it("docs/performance.svg is the picture of the same", () => {
  expect(text("performance.svg")).toBe(picture(report));
});
