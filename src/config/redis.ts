import { readFile } from "node:fs/promises";
import { describeSystemError, systemErrorCode, TtsctlError } from "../errors.ts";
import { addressText } from "../printable.ts";
import { parseRedisUrl, type RedisUrl } from "./address.ts";
import {
  byDefault,
  describeSettings,
  type Given,
  givenAt,
  kubernetesHint,
  LEVELS,
  placeOf,
  type RedisSettings,
  rowOf,
  type Setting,
  type SettingInputs,
  type SettingName,
  type Settings,
  type Source,
  settingOf,
} from "./settings.ts";

/** The ways to give the address of Redis, which exclude each other at one level, and the settings of each. A url is another. */
const WAYS: Readonly<Record<string, readonly SettingName[]>> = {
  tcp: ["redis.host", "redis.port"],
  sentinels: ["redis.sentinels"],
  nodes: ["redis.nodes"],
};

/** Settings that a url of a higher level replaces, and that can't be beside one at its level. */
const OF_ALL_WAYS = ["redis.db", "redis.username", "redis.password", "redis.tls"] as const;
const PARTS: readonly SettingName[] = [...Object.values(WAYS).flat(), ...OF_ALL_WAYS];

/** All that a url of a higher level replaces: also what belongs to another server, but may be beside a url. */
const REPLACED: readonly SettingName[] = [
  ...PARTS,
  ...(["redis.tls_server_name", "redis.sentinel_name", "redis.sentinel_username", "redis.sentinel_password"] as const),
];

export type RedisAddress = ReturnType<typeof findAddress>;

/**
 * How Redis is reached (docs/contract.md, Configuration): goes down the levels to the first one with a url. A url replaces all of
 * the lower levels, its absent parts included; a part of a higher level replaces that of the url. Of the ways, the one at the
 * highest level counts. Values that are replaced aren't parsed, so `--redis-url` helps if a variable is wrong.
 */
export function findAddress(inputs: SettingInputs) {
  /** What the levels down to the url in force give. */
  const parts = new Map<SettingName, Given>();
  /** A way of `WAYS`, or `url`, and the level at which it was chosen. */
  let found: { way: string; level: Source } | undefined;
  let url: { given: Given; setting: Setting<unknown>; url: RedisUrl } | undefined;
  for (const level of LEVELS) {
    const here = (names: readonly SettingName[]) => names.flatMap((name) => givenAt(level, name, inputs) ?? []);
    for (const name of REPLACED) {
      const [value] = here([name]);
      if (value !== undefined && !parts.has(name)) parts.set(name, value);
    }
    const given = givenAt(level, "redis.url", inputs);
    if (given !== undefined && here(PARTS).length > 0) throw bothSet([given, ...here(PARTS)]);
    const ways = Object.keys(WAYS).filter((way) => here(WAYS[way]!).length > 0);
    if (found === undefined && ways.length > 1) throw bothSet(ways.flatMap((way) => here(WAYS[way]!)));
    if (ways[0] !== undefined) found ??= { way: ways[0], level };
    if (given === undefined) continue;
    const setting = settingOf("redis.url", given);
    url = { given, setting, url: parseRedisUrl(setting.value as string)! };
    found ??= { way: "url", level };
    break;
  }
  const { way, level } = found ?? { way: "default", level: "default" };
  /** What says how Redis is reached, by its name. Ways to give the address that aren't in force are ignored. */
  const settings = new Map<string, Setting<unknown>>();
  for (const name of REPLACED) {
    const its = Object.keys(WAYS).find((other) => WAYS[other]!.includes(name));
    const isInForce = its === undefined || its === (way === "url" ? "tcp" : way);
    const given = isInForce ? parts.get(name) : undefined;
    const { key } = placeOf(name);
    if (given !== undefined) settings.set(name, settingOf(name, given));
    else if (!isInForce || url === undefined || !(key in url.url)) settings.set(name, byDefault(name));
    else settings.set(name, { ...url.setting, value: url.url[key as keyof RedisUrl] ?? rowOf(name).default });
  }
  const ofUrl = url?.setting ?? byDefault("redis.url");
  settings.set("redis.url", ofUrl);
  settings.set("redis.socket", { ...ofUrl, value: (way === "url" && url?.url.socket) || null });
  return { parts, url, way, level, settings };
}

/** Where Redis is, for people; without a password. */
export function redisShown(settings: Settings): string {
  const { enabled, host, port } = settings.redis;
  if (!enabled.value) return NO_REDIS;
  const described = describeSettings(settings);
  const others = (["redis.url", "redis.sentinels", "redis.nodes"] as const).map((name) => described[name].value);
  return String(others.find((value) => value !== null) ?? addressText({ host: host.value, port: port.value }));
}

export const NO_REDIS = "none";

export function targetOf({ redis }: Pick<Settings, "redis">) {
  const { tlsCa: ca, tlsCert: cert, tlsKey, tlsServerName } = redis;
  const key = tlsKey.value ?? cert.value; // one file may hold both
  return {
    place: nodeOf(redis),
    db: redis.db.value,
    username: redis.username.value,
    password: redis.password.value,
    tls: redis.tls.value ? { ca: ca.value, cert: cert.value, key, serverName: tlsServerName.value } : null,
    timeout: redis.timeout.value,
    prefix: redis.prefix.value,
  };
}

