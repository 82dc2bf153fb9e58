import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisServer } from "../helpers/redis.ts";
import type { ServiceRoot } from "../helpers/root.ts";
import { expectModelCleanup, json, NOW, rootFor } from "./expectations.ts";
import { type MirrorReport, makeStore, model } from "./python.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());
let root: ServiceRoot;
afterEach(() => root.remove());

describe("1,000 tasks", () => {
  beforeEach(async () => {
    await server.call("FLUSHALL");
  });

  it.each<{ what: string; zone: string; args: string[]; now?: number }>([
    { what: "in an array with UTC times", zone: "UTC", args: ["--times", "iso-utc"] },
    { what: "in an array with epoch times", zone: "UTC", args: ["--times", "epoch"] },
    { what: "in a map", zone: "Asia/Shanghai", args: ["--shape", "map"] },
    { what: "in JSON Lines", zone: "Asia/Shanghai", args: ["--shape", "jsonl"] },
    { what: "in JSON Lines with epoch times", zone: "UTC", args: ["--shape", "jsonl", "--times", "epoch"] },
    { what: "of users who share ids and logs", zone: "Asia/Kolkata", args: ["--shared-ids", "--users", "4"] },
    // Two weeks around the end of summer time: an hour of local times comes twice.
    { what: "in Berlin, when the clocks go back", zone: "Europe/Berlin", args: [], now: 1_699_000_000 },
    { what: "in New York, when the clocks go forward", zone: "America/New_York", args: [], now: 1_710_500_000 },
  ])("$what", async ({ zone, args, now = NOW }) => {
    const jsonl = args.includes("jsonl");
    root = rootFor(server.port, zone, jsonl ? "voice_task.jsonl" : "voice_task.json");
    await makeStore(root.path, zone, "--tasks", 1000, "--now", now, "--seed", 3, "--artifacts", 400, ...args);
    expect(await json(root, "sync")).toMatchObject({ total: 1000, written: 1000 });
    const report = await model<MirrorReport>(zone, "mirror", root.path, server.port);
    expect(report).toMatchObject({ tasks: 1000, differences: { count: 0 } });
    for (const source of ["redis", "file"]) {
      const { items } = await json(root, `list --page-size 1000 --source ${source}`);
      expect((items as { user_id: string; task_id: string }[]).map((item) => [item.user_id, item.task_id])).toEqual(
        report.all,
      );
    }
    expect((await expectModelCleanup(root, server.port, zone, now)).purged).toBeGreaterThan(100);
  });
});
