import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { parrotServer, silentServer } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { freePort, RedisServer } from "../helpers/redis.ts";
import { lines, type Run } from "../helpers/ttsctl.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const TIMEOUT_S = 0.5;
/** What a process needs to start and end on a busy machine, besides the timeout and its second. */
const STARTING_MS = 5000;
const OLD = [record("a", "t1"), record("b", "t2")];
const YOUNG = record("c", "young", { updated_at: ago(60) });

const env = (port: number, more = {}) => ({ REDIS_PORT: String(port), REDIS_TIMEOUT: `${TIMEOUT_S}s`, ...more });

/** The one error of a run, as an object. */
function errorOf(run: Run): { error: string; code: string; hint: string } {
  expect(lines(run.stderr), run.stderr).toHaveLength(1);
  return JSON.parse(run.stderr);
}

async function started(...args: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...args);
  ends.push(() => server.remove());
  return server;
}

async function parrot(line: string): Promise<number> {
  const server = await parrotServer(line);
  ends.push(() => server.stop());
  return server.port;
}

const UNREACHABLE: { what: string; port(): Promise<number> }[] = [
  { what: "refuses", port: () => freePort() },
  {
    what: "is frozen (SIGSTOP) before the handshake",
    port: async () => {
      const server = await started();
      server.suspend();
      return server.port;
    },
  },
  {
    what: "is a port that accepts and is silent",
    port: async () => {
      const silent = await silentServer();
      ends.push(() => silent.stop());
      return silent.port;
    },
  },
];

describe.each(UNREACHABLE)("row E, a Redis that $what", ({ port }) => {
  it("costs a command no more than the timeout and a second; it ends, or works on the file", async () => {
    here.root.writeStore([...OLD, YOUNG]);
    here.root.writeArtifacts(OLD);
    const options = { env: env(await port()) };
    const runs = {
      list: await here.run("list -o json", options),
      sync: await here.run("sync -o json", options),
      cleanup: await here.run("cleanup --once -o json", options),
    };
    triedFault(3);
    for (const run of Object.values(runs)) expect(run.ms).toBeLessThan(TIMEOUT_S * 1000 + 1000 + STARTING_MS);
    expect(runs.list.code).toBe(0);
    expect(JSON.parse(runs.list.stdout)).toMatchObject({ source: "file", total: 3 });
    expect([runs.sync.code, runs.sync.stdout]).toEqual([4, ""]);
    expect(errorOf(runs.sync).code).toMatch(/REDIS_(UNAVAILABLE|TIMEOUT)/);
    expect(runs.cleanup.code).toBe(3);
    expect(JSON.parse(runs.cleanup.stdout)).toMatchObject({ purged: 2, failed: 0 });
    expect(here.root.readStore()).toEqual([YOUNG]);
  });
});

const REFUSING: { what: string; code: string; port(): Promise<number>; more?: Record<string, string> }[] = [
  { what: "is loading", code: "REDIS_LOADING", port: () => parrot("-LOADING Redis is loading the dataset in memory") },
  {
    what: "wants a password (NOAUTH)",
    code: "REDIS_AUTH",
    port: async () => (await started("--requirepass", "x")).port,
  },
  {
    what: "has another password (WRONGPASS)",
    ...{ code: "REDIS_AUTH", more: { REDIS_PASSWORD: "wrong" } },
    port: async () => (await started("--requirepass", "x")).port,
  },
  {
    what: "allows the user nothing (NOPERM)",
    ...{ code: "REDIS_DENIED", more: { REDIS_USERNAME: "tts", REDIS_PASSWORD: "right" } },
    port: async () => {
      const server = await started();
      await server.call("ACL", "SETUSER", "tts", "on", ">right", "~*", "-@all", "+auth", "+hello", "+ping", "+client");
      return server.port;
    },
  },
];

describe.each(REFUSING)("row E, a Redis that $what", ({ code, port, more }) => {
  it("is named in one clear line with the remedy; no task is reported as written", async () => {
    here.root.writeStore([...OLD, YOUNG]);
    const options = { env: env(await port(), more) };
    const sync = await here.run("sync -o json", options);
    expect([sync.code, sync.stdout], sync.stderr).toEqual([4, ""]);
    expect(errorOf(sync)).toMatchObject({ code, hint: expect.stringMatching(/\w/) });
    const list = await here.run("list -o json", options);
    expect(JSON.parse(list.stdout)).toMatchObject({ source: "file", total: 3 });
    expect(lines(list.stderr)).toHaveLength(1);
    triedFault(2);
  });
});
