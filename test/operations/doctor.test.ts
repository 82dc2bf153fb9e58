import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Checks, DoctorParts, Finding } from "../../src/operations/doctor/probe.ts";
import { neededCommands } from "../../src/operations/doctor/redis.ts";
import { diagnose } from "../../src/operations/doctor/run.ts";
import { ApiMsLayout } from "../../src/store/layout/api-ms.ts";
import { RedisClient } from "../../src/store/redis/client.ts";
import { TestClock } from "../helpers/clock.ts";
import { RULES } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { targetAt } from "../helpers/targets.ts";

const clock = new TestClock();
const PARTS: DoctorParts = {
  config: {
    ...{ path: null, profile: null, cwd: "/", unreadable: null, wrong: [], misspelt: [], sections: [] },
    ...{ holdsPassword: false, variables: [], kubernetes: false, warnings: [] },
  },
  ...{ nodeVersion: "v18.20.1", file: null, paths: null, audit: null, connect: "off", db: 0 },
  ...{ rules: RULES, askSentinels: null, zoneOrigin: null },
  ...{ cleanup: { retention: 7 * 86_400, stuckAfter: 86_400 }, clock },
};

async function findings(parts: Partial<DoctorParts>, checks?: Checks, longest?: number): Promise<Finding[]> {
  const all: Finding[] = [];
  for await (const finding of diagnose({ ...PARTS, ...parts }, checks, longest)) all.push(finding);
  return all;
}

describe("the clock", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.remove());

  it.each([
    [50, 7 * 86_400, "ok"],
    [70, 7 * 86_400, "fail"],
    [-70, 7 * 86_400, "fail"],
    [20, 100, "fail"],
    [70, 0, "fail"],
  ])("may be %i s off with a retention of %i s: %s", async (shift, retention, status) => {
    clock.shift = shift;
    const connect = () => RedisClient.connect(targetAt(server.port));
    const all = await findings({ connect, cleanup: { retention, stuckAfter: 0 } });
    expect(all.find(({ check }) => check === "clock")).toMatchObject({ status });
    clock.shift = 0;
  });
});

/** Sent to connect, to ask for the rights, or only if the server allows it. */
const OTHERS = ["ACL", "AUTH", "CONFIG", "DISCARD", "INFO", "MULTI", "PING", "ROLE", "SELECT", "SENTINEL", "SORT_RO"];
/** Words behind a bracket that are arguments, or codes. */
const NO_COMMANDS = ["LIMIT", "SLOTS", "TLS", "REDIS_UNAVAILABLE"];
const SENT = /(?:command|each)\(\s*"([A-Z_]{3,})"|\[\s*"([A-Z_]{3,})"|redis\.p?call\('([A-Z_]+)'/g;

it("the rights that are asked for are those of every command in the source", () => {
  const folder = "src/store/redis";
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(ts|lua)$/.test(name));
  const sent = new Set<string>();
  for (const path of sources.map((name) => `${folder}/${name}`)) {
    if (path.endsWith("reply-shape.ts")) continue; // a table of commands
    for (const [, ...names] of readFileSync(path, "utf8").matchAll(SENT)) sent.add(names.find((name) => name)!);
  }
  for (const name of [...OTHERS, ...NO_COMMANDS]) sent.delete(name);
  const asked = new Set(neededCommands(true, new ApiMsLayout(RULES)).map(([name]) => String(name)));
  expect(asked.size).toBeGreaterThan(20);
  expect([...sent].filter((name) => !asked.has(name))).toEqual([]);
});
