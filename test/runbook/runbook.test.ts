import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT, patternOf, type Scenario, scenarioIn, useServices } from "./services.ts";

/** The scenarios of docs/runbook.md or its translation. In an output `...` matches any text within a line. */
function scenarios(document: string): (Scenario & { title: string })[] {
  const sections = readFileSync(join(PROJECT, "docs", document), "utf8")
    .split(/^## /m)
    .slice(1);
  return sections.map((text) => ({ title: text.split("\n")[0]!, ...scenarioIn(text) }));
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
    const withoutTitles = (found: Scenario[]) => found.map(({ before, steps }) => ({ before, steps }));
    expect(withoutTitles(scenarios("runbook.zh-CN.md"))).toEqual(withoutTitles(SCENARIOS));
  });

  test.each(SCENARIOS.map((scenario, i) => [scenario.title, scenario, i] as const))("%s", async (_, scenario, i) => {
    const run = await newService(i);
    for (const command of ["ttsctl sync", ...scenario.before]) expect((await run(command)).status, command).toBe(0);
    for (const { command, output } of scenario.steps) {
      expect((await run(command)).output, command).toMatch(patternOf(output.join("\n"), ".*"));
    }
  });
});
