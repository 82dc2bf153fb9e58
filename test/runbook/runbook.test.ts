import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { RedisServer } from "../helpers/redis.ts";
import { binary } from "../helpers/ttsctl.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;

/**
 * One scenario of docs/runbook.md: what happened (`<!-- before: COMMAND -->`), and the commands of its console blocks
 * with the output that stands under each. In an output `...` is any text of one line.
 */
interface Scenario {
  readonly title: string;
  readonly before: string[];
  readonly steps: { command: string; output: string[] }[];
}

function scenarios(): Scenario[] {
  const found: Scenario[] = [];
  let inBlock = false;
  for (const line of readFileSync(join(PROJECT, "docs/runbook.md"), "utf8").split("\n")) {
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

/** The output of a document as what it stands for. */
function patternOf(output: readonly string[]): RegExp {
  const escaped = output.join("\n").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("\\.\\.\\.", ".*")}$`);
}

let server: RedisServer;
let folder: string;

beforeAll(async () => {
  server = await RedisServer.start();
  folder = mkdtempSync(join(tmpdir(), "ttsctl-runbook-"));
  const programs = { ttsctl: `${process.execPath} ${binary()}`, "redis-cli": `/usr/bin/redis-cli -p ${server.port}` };
  for (const [name, program] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${program} "$@"\n`);
    chmodSync(join(folder, name), 0o755);
  }
});

afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A shell in a service root of its own that runs one command after another. */
async function newService(number: number) {
  const root = join(folder, `${number}/tts`);
  spawnSync(process.execPath, [join(PROJECT, "script/demo-root.mjs"), root]);
  const config = readFileSync(join(root, "config.ini"), "utf8");
  writeFileSync(
    join(root, "config.ini"),
    config.replace("enabled = false", "enabled = true").replace(/port = \d+/, `port = ${server.port}`),
  );
  await server.call("FLUSHALL");
  let status = 0;
  return (command: string) => {
    const env = cleanEnv({ PATH: `${folder}:${process.env.PATH}` });
    const script = `(exit ${status})\n{ ${command}\n} 2>&1`;
    const run = spawnSync("bash", ["-c", script], { cwd: root, env, encoding: "utf8" });
    status = run.status ?? -1;
    return { status, output: run.stdout.trimEnd() };
  };
}

describe("the runbook, word for word", () => {
  test("has a scenario for each loss", () => {
    expect(scenarios().map(({ steps }) => steps.length > 1)).toEqual(Array(9).fill(true));
  });

  test.each(scenarios().map((scenario, i) => [scenario.title, scenario, i] as const))("%s", async (_, scenario, i) => {
    const run = await newService(i);
    for (const command of ["ttsctl sync", ...scenario.before]) expect(run(command).status, command).toBe(0);
    for (const { command, output } of scenario.steps) {
      expect(run(command).output, command).toMatch(patternOf(output));
    }
  });
});
