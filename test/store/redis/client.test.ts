import { describe, expect, it } from "vitest";
import type { TtsctlError } from "../../../src/errors.ts";
import { RedisClient } from "../../../src/store/redis/client.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import type { NodeTarget } from "../../../src/store/redis/target.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { writable } from "../../../src/store/writable.ts";
import { redisProxy, type Verdict } from "../../helpers/faults.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { RedisServer } from "../../helpers/redis.ts";
import { targetAt } from "../../helpers/targets.ts";
import { failureOf, useEnds } from "./setup.ts";

const TIMEOUT_S = 0.5;
const SECRET = "s3cret-word";

const ends = useEnds();

async function start(...args: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...args);
  ends.push(() => server.remove());
  return server;
}

function target(port: number, more: Partial<NodeTarget> = {}): NodeTarget {
  return targetAt(port, { timeout: TIMEOUT_S, ...more });
}

async function connect(port: number, more: Partial<NodeTarget> = {}): Promise<RedisClient> {
  const client = await RedisClient.connect(target(port, more));
  ends.push(() => client.close());
  return client;
}

/** What it fails with, in time and without the password. */
async function failure(work: () => Promise<unknown>): Promise<TtsctlError> {
  const error = await failureOf(work, TIMEOUT_S * 1000 + 1000);
  expect(JSON.stringify([error.message, error.hint, error.stack])).not.toContain(SECRET);
  return error;
}

describe("connecting", () => {
  it("never works on database 0 instead of one that is not there", async () => {
    const server = await start("--databases", "16");
    const error = await failure(() => connect(server.port, { db: 99 }));
    expect(error).toMatchObject({ code: "REDIS_WRONG_DB" });
    expect(error.message).toContain("db 99");
    const client = await connect(server.port, { db: 15 });
    await client.command("SET", "key", "value");
    expect(await server.call("DBSIZE")).toBe(0);
    await server.call("SELECT", 15);
    expect(await server.call("GET", "key")).toBe("value");
  });

  it("logs in an ACL user, over a unix socket too", async () => {
    const server = await start();
    await server.call("ACL", "SETUSER", "tts", "on", `>${SECRET}`, "~tts:*", "+@all");
    const login = { username: "tts", password: SECRET };
    expect(await (await connect(server.port, login)).command("ACL", "WHOAMI")).toBe("tts");
    expect(
      await (await connect(1, { ...login, place: { kind: "socket", path: server.socket } })).command("ACL", "WHOAMI"),
    ).toBe("tts");
    const gone: Partial<NodeTarget> = { place: { kind: "socket", path: `${server.socket}.gone` } };
    expect(await failure(() => connect(1, gone))).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  });
});

describe("a connection under way", () => {
  it("never sends a command twice if its reply was lost", async () => {
    const server = await start();
    await using proxy = await redisProxy(server.port, (sent): Verdict => (sent.includes("INCR") ? "deaf" : "pass"));
    const client = await connect(proxy.port);
    expect(await failure(() => client.command("INCR", "n"))).toMatchObject({ code: "REDIS_TIMEOUT" });
    expect(await server.call("GET", "n")).toBe("1");
  });

  it("loads its scripts again after SCRIPT FLUSH", async () => {
    const server = await start();
    const mirror = writable(new Mirror(await connect(server.port), RULES));
    expect(await writeToMirror(mirror, [taskOf(record("alice", "t1"))])).toEqual(["written"]);
    await server.call("SCRIPT", "FLUSH");
    await server.call("FLUSHALL");
    expect(await writeToMirror(mirror, [taskOf(record("alice", "t1"))])).toEqual(["written"]);
  });
});
