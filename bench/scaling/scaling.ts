import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, machine } from "../machine.ts";
import { type Place, Site } from "../site.ts";
import { type Figure, figureText } from "./figure.ts";
import { memoryFigures } from "./memory.ts";
import { sizeTable, writeTable } from "./model.ts";
import { nodeFigures } from "./nodes.ts";

/** The figures of docs/scaling.md, and the machine. */
export interface ScalingReport extends Machine {
  readonly tasks: number;
  readonly figures: readonly Figure[];
}

const BEGIN = "<!-- the figures: npm run bench -- --scaling --docs -->";
const END = "<!-- end of the figures -->";

/** Measures what a task costs a Redis, and Redises of one node and of three. */
export async function measureScaling(place: Place, tasks: number): Promise<ScalingReport> {
  const site = await Site.build(place, tasks);
  try {
    const figures = [...(await memoryFigures(site)), ...(await nodeFigures(site))];
    return { ...machine(place.project), tasks, figures };
  } finally {
    await site.remove();
  }
}

/** The figures as tables in Markdown: measured, and on what; and reckoned from those. */
export function scalingText({ tasks, figures, date, cores, cpu, versions }: ScalingReport): string {
  const measured = table([["measured", ""], ...figures.map((figure) => [figure.what, figureText(figure)])]);
  const where = `${tasks.toLocaleString("en")} tasks, ${date}: ${cores} cores of ${cpu}, Redis ${versions.Redis}, Node ${versions.Node}.`;
  const reckoned = [table(sizeTable(figures)), table(writeTable(figures))];
  return [
    measured,
    where,
    "Calculated from these, memory by the number of tasks and writes by the number of primaries:",
    ...reckoned,
  ].join("\n\n");
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Puts the figures into docs/scaling.md, between its marks, and beside it as JSON. */
export function writeScaling(project: string, report: ScalingReport): void {
  const page = join(project, "docs/scaling.md");
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the figures`);
  writeFileSync(page, `${text.slice(0, from)}${BEGIN}\n\n${scalingText(report)}\n\n${text.slice(to)}`);
  writeFileSync(join(project, "docs/scaling.json"), `${JSON.stringify(report, null, 2)}\n`);
}
