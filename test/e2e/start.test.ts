import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, inject, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";

const folder = mkdtempSync(join(tmpdir(), "ttsctl-start-"));
const code = join(folder, "dist/main.cjs.code");
beforeEach(() => cpSync(inject("packageRoot"), folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function node(...args: string[]) {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env: cleanEnv() });
}

it("this Node.js accepts the compiled code beside the bundle", () => {
  const ask = `const { load } = require("./bin/ttsctl");
    load("./dist/main.cjs", require("node:fs").readFileSync("./dist/main.cjs.code")).script.cachedDataRejected`;
  expect(node("-p", ask)).toMatchObject({ stdout: "false\n", stderr: "", status: 0 });
});

it.each([
  ["is not there", () => rmSync(code)],
  ["is of another version", () => writeFileSync(code, readFileSync(code).fill(1, 0, 64))],
  ["isn't code", () => writeFileSync(code, "not code")],
  ["was cut", () => truncateSync(code, 100_000)],
])("a command works as ever where that code %s", (_, damage) => {
  const list = ["bin/ttsctl", "list", "--no-redis", "-o", "json"];
  const { stdout, stderr } = node(...list);
  damage();
  expect(node(...list)).toMatchObject({ stdout, stderr, status: 0 });
});

const FAILING = ["bin/ttsctl", "list", "--source", "redis", "--redis-url", "redis://127.0.0.1:1", "-vv"];

it("a stack names places in the sources, or in the bundle if its map is missing", () => {
  const { stderr, status } = node(...FAILING);
  expect(status).toBe(4);
  const at = /\(src\/store\/redis\/client\.ts:(\d+):\d+\)/.exec(stderr);
  const source = readFileSync(join(import.meta.dirname, "../../src/store/redis/client.ts"), "utf8").split("\n");
  expect(source[Number(at![1]) - 1]).toMatch(/#advised|connectionError|#connectFailed/);
  expect(stderr).not.toContain("main.cjs");
  rmSync(join(folder, "dist/main.cjs.map"));
  expect(node(...FAILING).stderr).toMatch(/main\.cjs:\d+:\d+/);
});
