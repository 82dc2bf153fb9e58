import { mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { lastPassIn } from "../../src/app/last-pass.ts";
import { useFolder } from "../helpers/files.ts";

const at = useFolder();
let path: string;
beforeEach(() => {
  path = at("audit.jsonl");
});

const STORE = "/srv/voice_task.json";
const [EARLY, LATE] = ["2026-11-25T02:00:00.000Z", "2026-11-25T03:00:00.000Z"];
const COUNTS = { candidates: 3, purged: 2, durationMs: 5 };

const begin = (run: string, argv: string[], more = {}) => ({
  time: EARLY,
  run,
  event: "begin",
  argv,
  store: STORE,
  ...more,
});
const end = (run: string, time: string, more = {}) => ({
  ...{ time, run, event: "end", exitCode: 0, error: null, announced: 0, stayed: 0, result: COUNTS },
  ...more,
});
const tasks = (run: string, id: string) => ({
  time: EARLY,
  run,
  event: "tasks",
  tasks: [{ user_id: "a", task_id: id }],
});

async function found(...lines: (object | string)[]) {
  writeFileSync(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  const pass = await lastPassIn(path, STORE);
  return pass && [pass.endedAt, pass.exitCode, pass.error, pass.purged];
}
const [early, late] = [EARLY, LATE].map((time) => Date.parse(time) / 1000);

it("the last pass that ended counts, whoever ran it", async () => {
  for (const argv of [
    ["cleanup", "--once"],
    ["serve", "--cleanup"],
    ["server.mjs", "startCleanup"],
  ]) {
    const lines = [begin("1", ["cleanup"]), end("1", EARLY), begin("2", argv), tasks("2", "t1"), end("2", LATE)];
    expect(await found(...lines)).toEqual([late, 0, null, 2]);
    expect(await found(...lines.slice(0, -1))).toEqual([early, 0, null, 2]); // the last one was killed
    const failed = { exitCode: 1, error: "CLOCK_SKEW", result: null };
    expect(await found(...lines.slice(0, -1), end("2", LATE, failed))).toEqual([late, 1, "CLOCK_SKEW", null]);
  }
});

it("other runs, other stores and requests don't count", async () => {
  const others: [object, object][] = [
    [begin("2", ["delete", "--user", "cleanup"]), end("2", LATE, { result: { requested: 1, deleted: 1 } })],
    [begin("2", ["delete"]), end("2", LATE, { result: null, exitCode: 1 })],
    [begin("2", ["cleanup", "--orphans"]), end("2", LATE, { result: null, exitCode: 1 })],
    [begin("2", ["cleanup", "--orphans"]), end("2", LATE, { result: { found: 1, removed: 1 } })],
    [begin("2", ["cleanup"], { store: "/srv/other.json" }), end("2", LATE)],
    [begin("2", ["serve"], { request: "DELETE /voice-tasks/t1" }), end("2", LATE, { result: null, exitCode: 1 })],
  ];
  for (const pair of others) {
    expect(await found(...pair)).toBe(null);
    expect(await found(begin("1", ["cleanup"]), end("1", EARLY), ...pair)).toEqual([early, 0, null, 2]);
  }
});

it("anything may be in the file", async () => {
  expect(await lastPassIn(path, STORE)).toBe(null);
  const lines = [begin("1", ["cleanup"]), end("1", EARLY)];
  const inId = tasks("2", '","event":"begin"');
  expect(await found(...lines, "not JSON", "{}", "null", "", inId, "\u0000".repeat(500))).toEqual([early, 0, null, 2]);
  expect(await found(...lines, `{"time":"x","run":"y","event":"end"`)).toEqual([early, 0, null, 2]);
  expect(await found(begin("1", ["cleanup"]), end("1", "soon"))).toBe(null);
  expect(await found()).toBe(null);
  writeFileSync(path, JSON.stringify(lines[0])); // without a line end
  expect(await lastPassIn(path, STORE)).toBe(null);
  mkdirSync(at("directory"));
  expect(await lastPassIn(at("directory"), STORE)).toBe(null);
});

it("of a long ledger only the end is read", async () => {
  const many = Array.from({ length: 300 }, () => tasks("2", "x".repeat(60_000)));
  const lines = [begin("1", ["cleanup"]), end("1", EARLY), ...many];
  expect(await found(...lines)).toBe(null);
  expect(await found(...lines, ...lines.slice(0, 2), ...many.slice(0, 50))).toEqual([early, 0, null, 2]);
});
