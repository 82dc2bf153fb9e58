import type { RedisTarget } from "../../src/store/redis/target.ts";
import type { RecordRules } from "../../src/task/rules.ts";
import { Authority } from "./certificates.ts";
import { RedisCluster } from "./cluster.ts";
import { freePort, RedisServer } from "./redis.ts";
import { API_MS_RULES, RULES } from "./rules.ts";
import { Sentinel } from "./sentinels.ts";
import { targetAt } from "./targets.ts";

/** The kinds of Redis, and of a service behind it, that all of ttsctl is to work with; the tests run on one of them. */
export const KINDS = [
  "single",
  "tls",
  "socket",
  "acl",
  "sentinel",
  "valkey",
  "cluster",
  "api_ms",
  "cluster-api_ms",
] as const;
export type DeploymentKind = (typeof KINDS)[number];

/** That of this run, by TTSCTL_DEPLOYMENT; undefined where it was not chosen. */
const CHOSEN = process.env.TTSCTL_DEPLOYMENT as DeploymentKind | undefined;
if (CHOSEN && !KINDS.includes(CHOSEN))
  throw new Error(`invalid TTSCTL_DEPLOYMENT "${CHOSEN}"; expected ${KINDS.join(", ")}`);

/** The kind for tests that run on one. */
const KIND = CHOSEN ?? "single";

/** The kinds for tests that run on all, unless one was chosen. */
export const KINDS_OF_RUN: readonly DeploymentKind[] = CHOSEN === undefined ? KINDS : [CHOSEN];

/** What tests ask of a Redis, of whatever kind; they go by a plain connection, whatever way ttsctl takes. */
export type TestServer = Pick<
  RedisServer,
  | "port"
  | "url"
  | "socket"
  | "folder"
  | "call"
  | "pipeline"
  | "hash"
  | "zset"
  | "dump"
  | "start"
  | "stop"
  | "suspend"
  | "resume"
  | "remove"
>;

/** How ttsctl gets to a server. */
interface Way {
  /** Lines of the section [redis]. */
  readonly settings: readonly string[];
  readonly target: RedisTarget;
  /** Default: plain. */
  readonly rules?: RecordRules;
}

type Started = Way & { readonly server: TestServer };

const STARTS: Readonly<Record<DeploymentKind, () => Promise<Started>>> = {
  single: async () => started(await RedisServer.start()),
  valkey: async () => started(await RedisServer.startAs("valkey-server")),
  tls: startTls,
  socket: startSocket,
  acl: startAcl,
  sentinel: startSentinel,
  cluster: startCluster,
  api_ms: async () => inApiMs(started(await RedisServer.start())),
  "cluster-api_ms": async () => inApiMs(await startCluster()),
};

const WAYS = new Map<number, Way>();

/** A Redis, of the kind of this run unless said otherwise. */
export async function startRedis(kind = KIND): Promise<TestServer> {
  const { server, ...way } = await STARTS[kind]();
  WAYS.set(server.port, way);
  const remove = server.remove.bind(server);
  server.remove = () => remove().finally(() => WAYS.delete(server.port)); // another server may get the port
  return server;
}

/** The [redis] settings for the server of a port; an unknown one is a plain node. */
export function settingsFor(port: number): string {
  return (WAYS.get(port)?.settings ?? [`port = ${port}`]).join("\n");
}

export function targetFor(port: number, timeout: number): RedisTarget {
  return { ...(WAYS.get(port)?.target ?? targetAt(port)), timeout };
}

/** By which the records are read that a server of that port has. */
export function rulesFor(port: number | null): RecordRules {
  return WAYS.get(port ?? 0)?.rules ?? RULES;
}

/** By which records of that kind of service are read. */
export function rulesOfKind(kind: DeploymentKind): RecordRules {
  return kind.endsWith("api_ms") ? API_MS_RULES : RULES;
}

function started(server: RedisServer): Started {
  return { server, settings: [`port = ${server.port}`], target: targetAt(server.port) };
}

/** It requires a client certificate. */
async function startTls(): Promise<Started> {
  const authority = new Authority();
  const own = authority.sign("server", "IP:127.0.0.1");
  const client = authority.sign("client", "DNS:client");
  const port = await freePort();
  const server = await RedisServer.start(
    ...["--tls-port", `${port}`, "--tls-cert-file", own.cert, "--tls-key-file", own.key],
    ...["--tls-ca-cert-file", authority.ca],
  );
  const files = [`tls_ca = ${authority.ca}`, `tls_cert = ${client.cert}`, `tls_key = ${client.key}`];
  const tls = { ca: authority.ca, ...client, serverName: null };
  return { server, settings: [`port = ${port}`, "tls = true", ...files], target: targetAt(port, { tls }) };
}

async function startSocket(): Promise<Started> {
  const server = await RedisServer.start();
  const place = { kind: "socket" as const, path: server.socket };
  return { server, settings: [`url = unix://${server.socket}`], target: targetAt(0, { place }) };
}

/** The rights that the documentation asks for, and no more. */
export const RIGHTS = "~tts:* +@read +@write +@scripting +@connection +@transaction +time +info";

async function startAcl(): Promise<Started> {
  const server = await RedisServer.start("--user", "tts", "on", ">s3cret", ...RIGHTS.split(" "));
  const login = { username: "tts", password: "s3cret" };
  const settings = [`port = ${server.port}`, "username = tts", "password = s3cret"];
  return { server, settings, target: targetAt(server.port, login) };
}

/** One Sentinel, which never takes the server for dead; failovers have tests of their own. */
async function startSentinel(): Promise<Started> {
  const server = await RedisServer.start();
  const port = await freePort();
  const sentinel = new Sentinel(port, [
    `sentinel monitor tts 127.0.0.1 ${server.port} 1`,
    "sentinel down-after-milliseconds tts 3600000",
  ]);
  await sentinel.ready(undefined);
  server.alsoRemove(sentinel);
  const sentinels = [{ host: "127.0.0.1", port }];
  const place = { kind: "sentinels" as const, sentinels, name: "tts", username: null, password: null };
  const settings = [`sentinels = 127.0.0.1:${port}`, "sentinel_name = tts"];
  return { server, settings, target: { ...targetAt(0), place } };
}

/** The same in the layout of the published API service. */
function inApiMs({ settings, ...way }: Started): Started {
  return { ...way, settings: [...settings, "layout = api_ms"], rules: API_MS_RULES };
}

async function startCluster(): Promise<Started> {
  const server = await RedisCluster.start();
  return { server, settings: server.config.trim().split("\n"), target: { ...targetAt(0), place: server.place } };
}
