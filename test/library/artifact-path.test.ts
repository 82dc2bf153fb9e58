import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { artifactPath } from "../../src/library/stored-task.ts";
import { RULES } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";

it("doesn't take a directory that is created at that moment for a broken symbolic link", async () => {
  const root = new ServiceRoot();
  const path = root.at("u");
  const script = `
    const { mkdirSync, rmdirSync } = require("node:fs");
    for (;;) { mkdirSync(${JSON.stringify(path)}); rmdirSync(${JSON.stringify(path)}); }`;
  const worker = new Worker(script, { eval: true });
  try {
    for (let i = 0; i < 1000; i++) {
      expect(await artifactPath(root.path, { userId: "u", taskId: "t" }, "t.wav", RULES)).toBe(`${path}/t/t.wav`);
    }
  } finally {
    await worker.terminate();
    root.remove();
  }
});
