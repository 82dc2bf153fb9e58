import { TtsctlError } from "../errors.ts";
import {
  byDefault,
  type Given,
  givenAt,
  kubernetesHint,
  LEVELS,
  type Level,
  type SettingInputs,
  settingOf,
} from "./levels.ts";
import { parseRedisUrl, type RedisUrl } from "./redis-url.ts";
import { type RedisSettings, rowOf, type Setting, type SettingName, type Settings } from "./settings.ts";

/** What a url of a higher level replaces, and what can't be beside one at its level; some of it is in a url. */
const PARTS = {
  "redis.host": (url) => url.host,
  "redis.port": (url) => url.port,
  "redis.sentinels": null,
  "redis.nodes": null,
  "redis.db": (url) => url.db,
  "redis.username": (url) => url.username,
  "redis.password": (url) => url.password,
  "redis.tls": (url) => url.tls,
} as const satisfies Partial<Record<SettingName, ((url: RedisUrl) => unknown) | null>>;

/** What a url of a higher level replaces too, as it belongs to another place; it may be beside one. */
const COMPANIONS = [
  "redis.tls_server_name",
  "redis.sentinel_name",
  "redis.sentinel_username",
  "redis.sentinel_password",
] as const;

type Part = keyof typeof PARTS | (typeof COMPANIONS)[number];
const PART_NAMES = Object.keys(PARTS) as (keyof typeof PARTS)[];

/** What the address of Redis is taken from. */
export type Way = "url" | "tcp" | "sentinels" | "nodes" | "default";

/** The ways of one level that exclude each other, each with the settings that choose it. */
const WAYS: readonly [Way, readonly Part[]][] = [
  ["tcp", ["redis.host", "redis.port"]],
  ["sentinels", ["redis.sentinels"]],
  ["nodes", ["redis.nodes"]],
];

/** The parts given above the url in force, that url with where it stands, and which of them says where Redis is. */
export interface RedisAddress {
  readonly parts: ReadonlyMap<Part, Given>;
  readonly url: { readonly given: Given; readonly setting: Setting<unknown>; readonly url: RedisUrl } | undefined;
  readonly way: Way;
  /** At which the way was chosen; undefined for the default. */
  readonly level: Level | undefined;
}

/**
 * Goes down the levels, as far as the first one with a url. Host and port, sentinels, nodes and a url are ways to say one
 * thing: the highest level that says it counts, and two of them at that level are a CONFIG_INVALID. What is replaced is not
 * looked at, so `--redis-url` helps if a variable is wrong.
 */
export function findAddress(inputs: SettingInputs): RedisAddress {
  const parts = new Map<Part, Given>();
  for (const level of LEVELS) {
    const given = givenAt(level, "redis.url", inputs);
    const here = givenOf(PART_NAMES, level, inputs);
    for (const [name, value] of [...here, ...givenOf(COMPANIONS, level, inputs)]) {
      if (!parts.has(name)) parts.set(name, value);
    }
    if (given === undefined) continue;
    if (here.size > 0) throw bothSet([given, ...here.values()]);
    const setting = settingOf("redis.url", given);
    const url = { given, setting, url: parseRedisUrl(setting.value as string)! };
    return { parts, url, ...(wayIn(parts) ?? { way: "url", level }) };
  }
  return { parts, url: undefined, ...(wayIn(parts) ?? { way: "default", level: undefined }) };
}

/**
 * The settings that say how Redis is reached (SPEC sections 7 and 10): a url replaces all of them of lower levels, its absent parts
 * included; one of a higher level replaces that of the url. Of the ways to say where Redis is, those not in force are ignored.
 */
export function resolveAddress({ parts, url, way }: RedisAddress): Map<string, Setting<unknown>> {
  const of = (name: Part): Setting<unknown> => {
    const ways = WAYS.filter(([, names]) => names.includes(name)).map(([its]) => its);
    if (ways.length > 0 && !ways.includes(way === "url" ? "tcp" : way)) return byDefault(name);
    const given = parts.get(name);
    if (given !== undefined) return settingOf(name, given);
    const inUrl = name in PARTS ? PARTS[name as keyof typeof PARTS] : null;
    return url && inUrl ? { ...url.setting, value: inUrl(url.url) ?? rowOf(name).default } : byDefault(name);
  };
  const socket = { ...(url?.setting ?? byDefault("redis.url")), value: (way === "url" && url?.url.socket) || null };
  return new Map<string, Setting<unknown>>([
    ...[...PART_NAMES, ...COMPANIONS].map((name) => [name, of(name)] as const),
    ["redis.url", url?.setting ?? byDefault("redis.url")],
    ["redis.socket", socket],
  ]);
}

/** Where Redis is, by the settings, how to log in, and how long to wait for it in seconds. */
export function targetOf({ redis }: Pick<Settings, "redis">) {
  return {
    place: nodeOf(redis),
    db: redis.db.value,
    username: redis.username.value,
    password: redis.password.value,
    tls: redis.tls.value ? tlsOf(redis) : null,
    timeout: redis.timeout.value,
    prefix: redis.prefix.value,
  };
}

function nodeOf(redis: RedisSettings) {
  const node = { host: redis.host.value, port: redis.port.value };
  if (redis.sentinels.value.length > 0) {
    return {
      kind: "sentinels" as const,
      sentinels: redis.sentinels.value,
      name: redis.sentinelName.value ?? "",
      username: redis.sentinelUsername.value,
      password: redis.sentinelPassword.value,
    };
  }
  if (redis.cluster.value) {
    return { kind: "cluster" as const, nodes: redis.nodes.value.length > 0 ? redis.nodes.value : [node] };
  }
  if (redis.socket.value !== null) return { kind: "socket" as const, path: redis.socket.value };
  return { kind: "node" as const, ...node };
}

function tlsOf({ tlsCa, tlsCert, tlsKey, tlsServerName }: RedisSettings) {
  return {
    ca: tlsCa.value,
    cert: tlsCert.value,
    key: tlsKey.value ?? tlsCert.value, // one file may hold both
    serverName: tlsServerName.value,
  };
}

function givenOf(names: readonly Part[], level: Level, inputs: SettingInputs): Map<Part, Given> {
  const found = new Map<Part, Given>();
  for (const name of names) {
    const value = givenAt(level, name, inputs);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

/** The way of the highest level that has one. */
function wayIn(parts: ReadonlyMap<Part, Given>): Pick<RedisAddress, "way" | "level"> | undefined {
  for (const level of LEVELS) {
    const ways = WAYS.flatMap(([way, names]) => {
      const given = names.flatMap((name) => parts.get(name) ?? []).filter(({ source }) => source === level);
      return given.length === 0 ? [] : [{ way, level, given }];
    });
    if (ways.length > 1) throw bothSet(ways.flatMap(({ given }) => given));
    if (ways[0] !== undefined) return ways[0];
  }
  return undefined;
}

function bothSet([first, ...others]: readonly Given[]): TtsctlError {
  const other = others.find(kubernetesHint) ?? others[0]!;
  const hint = kubernetesHint(first!) ?? kubernetesHint(other) ?? hintOf(first!);
  const message = `${first!.origin} and ${other.origin} are both set; accepted: one of them`;
  return new TtsctlError("CONFIG_INVALID", message, { hint });
}

function hintOf({ text }: Given): string {
  if (/^\s*[a-z]+:\/\//i.test(text)) {
    return "The url holds host, port, db, username, password and TLS: keep it, or them.";
  }
  return "Host and port, sentinels and nodes each say where Redis is.";
}
