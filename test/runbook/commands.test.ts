import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
// @ts-expect-error a script without types
import { linesOf, pictureOf } from "../../script/terminal-picture.mjs";
import { PROJECT, patternOf, type Scenario, scenarioIn, useServices } from "./services.ts";

const PAGES = [
  ...["README.md", "docs/output.md", "docs/cookbook.md", "docs/audit.md", "docs/monitoring.md"],
  ...readdirSync(join(PROJECT, "docs/commands")).map((name) => `docs/commands/${name}`),
];

interface Example extends Scenario {
  readonly name: string;
}

/** The console blocks of a page, each with what was run before it. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(join(PROJECT, page), "utf8").replace(/^ {3}/gm, ""); // those of a list
  const found = (text.match(/.*?^```console\n.*?^```$/gms) ?? []).map(scenarioIn);
  return found.map((one) => ({ name: `${page}: ${one.steps[0]!.command}`, ...one }));
}

/** The steps of the picture in the READMEs, each with what the demo did before it. */
function pictureSteps(): Example[] {
  const done: Record<string, string[]> = {
    "Redis is up": ["redis-cli flushall"],
    "Redis dies": ['sed -i "s/^port = .*/port = 1/" config.ini'],
  };
  const lines: string[] = linesOf(readFileSync(join(PROJECT, "docs/terminal.svg"), "utf8"));
  const steps = lines.join("\n").split(/^# /m).slice(1);
  return steps.map((step) => {
    const [title = "", command = "", ...output] = step.trimEnd().split("\n");
    return { name: title, before: done[title.split(":")[0]!] ?? [], steps: [{ command: command.slice(2), output }] };
  });
}

const picture = pictureSteps();

// Runs that follow a task, doctor, and requests to a server have separate tests.
const examples = PAGES.filter((page) => !/zh-CN|doctor/.test(page))
  .flatMap(examplesOf)
  .filter(({ steps }) => !steps.some(({ command }) => /--follow|^curl /.test(command)));

/**
 * An output without what differs from run to run: times, ages, durations, the bars of a chart, processes and users of the
 * ledger, the order of `[CLEANUP]` lines.
 */
function normalised(output: string): string {
  return output
    .replace(/^.{0,2}[|+].*\n?/gm, "")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d|Z)?/g, "TIME")
    .replace(/\/\d{8}\/\d\d\//g, "/DAY/HOUR/")
    .replace(/\b\d+[smhd]( ago|$)/gm, "AGE")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/\b[\d.]+ m?s\b/g, "DURATION")
    .replace(/\b\d{10}(\.\d+)?$/gm, "EPOCH")
    .replace(/"(run|uid|user|sudoUser|host|pid|durationMs)":("[^"]*"|\w+)/g, '"$1":…')
    .replace(/ +/g, " ")
    .replace(/^ | $/gm, "")
    .replace(/(^\[[A-Z]+\] \w+=.*\n)+/gm, (lines) => `${lines.trimEnd().split("\n").sort().join("\n")}\n`)
    .trim();
}

const services = useServices();

/** The directory of node_exporter in the docs; here it is the service root. */
const METRICS = "/var/lib/prometheus/node-exporter";

/** A shell in a new service root. */
async function newService(number: number) {
  const root = await services.newRoot(`${number}`);
  return async (command: string) => {
    const { status, stdout, stderr } = await services.bash(command.replaceAll(METRICS, root), root);
    const [warnings, rest] = [/^(warning:|{)/, /^(?!warning:|{)./].map((head) =>
      stderr.split("\n").filter((line) => head.test(line)),
    );
    const all = [...warnings!, stdout.trimEnd(), ...rest!].join("\n");
    const shown = all.replaceAll(root, "/srv/tts").replaceAll(`${services.port}`, "6379");
    return { status, output: shown };
  };
}

describe("the output in the README, in docs/commands and other pages", () => {
  test("is run", () => {
    expect(examples.length).toBeGreaterThan(15);
  });

  test("is in the picture that script/terminal-picture.mjs draws of the demo", () => {
    const demo = readFileSync(join(PROJECT, "script/demo"), "utf8");
    expect(picture).toHaveLength(3);
    for (const { name, steps } of picture) {
      expect(demo).toContain(`step '${name}'`);
      expect(steps[0]!.command).toMatch(/^ttsctl /);
    }
    const drawn = pictureOf(
      picture.map(({ name, steps: [step] }) => ({ title: name, lines: [`$ ${step!.command}`, ...step!.output] })),
    );
    expect(drawn).toBe(readFileSync(join(PROJECT, "docs/terminal.svg"), "utf8"));
  });

  test.each([...examples, ...picture].map((example, i) => [example.name, example, i] as const))(
    "%s",
    async (_, example, i) => {
      const run = await newService(i);
      for (const command of ["ttsctl sync -q", ...example.before]) expect((await run(command)).status, command).toBe(0);
      for (const { command, output } of example.steps) {
        const [shown, printed] = [normalised(output.join("\n")), normalised((await run(command)).output)];
        expect(printed, command).toMatch(patternOf(shown, "[^]*"));
      }
    },
  );
});
