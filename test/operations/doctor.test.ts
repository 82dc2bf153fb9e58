import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TtsctlError } from "../../src/errors.ts";
import { diskVerdict, fileSystemOf, storeMemoryVerdict } from "../../src/operations/doctor/files.ts";
import { type Checks, type DoctorParts, type Finding, ok, parseInfo } from "../../src/operations/doctor/probe.ts";
import {
  databasesOf,
  memoryVerdict,
  neededCommands,
  persistenceVerdict,
  sentinelVerdict,
  versionVerdict,
} from "../../src/operations/doctor/redis.ts";
import { diagnose } from "../../src/operations/doctor/run.ts";
import { driftVerdict } from "../../src/operations/doctor/tasks.ts";
import { ApiMsLayout } from "../../src/store/layout/api-ms.ts";
import { RedisClient } from "../../src/store/redis/client.ts";
import type { SentinelAnswer } from "../../src/store/redis/sentinel.ts";
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
  ...{
    nodeVersion: "v18.20.1",
    file: null,
    paths: null,
    audit: null,
    connect: "off",
    db: 0,
    rules: RULES,
    askSentinels: null,
    zoneOrigin: null,
  },
  ...{ cleanup: { retention: 7 * 86_400, stuckAfter: 86_400 }, clock },
};

async function findings(parts: Partial<DoctorParts>, checks?: Checks, longest?: number): Promise<Finding[]> {
  const all: Finding[] = [];
  for await (const finding of diagnose({ ...PARTS, ...parts }, checks, longest)) all.push(finding);
  return all;
}

describe("a diagnosis", () => {
  it("continues after a check that fails, hangs or can't run", async () => {
    const checks: Checks = {
      disk: () => Promise.reject(Object.assign(new Error("EIO: i/o error"), { code: "EIO" })),
      hangs: () => new Promise(() => {}),
      needs: async (probe) => ok(probe.file.path),
      last: () => ok("fine"),
    };
    const all = await findings({}, checks, 0.05);
    expect(all.map(({ check, status }) => [check, status])).toEqual([
      ["disk", "fail"],
      ["hangs", "fail"],
      ["needs", "skip"],
      ["last", "ok"],
    ]);
    expect(all[1]!.detail).toBe("took more than 0.05 s");
  });

  it("does not hide a bug", async () => {
    const bug = () => Promise.reject(new TypeError("x is not a function"));
    await expect(findings({}, { bug })).rejects.toThrow(TypeError);
  });

  it("skips the checks for which a wrong configuration lacks the settings", async () => {
    const all = await findings({ connect: null, rules: null, cleanup: null });
    const checked = all.filter(({ status }) => status !== "skip").map(({ check }) => check);
    expect(checked).toEqual([
      ...["node", "flock", "exchange", "config", "config.values", "config.secrets", "environment"],
    ]);
    expect(all[0]).toMatchObject({ status: "fail", detail: "18.20.1 is too old" });
  });
});

