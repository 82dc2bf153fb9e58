import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisLink } from "../../../src/store/mirror-link.ts";
import type { RedisCommands } from "../../../src/store/redis/commands.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { connectBySentinels, type SentinelTarget } from "../../../src/store/redis/sentinel.ts";
import { FastClock } from "../../helpers/clock.ts";
import { serve, silentServer, type TestServer } from "../../helpers/faults.ts";
import { RULES } from "../../helpers/records.ts";
import { freePort, RedisServer } from "../../helpers/redis.ts";
import { Sentinel, SentinelSite } from "../../helpers/sentinels.ts";
import { until } from "../../helpers/until.ts";
import { failureOf, useEnds } from "./setup.ts";

let site: SentinelSite;
beforeAll(async () => {
  site = await SentinelSite.start();
});
afterAll(() => site.remove());

const ends = useEnds();

async function connect(target: SentinelTarget): Promise<RedisCommands> {
  const client = await connectBySentinels(target);
  ends.push(() => client.close());
  return client;
}

const failure = (target: SentinelTarget) => failureOf(() => connect(target), 20_000);

/** The target with other Sentinels. */
function by(ports: readonly number[], more: Partial<SentinelTarget["place"]> = {}): SentinelTarget {
  return site.target({ sentinels: ports.map((port) => ({ host: "127.0.0.1", port })), ...more });
}

/** Names a server of its choice as the primary of any name. */
function falseSentinel(port: number): Promise<TestServer> {
  const address = `*2\r\n$9\r\n127.0.0.1\r\n$${`${port}`.length}\r\n${port}\r\n`;
  return serve((socket) => {
    socket.on("data", (sent) => socket.write(String(sent).includes("get-master-addr") ? address : "+PONG\r\n"));
  });
}

describe("a connection by Sentinels", () => {
  it("connects to the primary, and names the Sentinel", async () => {
    const client = await connect(site.target());
    expect(((await client.command("ROLE")) as unknown[])[0]).toBe("master");
    const { port } = await site.primary();
    const named = site.sentinels.map((sentinel) => `127.0.0.1:${port} (tts by Sentinel 127.0.0.1:${sentinel.port})`);
    expect(named).toContain(client.where);
  });

  it("names every Sentinel with its failure, within the timeout", async () => {
    await using silent = await silentServer();
    const ports = [await freePort(), silent.port];
    const began = performance.now();
    const error = await failure({ ...by(ports), timeout: 1 });
    expect(performance.now() - began).toBeLessThan(1500);
    expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE", exitCode: 4 });
    expect(error.message).toMatch(
      new RegExp(`Sentinel at 127.0.0.1:${ports[0]} refuses connections; .*${ports[1]} does not answer`),
    );
  });

  it("does not take a replica for the primary", async () => {
    await using replica = await RedisServer.start("--replicaof", "127.0.0.1", `${(await site.primary()).port}`);
    await using liar = await falseSentinel(replica.port);
    const error = await failure(by([liar.port]));
    expect(error).toMatchObject({ code: "REDIS_READONLY", hint: expect.stringContaining("failover") });
    expect(error.message).toContain(`127.0.0.1:${replica.port}`);
    expect((await connect(by([liar.port, site.sentinels[0]!.port]))).where).toContain(`${site.sentinels[0]!.port}`);
  });

  it("asks the next one if one refuses, is silent, or isn't a Sentinel", async () => {
    await using silent = await silentServer();
    await using plain = await RedisServer.start();
    const ports = [await freePort(), silent.port, plain.port, site.sentinels[2]!.port];
    expect((await connect(by(ports))).where).toContain(`Sentinel 127.0.0.1:${ports[3]}`);
  });
});

it("Sentinels with a password are logged in to with their own", async () => {
  const { port } = await site.primary();
  const watched = [`monitor tts 127.0.0.1 ${port} 1`, "down-after-milliseconds tts 3600000"];
  const locked = new Sentinel(await freePort(), ["requirepass s3cret", ...watched.map((line) => `sentinel ${line}`)]);
  ends.push(() => locked.remove());
  await locked.ready("s3cret");
  expect(await (await connect(by([locked.port], { password: "s3cret" }))).command("PING")).toBe("PONG");
  for (const password of [null, "wrong"]) {
    const error = await failure(by([locked.port], { password }));
    expect(error).toMatchObject({ code: "REDIS_AUTH" });
    expect(error.hint).toContain("sentinel_password");
    expect(`${error.message}${error.hint}`).not.toContain("s3cret");
  }
});

it("a link that reconnects by Sentinels switches to the new primary, even if the old one keeps the connection", async () => {
  const link = redisLink(async () => new Mirror(await connectBySentinels(site.target()), RULES), {
    reconnects: new FastClock(),
  });
  ends.push(() => link.close());
  const state = await link.open();
  if (state.kind !== "on") throw new Error("no connection");
  const old = await site.primary();
  // As if the Sentinels had not closed the connections of clients.
  await old.call("REPLICAOF", "127.0.0.1", site.servers.find((server) => server !== old)!.port);
  await expect(state.mirror.beginSync()).rejects.toMatchObject({ code: "REDIS_READONLY" });
  expect((await link.open()).kind).toBe("down");
  await site.servers.find((server) => server !== old)!.call("REPLICAOF", "NO", "ONE");
  await until(async () => {
    const now = await link.open();
    return now.kind === "on" && (await now.mirror.beginSync().catch(() => false)) !== false;
  }, 60);
});
