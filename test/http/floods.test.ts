import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { LONG } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";
import type { Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Served } from "./setup.ts";
import { request, Wire } from "./wire.ts";

let redis: RedisServer;
let root: ServiceRoot;
let server: Served<Running>;
let wires: Wire[] = [];
/** Loose: without a bound it is gigabytes, and ten seconds and more. */
const MOST_MB = 400;
const LATEST_MS = 5000;

beforeAll(async () => {
  redis = await RedisServer.start();
  root = new ServiceRoot(redis.port);
  const text = "语".repeat(7000); // 20 kB, so a thousand tasks are 20 MB
  root.writeStore(Array.from({ length: 1000 }, (_, i) => record("alice", `t${i}`, { text })));
  root.write("output/alice/t1/t1.wav", Buffer.alloc(30 << 20));
});
afterAll(async () => {
  root.remove();
  await redis.remove();
});
// One each, because a peak of memory stays.
beforeEach(async () => {
  server = await Served.startBuilt(root.path, ["--no-cleanup"]);
  await until(async () => ((await server.json("/healthz")) as { syncing: boolean }).syncing === false);
});
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.socket.destroy();
  await server.stop();
});

async function connections(count: number): Promise<Wire[]> {
  wires = await Promise.all(Array.from({ length: count }, () => Wire.open(server.port)));
  return wires;
}

/** The slowest `/healthz` while `work` is under way, in milliseconds. */
async function slowestHealth(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  let slowest = 0;
  do {
    const began = performance.now();
    expect(await server.json("/healthz")).toMatchObject({ status: "ok", redis: "ok" });
    slowest = Math.max(slowest, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (!isDone);
  await done;
  return slowest;
}

function peakMb(): number {
  const status = readFileSync(`/proc/${server.run.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

it("clients that request large lists and disconnect", { timeout: 120_000 }, async () => {
  const page = request("GET /voice-tasks?page_size=1000", { Connection: "keep-alive" });
  for (const wire of await connections(20)) wire.socket.write(page.repeat(100));
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const wire of wires) wire.socket.destroy();
  const next = until(async () => (await server.fetch("/voice-tasks?page_size=1000")).status === 200, 5);
  expect(await slowestHealth(next)).toBeLessThan(LATEST_MS);
  expect(peakMb()).toBeLessThan(MOST_MB);
});

it.runIf(LONG)(
  "many large lists at once: each is answered, whole or after 20 s with BUSY",
  { timeout: 120_000 },
  async () => {
    const lists = Array.from({ length: 24 }, async () => {
      const answer = await server.fetch("/voice-tasks?page_size=1000");
      const { items, code } = (await answer.json()) as { items?: unknown[]; code?: string };
      return items?.length ?? code;
    });
    expect(await slowestHealth(Promise.all(lists))).toBeLessThan(LATEST_MS);
    const answers = await Promise.all(lists);
    expect(answers.filter((answer) => answer !== 1000 && answer !== "BUSY")).toEqual([]);
    expect(answers.filter((answer) => answer === 1000).length).toBeGreaterThanOrEqual(12);
    expect(peakMb()).toBeLessThan(MOST_MB);
  },
);
