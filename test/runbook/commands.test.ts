import { readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT, useServices } from "./services.ts";

const PAGES = [
  ...["README.md", "docs/output.md", "docs/cookbook.md"],
  ...readdirSync(join(PROJECT, "docs/commands")).map((name) => `docs/commands/${name}`),
];

/** A console block of a page, and what was run before it: `<!-- before: COMMAND -->`. */
interface Example {
  readonly name: string;
  readonly before: string[];
  readonly steps: { command: string; output: string[] }[];
}

function examplesOf(page: string): Example[] {
  const found: Example[] = [];
  let before: string[] = [];
  const text = readFileSync(join(PROJECT, page), "utf8").replace(/^ {3}/gm, ""); // those of a list
  for (const [, command, block] of text.matchAll(/^<!-- before: ([^\n]*) -->$|^```console\n(.*?)^```$/gms)) {
    if (command !== undefined) before.push(command);
    else {
      const steps: Example["steps"] = [];
      for (const line of block!.trimEnd().split("\n")) {
        if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: [] });
        else steps.at(-1)!.output.push(line);
      }
      found.push({ name: `${page}: ${steps[0]!.command}`, before, steps });
      before = [];
    }
  }
  return found;
}

// A run that follows a task, and a look at a machine, have tests of their own.
const examples = PAGES.filter((page) => !/zh-CN|doctor/.test(page))
  .flatMap(examplesOf)
  .filter(({ steps }) => !steps.some(({ command }) => command.includes("--follow")));

/** An output without what differs from run to run: times, ages, durations, the bars of a chart, the order of `[CLEANUP]` lines. */
function normalised(output: string): string {
  return output
    .replace(/^.{0,2}[|+].*\n?/gm, "")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d|Z)?/g, "TIME")
    .replace(/\/\d{8}\/\d\d\//g, "/DAY/HOUR/")
    .replace(/\b\d+[smhd] ago/g, "AGE ago")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/\b[\d.]+ m?s\b/g, "DURATION")
    .replace(/ +/g, " ")
    .replace(/^ | $/gm, "")
    .replace(/(^\[[A-Z]+\] \w+=.*\n)+/gm, (lines) => `${lines.trimEnd().split("\n").sort().join("\n")}\n`)
    .trim();
}

/** In an output, `...` matches any lines. */
function patternOf(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("\\.\\.\\.", "[^]*")}$`);
}

const services = useServices();

/** A shell in a new service root. */
async function newService(number: number) {
  const root = await services.newRoot(`${number}`);
  utimesSync(join(root, "voice_task.json"), 1_600_000_000, 1_600_000_000); // or each rewrite would be watched
  return (command: string) => {
    const { status, stdout, stderr } = services.bash(command, root);
    const [warnings, rest] = [/^(warning:|{)/, /^(?!warning:|{)./].map((head) =>
      stderr.split("\n").filter((line) => head.test(line)),
    );
    const all = [...warnings!, stdout.trimEnd(), ...rest!].join("\n");
    const shown = all.replaceAll(root, "/srv/tts").replaceAll(`${services.port}`, "6379");
    return { status, output: shown };
  };
}

describe("the output in the README and in docs/commands", () => {
  test("is run", () => {
    expect(examples.length).toBeGreaterThan(15);
  });

  test.each(examples.map((example, i) => [example.name, example, i] as const))("%s", async (_, example, i) => {
    const run = await newService(i);
    for (const command of ["ttsctl sync -q", ...example.before]) expect(run(command).status, command).toBe(0);
    for (const { command, output } of example.steps) {
      const [shown, printed] = [normalised(output.join("\n")), normalised(run(command).output)];
      expect(printed, command).toMatch(patternOf(shown));
    }
  });
});
