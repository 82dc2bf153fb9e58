import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LONG } from "../helpers/long.ts";
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

const TASKS = LONG ? 1000 : 300;
const MORE = [
  { what: "in an array with UTC times", zone: "UTC", args: ["--times", "iso-utc"] },
  { what: "in JSON Lines", zone: "Asia/Shanghai", args: ["--shape", "jsonl"] },
];

describe("some hundred tasks", () => {
  beforeEach(async () => {
    await server.call("FLUSHALL");
  });

  it.each<{ what: string; zone: string; args: string[]; now?: number }>([
    { what: "in an array with epoch times", zone: "UTC", args: ["--times", "epoch"] },
    { what: "in a map", zone: "Asia/Shanghai", args: ["--shape", "map"] },
    { what: "in JSON Lines with epoch times", zone: "UTC", args: ["--shape", "jsonl", "--times", "epoch"] },
    { what: "of users who share ids and logs", zone: "Asia/Kolkata", args: ["--shared-ids", "--users", "4"] },
    // Two weeks around the end of summer time: an hour of local times comes twice.
    { what: "in Berlin, when the clocks go back", zone: "Europe/Berlin", args: [], now: 1_699_000_000 },
    { what: "in New York, when the clocks go forward", zone: "America/New_York", args: [], now: 1_710_500_000 },
    ...(LONG ? MORE : []),
  ])("$what", async ({ zone, args, now = NOW }) => {
    const jsonl = args.includes("jsonl");
    root = rootFor(server.port, zone, jsonl ? "voice_task.jsonl" : "voice_task.json");
    await makeStore(root.path, zone, "--tasks", TASKS, "--now", now, "--seed", 3, "--artifacts", 120, ...args);
    expect(await json(root, "sync")).toMatchObject({ total: TASKS, written: TASKS });
    const report = await model<MirrorReport>(zone, "mirror", root.path, server.port);
    expect(report).toMatchObject({ tasks: TASKS, differences: { count: 0 } });
    for (const source of ["redis", "file"]) {
      const { items } = await json(root, `list --page-size 1000 --source ${source}`);
      expect((items as { user_id: string; task_id: string }[]).map((item) => [item.user_id, item.task_id])).toEqual(
        report.all,
      );
    }
    expect((await expectModelCleanup(root, server.port, zone, now)).purged).toBeGreaterThan(TASKS / 10);
  });
});