describe("the clock", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.remove());

  it.each([
    [0, 7 * 86_400, "ok"],
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

describe("a server's INFO", () => {
  const info = (text: string) => parseInfo(text.replaceAll("\n", "\r\n"));

  it("is read field by field", () => {
    const parsed = info("# Keyspace\ndb0:keys=1,expires=0\ndb12:keys=5\n\nname:a:b\n");
    expect(databasesOf(parsed)).toEqual([0, 12]);
    expect(parsed.get("name")).toBe("a:b");
    expect(parsed.size).toBe(3);
  });

  it.each([
    ["redis_version:6.2.0", "ok"],
    ["redis_version:6.0.16", "fail"],
    ["redis_version:8.0.2", "ok"],
    ["redis_version:20", "ok"],
    ["redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.0", "ok"],
    ["", "fail"],
  ])("%j is a version that is %s", (text, status) => {
    expect(versionVerdict(info(text))).toMatchObject({ status });
  });

  it.each([
    ["used_memory:1000\nmaxmemory:0\nmaxmemory_policy:noeviction", "ok"],
    ["used_memory:1000\nmaxmemory:0\nmaxmemory_policy:allkeys-lfu", "warn"],
    ["used_memory:1000\nmaxmemory:9000\nmaxmemory_policy:volatile-lru", "warn"],
    ["used_memory:950\nmaxmemory:1000\nmaxmemory_policy:noeviction", "warn"],
  ])("%j is a memory that is %s", (text, status) => {
    expect(memoryVerdict(info(text))).toMatchObject({ status });
  });

  it.each([
    ["aof_enabled:1\naof_last_write_status:ok", "ok"],
    ["aof_enabled:1\naof_last_write_status:err", "warn"],
    ["aof_enabled:0\nrdb_saves:3\nrdb_last_bgsave_status:ok", "ok"],
    ["aof_enabled:0\nrdb_last_bgsave_status:err", "warn"],
    ["aof_enabled:0", "ok"],
  ])("%j is a persistence that is %s", (text, status) => {
    expect(persistenceVerdict(info(text))).toMatchObject({ status });
  });

  it("isn't judged by a count of snapshots that Redis 6.2 doesn't have", () => {
    expect(persistenceVerdict(info("aof_enabled:0\nrdb_saves:0")).detail).toMatch(/^no snapshot/);
    expect(persistenceVerdict(info("aof_enabled:0")).detail).not.toMatch(/snapshot/);
  });
});

describe("the memory of this machine", () => {
  it.each([
    [500e6, 0, "ok"],
    [99e6, 0, "warn"],
    [1e9, 410e6, "ok"],
    [1e9, 4.1e9, "warn"],
    [2e9, 4.1e9, "ok"],
  ])("of %d bytes beside a store of %d is %s", (free, store, status) => {
    expect(storeMemoryVerdict(free, store)).toMatchObject({ status });
  });

  it("is shown beside what a command needs", () => {
    expect(storeMemoryVerdict(1e9, 3e9).detail).toBe("1.0 GB free, and a store file of this size needs up to 1.1 GB");
  });
});

describe("a disk", () => {
  it.each([
    [50e9, 100e9, 1e9, "ok"],
    [9e9, 100e9, 1e9, "warn"],
    [50e9, 100e9, 26e9, "warn"],
    [0, 0, 0, "ok"],
  ])("with %d of %d bytes free and a store of %d is %s", (free, total, store, status) => {
    expect(diskVerdict({ free, total, store })).toMatchObject({ status });
  });

  it("is shown in units that fit", () => {
    const { detail } = diskVerdict({ free: 600_000, total: 5e6, store: 400_000 });
    expect(detail).toBe(
      "600.0 kB free where the store file is, 12%: a rewrite needs the size of the store file, 400.0 kB",
    );
  });

  it.each([
    [0xef53, "ext4", false],
    [0x6969, "nfs", true],
    [0xff534d42 | 0, "cifs", true], // negative, as a signed number of 32 bits is
    [0x01021997, "9p", true],
    [0x12345, "type 0x12345", false],
  ])("of type %d is %s", (type, name, shared) => {
    expect(fileSystemOf(type)).toEqual({ name, shared });
  });
});

describe("drift", () => {
  it("is reported by kind", () => {
    expect(driftVerdict(new Map(), 300)).toMatchObject({ status: "ok" });
    const found = driftVerdict(
      new Map([
        ["onlyInRedis", 2],
        ["partial", 1],
      ]),
      1,
    );
    expect(found).toMatchObject({
      status: "warn",
      detail: "in a sample of 1 task: 1 with a partial hash, 2 only in Redis",
    });
  });
});

describe("the Sentinels' answers", () => {
  const at = (port: number) => ({ sentinel: `s${port}:1`, answer: { host: "h", port } });
  const dead = { sentinel: "s:1", answer: new TtsctlError("REDIS_UNAVAILABLE", "Sentinel at s:1 refuses connections") };

  it.each<[string, SentinelAnswer[], string, RegExp]>([
    ["all the same", [at(1), at(1)], "ok", /^h:1, named as the primary by 2 of 2 Sentinels$/],
    ["one is gone", [at(1), dead, at(1)], "warn", /^h:1, .* by 2 of 3 Sentinels; Sentinel at s:1/],
    ["two primaries", [at(1), at(2)], "warn", /do not agree.*h:1 by s1:1; h:2 by s2:1/],
    ["no reply", [dead, dead], "fail", /s:1 refuses connections; /],
  ])("%s", (_, answers, status, detail) => {
    expect(sentinelVerdict(answers)).toMatchObject({ status, detail: expect.stringMatching(detail) });
  });

  it("isn't checked without any", async () => {
    expect((await findings({})).map(({ check }) => check)).not.toContain("redis.sentinel");
    const asked = await findings({ askSentinels: async () => [at(1)] });
    expect(asked.find(({ check }) => check === "redis.sentinel")).toMatchObject({ status: "ok" });
  });
});

describe("the rights that are asked for", () => {
  /** Sent to connect, to ask for the rights, or only if the server allows it. */
  const OTHERS = ["ACL", "AUTH", "CONFIG", "DISCARD", "INFO", "MULTI", "PING", "ROLE", "SELECT", "SENTINEL", "SORT_RO"];
  /** Words behind a bracket that are arguments, or codes. */
  const NO_COMMANDS = ["LIMIT", "TLS", "REDIS_UNAVAILABLE"];
  const SENT = /(?:command|each)\(\s*"([A-Z_]{3,})"|\[\s*"([A-Z_]{3,})"|redis\.p?call\('([A-Z_]+)'/g;

  it("are those of every command in the source", () => {
    const folder = "src/store/redis";
    const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\.(ts|lua)$/.test(name),
    );
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
});
