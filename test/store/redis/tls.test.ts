import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisClient } from "../../../src/store/redis/client.ts";
import type { TlsFiles } from "../../../src/store/redis/target.ts";
import { Authority, type Pair } from "../../helpers/certificates.ts";
import { freePort, RedisServer } from "../../helpers/redis.ts";
import { targetAt } from "../../helpers/targets.ts";

const NONE = { cert: null, key: null, serverName: null };
const servers: RedisServer[] = [];
let [authority, stranger]: Authority[] = [];
let good: Pair;
/** Ports: a right certificate, one that wants a client's, another name, one that has expired, no TLS at all. */
let [tls, wanting, renamed, expired, plain]: number[] = [];

beforeAll(async () => {
  authority = new Authority();
  stranger = new Authority("stranger");
  good = authority.sign("server", "IP:127.0.0.1,DNS:localhost");
  tls = await start(good);
  wanting = await start(good, "yes");
  renamed = await start(authority.sign("renamed", "DNS:redis.example"));
  expired = await start(authority.sign("expired", "IP:127.0.0.1", true));
  plain = servers[0]!.port;
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.remove()));
  for (const made of [authority, stranger]) made?.remove();
});

async function start({ cert, key }: Pair, clients = "no"): Promise<number> {
  const port = await freePort();
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority!.ca];
  servers.push(await RedisServer.start("--tls-port", `${port}`, ...files, "--tls-auth-clients", clients));
  return port;
}

/** What a connection answers to a PING. */
async function attempt(port: number, files: Partial<TlsFiles> | null, timeout = 1): Promise<unknown> {
  const options = files === null ? null : { ca: authority!.ca, ...NONE, ...files };
  const client = await RedisClient.connect(targetAt(port, { tls: options, timeout }));
  const reply = await client.command("PING");
  client.close();
  return reply;
}

describe("a connection with TLS", () => {
  it("is made if the authority is trusted and the name is right", async () => {
    expect(await attempt(tls!, {})).toBe("PONG");
    expect(await attempt(renamed!, { serverName: "redis.example" })).toBe("PONG");
    expect(await attempt(wanting!, authority!.sign("client", "DNS:client"))).toBe("PONG");
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ["an unknown authority", () => attempt(tls!, { ca: null }), "REDIS_TLS"],
    ["another authority", () => attempt(tls!, { ca: stranger!.ca }), "REDIS_TLS"],
    ["another name", () => attempt(renamed!, {}), "REDIS_TLS"],
    ["an expired certificate", () => attempt(expired!, {}), "REDIS_TLS"],
    ["no client certificate", () => attempt(wanting!, {}), "REDIS_TLS"],
    ["a client certificate of others", () => attempt(wanting!, stranger!.sign("client", "DNS:client")), "REDIS_TLS"],
    ["a server without TLS", () => attempt(plain!, {}), "REDIS_TIMEOUT"],
    ["a client without TLS", () => attempt(tls!, null), "REDIS_UNAVAILABLE"],
    ["a file that is gone", () => attempt(tls!, { ca: "/no/ca.pem" }), "REDIS_TLS"],
  ])("fails for %s", async (_, work, code) => {
    const message = expect.not.stringContaining("\n");
    await expect(work()).rejects.toMatchObject({ name: "TtsctlError", code, exitCode: 4, message });
  });
});
