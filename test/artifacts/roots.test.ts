import { rmSync, symlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import { openRoots } from "../../src/artifacts/roots.ts";
import { NOW, openDescriptors, Site, sweepBefore } from "./helpers.ts";

let site: Site;

beforeEach(() => {
  site = new Site();
});
afterEach(() => site.remove());

it("finds nothing if both folders are missing", async () => {
  site.write("voice_task.json");
  rmSync(site.path("output"), { recursive: true });
  rmSync(site.path("Logs"), { recursive: true });
  const artifacts = await site.open();
  expect(artifacts.recover()).toEqual({ folders: 0, left: [] });
  expect(await artifacts.list([{ userId: "alice", taskId: "t01" }], "t01")).toEqual([]);
  expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toEqual({ kind: "absent" });
  expect(await (await artifacts.logs.index(() => true)).remove("t01", NOW)).toMatchObject({ files: 0, kept: 0 });
  await artifacts.sweep(sweepBefore(NOW));
});

it.each([
  ["a link to a disk that is not mounted", () => ["dangling", "Logs"]],
  ["a file", () => ["file", "Logs"]],
  ["a file for the logs", () => ["output", "file"]],
  ["the root of the file system", () => ["/", "Logs"]],
  ["one folder for both", () => ["output", "./output"]],
] as const)("refuses %s", async (_what, paths) => {
  site.write("file");
  symlinkSync("/nowhere/else", site.path("dangling"));
  const [output, logs] = paths().map((path) => (path === "/" ? path : site.path(path))) as [string, string];
  const before = openDescriptors();
  expect(() => openArtifacts({ output, logs })).toThrow(expect.objectContaining({ code: "ARTIFACTS_UNSAFE" }));
  expect(openDescriptors()).toBe(before);
});

it("doesn't take a directory that the service creates at that moment for a broken symbolic link", async () => {
  site.write("voice_task.json");
  const path = site.path("output");
  rmSync(path, { recursive: true });
  const script = `
    const { mkdirSync, rmdirSync } = require("node:fs");
    for (;;) { mkdirSync(${JSON.stringify(path)}); rmdirSync(${JSON.stringify(path)}); }`;
  const worker = new Worker(script, { eval: true });
  const messages = new Set<string>();
  try {
    for (let i = 0; i < 1000; i++) {
      try {
        const { output, logs } = openRoots({ output: path, logs: site.path("Logs") });
        output?.close();
        logs?.close();
      } catch (error) {
        messages.add((error as Error).message); // it is also removed, which no service does
      }
    }
  } finally {
    await worker.terminate();
  }
  expect([...messages].filter((message) => message.includes("link"))).toEqual([]);
});
