import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { problemOf } from "../../src/http/answer.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { Served, useServer } from "./setup.ts";

const here = useServer();
const PROJECT = new URL("../..", import.meta.url).pathname;
const text = readFileSync(join(PROJECT, "docs/http.md"), "utf8");

/** The commands of the console blocks, each with the line under it. */
const EXAMPLES = [...text.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block]) =>
  [...block!.matchAll(/^\$ (.*)\n(?!\$)(.*)$/gm)].map(([, command, output]) => ({
    command: command!,
    output: output!,
  })),
);

/** The output of a document as what it stands for: `...` is any text of one line. */
function patternOf(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("\\.\\.\\.", ".*")}\\n?$`);
}

it("its examples work, and answer as it says", async () => {
  const root = here.root.at("demo");
  expect(spawnSync(process.execPath, [join(PROJECT, "script/demo-root.mjs"), root]).status).toBe(0);
  const env = { REDIS_ENABLED: "1", REDIS_PORT: String(here.server.port) };
  const server = await Served.start(root, ["--no-cleanup"], env);
  try {
    await server.run.says(/12 tasks from the file to Redis/);
    expect(EXAMPLES.length).toBeGreaterThan(6);
    for (const { command, output } of EXAMPLES) {
      const line = command.replaceAll(":9883", `:${server.port}`);
      const { status, stdout } = spawnSync("bash", ["-c", line], { encoding: "utf8", env: cleanEnv() });
      expect([command, status]).toEqual([command, 0]);
      expect(stdout).toMatch(patternOf(output));
    }
  } finally {
    await server.stop();
  }
});

it("it names every code of the API", () => {
  const source = readFileSync(join(PROJECT, "src/http/answer.ts"), "utf8");
  const codes = [...source.matchAll(/^ {2}([A-Z_]+): \d{3},$/gm)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(15);
  for (const code of codes) if (!/^STORE_/.test(code)) expect(text).toContain(`\`${code}\``);
  expect(problemOf(new Error("secret"))).toMatchObject({ status: 500, code: "INTERNAL" });
  expect(JSON.stringify(problemOf(new Error("secret")))).not.toContain("secret");
});

it("a method that a path does not take is 405, and says which it takes", async () => {
  const server = await here.serve("--read-only");
  const answer = await server.fetch("/voice-tasks/t01?user_id=alice", { method: "PUT" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, DELETE"]);
  expect((await server.fetch("/voice-tasks", { method: "DELETE" })).status).toBe(405);
  expect((await server.fetch("/nothing", { method: "POST" })).status).toBe(404);
});
