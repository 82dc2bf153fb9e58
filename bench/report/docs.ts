import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../result.ts";
import { ROWS } from "../rows/all.ts";
import { cellsOf, HEAD } from "./cells.ts";
import { jsonReport } from "./json.ts";
import type { Report } from "./report.ts";
import { picture } from "./svg.ts";
import { machineText } from "./text.ts";

const BEGIN = "<!-- the table: npm run bench -- --docs -->";
const END = "<!-- end of the table -->";

/**
 * Puts a report into docs/performance.md, between its marks, and beside it as JSON and as a picture. Rows that were not
 * measured now stay as they were.
 */
export function writeDocs(project: string, measured: Report): void {
  const page = join(project, "docs/performance.md");
  const before = JSON.parse(readFileSync(join(project, "docs/performance.json"), "utf8")) as Report;
  const report = { ...measured, results: withNew(before.results, measured.results) };
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the table`);
  writeFileSync(page, `${text.slice(0, from)}${BEGIN}\n\n${markdownReport(report)}\n\n${text.slice(to)}`);
  writeFileSync(join(project, "docs/performance.json"), jsonReport(report));
  writeFileSync(join(project, "docs/performance.svg"), picture(report));
}

/** The largest stores first, and of each the rows in their order. */
function withNew(before: readonly Result[], now: readonly Result[]): Result[] {
  const keyOf = ({ tasks, id }: Result) => `${tasks} ${id}`;
  const results = new Map([...before, ...now].map((result) => [keyOf(result), result]));
  const place = new Map(ROWS.map(({ about }, i) => [about.id, i]));
  const known = [...results.values()].filter(({ id }) => place.has(id));
  return known.sort((one, other) => other.tasks - one.tasks || place.get(one.id)! - place.get(other.id)!);
}

/** The table in Markdown, and what it was measured on. */
export function markdownReport(report: Report): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [row(HEAD), row(HEAD.map(() => "---")), ...report.results.map(cellsOf).map(row), "", machineText(report)].join(
    "\n",
  );
}
