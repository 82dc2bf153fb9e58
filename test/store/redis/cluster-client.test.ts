import { describe, expect, it } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import type { RedisCommands } from "../../../src/store/redis/commands.ts";
import { connectRedis } from "../../../src/store/redis/connect.ts";
import type { KnownNodes } from "../../../src/store/redis/target.ts";
import { type RedisCluster, sharedCluster } from "../../helpers/cluster.ts";
import { freePort, RedisServer } from "../../helpers/redis.ts";
import { targetAt } from "../../helpers/targets.ts";
import { until } from "../../helpers/until.ts";
import { failureOf, useEnds } from "./setup.ts";

const TIMEOUT_S = 1;

const ends = useEnds();

async function connect(ports: readonly number[], known?: KnownNodes): Promise<RedisCommands> {
  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
  const target = { ...targetAt(1, { timeout: TIMEOUT_S }), place: { kind: "cluster" as const, nodes } };
  const client = await connectRedis(target, known);
  ends.push(() => client.close());
  return client;
}

const failure = (work: () => Promise<unknown>) => failureOf(work, TIMEOUT_S * 2000 + 1000);

/** A client of a cluster, and the slot of a key with the node that has it and another. */
async function scene(cluster: RedisCluster) {
  const client = await connect([cluster.port]);
  const from = await cluster.serverOf("n");
  const to = cluster.primaries.find((node) => node !== from)!;
  return { cluster, client, slot: (await client.command("CLUSTER", "KEYSLOT", "n")) as number, from, to };
}

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`);

const commands = (...lines: string[]) => lines.map((line) => line.split(" "));

describe("a slot that moves", () => {
  it("is followed, and nothing runs twice", async () => {
    const { cluster, client, slot, from, to } = await scene(await sharedCluster());
    expect(await client.command("INCR", "n")).toBe(1);
    await cluster.beginMove(slot, from, to);
    await cluster.endMove(slot, from, to);
    expect(await client.pipeline(commands("INCR n", "INCR n"))).toEqual([2, 3]);
    expect(await to.call("GET", "n")).toBe("3");
    const before = String(await from.call("INFO", "errorstats"));
    expect(await client.command("INCR", "n")).toBe(4);
    expect(String(await from.call("INFO", "errorstats"))).toBe(before); // it was not asked again
  });

  it("is asked on both sides while it moves", async () => {
    const { cluster, client, slot, from, to } = await scene(await sharedCluster());
    await client.pipeline(commands("SET n 1", "SET stays{n} 5"));
    await cluster.beginMove(slot, from, to);
    await cluster.moveKeys(from, to, "n");
    expect(await client.pipeline(commands("INCR n", "INCR stays{n}", "INCR new{n}", "INCR n", "SET x 0"))).toEqual([
      2,
      6,
      1,
      3,
      "OK",
    ]);
    await cluster.endMove(slot, from, to);
    expect(await client.pipeline(commands("GET n", "GET stays{n}", "GET new{n}"))).toEqual(["3", "6", "1"]);
  });
});

describe("a node that is lost", () => {
  it("is named, ends the client, and the commands to the others run once", async () => {
    const { cluster, client, from } = await scene(await sharedCluster());
    await client.pipeline(KEYS.map((key) => ["INCR", key]));
    await from.stop();
    const error = await failure(() => client.pipeline([...KEYS, "n"].map((key) => ["INCR", key])));
    expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(error.message).toContain(`127.0.0.1:${from.port}`);
    expect((await client.lost).code).toBe("REDIS_UNAVAILABLE");
    const others = cluster.primaries.filter((node) => node !== from);
    for (const key of KEYS) {
      const values = await Promise.all(others.map((node) => node.call("GET", key).catch(() => "elsewhere")));
      expect(values.every((value) => value === "2" || value === "elsewhere")).toBe(true);
    }
  });

  it("without a replica takes the cluster down, which is reported within the timeout", async () => {
    const { cluster, from, to } = await scene(await sharedCluster());
    const [, usual] = (await to.call("CONFIG", "GET", "cluster-node-timeout")) as [string, string];
    const setTimeouts = (ms: string) =>
      Promise.all(cluster.nodes.map((node) => node.call("CONFIG", "SET", "cluster-node-timeout", ms)));
    await setTimeouts("500");
    ends.push(async () => {
      await cluster.heal();
      await setTimeouts(usual);
    });
    const owners = await Promise.all(KEYS.map((key) => cluster.serverOf(key)));
    const key = KEYS[owners.indexOf(to)]!;
    await from.stop();
    await until(async () => String(await to.call("CLUSTER", "INFO")).includes("cluster_state:fail"));
    const client = await connect([to.port]);
    const error = await failure(() => client.command("GET", key));
    expect(error).toMatchObject({ code: "REDIS_CLUSTER" });
    expect(error.message).toContain("CLUSTERDOWN");
  });
});

describe("the way in", () => {
  it("refuses a server that isn't a cluster, and a node outside any cluster", async () => {
    await using single = await RedisServer.start();
    await using lonely = await RedisServer.start("--cluster-enabled", "yes", "--cluster-port", `${await freePort()}`);
    const noCluster = await failure(() => connect([single.port]));
    expect(noCluster).toMatchObject({ code: "REDIS_CLUSTER", hint: expect.stringContaining("cluster = false") });
    expect(await failure(() => connect([lonely.port]))).toMatchObject({ code: "REDIS_CLUSTER" });
  });

  it("that is taken for one node says so", async () => {
    const cluster = await sharedCluster();
    const client = await connectRedis(targetAt(cluster.port));
    ends.push(() => client.close());
    const replies = await client.pipeline(KEYS.map((key) => ["GET", key]));
    const error = replies.find((reply) => reply instanceof TtsctlError);
    expect(error).toMatchObject({ code: "REDIS_CLUSTER", hint: expect.stringContaining("cluster = true") });
  });
});