function nodeOf({ sentinels, sentinelName, sentinelUsername, sentinelPassword, ...redis }: RedisSettings) {
  const node = { host: redis.host.value, port: redis.port.value };
  if (sentinels.value.length > 0) {
    const login = { username: sentinelUsername.value, password: sentinelPassword.value };
    return { kind: "sentinels" as const, sentinels: sentinels.value, name: sentinelName.value ?? "", ...login };
  }
  if (redis.cluster.value) {
    return { kind: "cluster" as const, nodes: redis.nodes.value.length > 0 ? redis.nodes.value : [node] };
  }
  if (redis.socket.value !== null) return { kind: "socket" as const, path: redis.socket.value };
  return { kind: "node" as const, ...node };
}

const URL_OR_PARTS = "The url has host, port, db, username, password and TLS: set the url or these, not both.";
const ONE_WAY = "Host and port, sentinels and nodes are different addresses of Redis: set one of them.";

function bothSet([first, ...others]: readonly Given[]): TtsctlError {
  const other = others.find(kubernetesHint) ?? others[0]!;
  const isUrl = /^\s*[a-z]+:\/\//i.test(first!.text);
  const hint = kubernetesHint(first!) ?? kubernetesHint(other) ?? (isUrl ? URL_OR_PARTS : ONE_WAY);
  const message = `${first!.origin} and ${other.origin} are both set; set only one`;
  return new TtsctlError("CONFIG_INVALID", message, { hint });
}

const SOME_NODES = "list some of its nodes in [redis] nodes";
const ONE_NODE = "set the host and port of one node";

/** Checks settings that can't be together. Returns warnings. @throws TtsctlError CONFIG_INVALID for the first that is found */
export function checkRedis(redis: RedisSettings, { way, level }: RedisAddress): string[] {
  const { sentinels, sentinelName: name, cluster, nodes, db, socket, tls } = redis;
  const { tlsCa, tlsCert, tlsKey, tlsServerName } = redis;
  const heightOf = (source: Source) => [...LEVELS, "default"].indexOf(source);
  const [isCluster, isSentinel, isSocket] = [cluster.value, sentinels.value.length > 0, socket.value !== null];
  // A name at a lower level than the way was replaced with its sentinels.
  const isNameAlone = name.value !== null && way !== "sentinels" && heightOf(name.source) <= heightOf(level);
  const isKeyAlone = tls.value && tlsKey.value !== null && tlsCert.value === null;
  const needs = (option: string) => `accepted: together with [redis] ${option}`;
  const or = ({ origin }: Setting<unknown>) => `and ${origin} can't be used together; set only one`;
  const problems: [isWrong: boolean, setting: Setting<unknown>, what: string, hint?: string][] = [
    [isSentinel && name.value === null, sentinels, `is set without a name; ${needs("sentinel_name")}`],
    [isNameAlone, name, `is set without sentinels; ${needs("sentinels")}`],
    [!isCluster && nodes.value.length > 0, nodes, `names nodes of a cluster; ${needs("cluster = true")}`],
    [isCluster && db.value !== 0, db, `names db ${db.value}, but a cluster only has db 0 (${cluster.origin})`],
    [isCluster && isSentinel, cluster, or(sentinels), `a cluster doesn't use Sentinel; ${SOME_NODES}`],
    [isCluster && isSocket, cluster, or(socket), `a cluster can't be reached over a unix socket; ${ONE_NODE}`],
    [tls.value && isSocket, tls, or(socket), "TLS can't be used over a unix socket"],
    [isKeyAlone, tlsKey, `is set without a certificate; ${needs("tls_cert")}`],
  ];
  const [, setting, what, hint] = problems.find(([isWrong]) => isWrong) ?? [];
  if (setting !== undefined) throw new TtsctlError("CONFIG_INVALID", `${setting.origin} ${what}`, { hint });
  // Unless a higher level switches TLS off.
  const isIdle = ({ value, source }: Setting<string | null>) =>
    value !== null && heightOf(source) <= heightOf(tls.source);
  const idle = tls.value ? undefined : [tlsCa, tlsCert, tlsKey, tlsServerName].find(isIdle);
  const advice = "has no effect without TLS; set [redis] tls = true, or use rediss://";
  return idle === undefined ? [] : [`${idle.origin} ${advice}`];
}

/** Checks the files of a TLS connection, if one is in force. @throws TtsctlError CONFIG_INVALID */
export async function checkTlsFiles({ enabled, tls, tlsCa, tlsCert, tlsKey }: RedisSettings): Promise<void> {
  if (!enabled.value || !tls.value) return;
  if (tlsCa.value === null && tlsCert.value === null) return;
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const certificate = (pem: Buffer) => new X509Certificate(pem);
  await parsed(tlsCa, "a certificate in PEM", certificate);
  const shown = await parsed(tlsCert, "a certificate in PEM", certificate);
  if (shown === null) return;
  const keySetting = tlsKey.value === null ? tlsCert : tlsKey;
  const key = await parsed(keySetting, "a private key in PEM without a passphrase", createPrivateKey);
  if (key !== null && !shown.checkPrivateKey(key)) {
    const what = `${keySetting.origin} is not the key of the certificate that ${tlsCert.origin} names`;
    throw new TtsctlError("CONFIG_INVALID", what);
  }
}

async function parsed<T>({ value: path, origin }: Setting<string | null>, what: string, parse: (pem: Buffer) => T) {
  if (path === null) return null;
  const invalid = (why: string, cause: unknown) =>
    new TtsctlError("CONFIG_INVALID", `${origin}: ${path} ${why}`, { cause });
  const pem = await readFile(path).catch((cause) => {
    if (systemErrorCode(cause) === undefined) throw cause;
    throw invalid(`cannot be read: ${describeSystemError(cause)}`, cause);
  });
  try {
    return parse(pem);
  } catch (cause) {
    throw invalid(`isn't ${what}`, cause);
  }
}
