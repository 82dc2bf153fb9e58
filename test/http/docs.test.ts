import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { FastClock } from "../helpers/clock.ts";
import { PROJECT, patternOf, scenarioIn } from "../runbook/services.ts";
import { Served, useServer } from "./setup.ts";

const here = useServer();
const text = ["docs/monitoring.md", "docs/http.md"].map((page) => readFileSync(join(PROJECT, page), "utf8")).join("\n");

/** The requests of the console blocks, each with the line under it. */
const EXAMPLES = scenarioIn(text).steps.flatMap(({ command, output: [output] }) =>
  command.startsWith("curl ") && output !== undefined ? [{ command, output }] : [],
);

it("its examples work, and answer as it says", async () => {
  const root = here.root.at("demo");
  expect(spawnSync(process.execPath, [join(PROJECT, "script/demo-root.mjs"), root]).status).toBe(0);
  const env = { REDIS_ENABLED: "1", REDIS_PORT: String(here.server.port) };
  const server = await Served.start(root, ["--no-cleanup"], env, new FastClock());
  try {
    await server.run.says(/12 tasks from the file to Redis/);
    expect(EXAMPLES.length).toBeGreaterThan(6);
    for (const { command, output } of EXAMPLES) {
      const line = command.replaceAll(":9883", `:${server.port}`);
      const { stdout } = await promisify(execFile)("bash", ["-c", line], { env: cleanEnv() });
      expect(stdout.replace(/\n$/, "")).toMatch(patternOf(output, ".*"));
    }
  } finally {
    await server.stop();
  }
});
