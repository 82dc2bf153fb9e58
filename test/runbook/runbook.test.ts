import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT, useServices } from "./services.ts";

/**
 * One scenario of docs/runbook.md or its translation: what happened (`<!-- before: COMMAND -->`), and the commands of its console blocks
 * with the output below each. In an output `...` matches any text within a line.
 */
interface Scenario {
  readonly title: string;
  readonly before: string[];
  readonly steps: { command: string; output: string[] }[];
}

function scenarios(document: string): Scenario[] {
  const found: Scenario[] = [];
  let inBlock = false;
  for (const line of readFileSync(join(PROJECT, "docs", document), "utf8").split("\n")) {
    const last = found.at(-1);
    const [, before] = /^<!-- before: (.*) -->$/.exec(line) ?? [];
    if (line.startsWith("```")) inBlock = line === "```console";
    else if (line.startsWith("## ")) found.push({ title: line.slice(3), before: [], steps: [] });
    else if (before !== undefined) last!.before.push(before);
    else if (inBlock && line.startsWith("$ ")) last!.steps.push({ command: line.slice(2), output: [] });
    else if (inBlock) last!.steps.at(-1)!.output.push(line);
  }
  return found;
}

/** A document's output as a pattern. */
function patternOf(output: readonly string[]): RegExp {
  const escaped = output.join("\n").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("\\.\\.\\.", ".*")}$`);
}

const services = useServices();

/** A shell in a new service root that runs one command after another. */
async function newService(number: number) {
  const root = await services.newRoot(`${number}/tts`);
  let status = 0;
  return async (command: string) => {
    const run = await services.bash(`(exit ${status})\n{ ${command}\n} 2>&1`, root);
    status = run.status;
    return { status, output: run.stdout.trimEnd() };
  };
}

const SCENARIOS = scenarios("runbook.md");

describe("the runbook, word for word", () => {
  test("has a scenario for each loss", () => {
    expect(SCENARIOS.map(({ steps }) => steps.length > 1)).toEqual(Array(9).fill(true));
  });

  test("has the same commands and outputs in Chinese", () => {
    const withoutTitles = (found: Scenario[]) => found.map(({ title: _, ...rest }) => rest);
    expect(withoutTitles(scenarios("runbook.zh-CN.md"))).toEqual(withoutTitles(SCENARIOS));
  });

  test.each(SCENARIOS.map((scenario, i) => [scenario.title, scenario, i] as const))("%s", async (_, scenario, i) => {
    const run = await newService(i);
    for (const command of ["ttsctl sync", ...scenario.before]) expect((await run(command)).status, command).toBe(0);
    for (const { command, output } of scenario.steps) {
      expect((await run(command)).output, command).toMatch(patternOf(output));
    }
  });
});
