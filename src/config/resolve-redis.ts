import { byDefault, chosen, chosenPath, settingOf } from "./choose.ts";
import { DEFAULTS, type SettingValues } from "./defaults.ts";
import { BOOLEAN, DATABASE, HOST, type Kind, PORT, read, SECRET, TIMEOUT } from "./kinds.ts";
import type { Given, SettingInputs } from "./levels.ts";
import { findAddress, type Part, type RedisAddress } from "./redis-address.ts";
import { checkRedis } from "./redis-conflicts.ts";
import { ADDRESSES, LAYOUT, NAME, PREFIX } from "./redis-kinds.ts";
import type { RedisUrl } from "./redis-url.ts";
import type { RedisSettings, Setting } from "./settings.ts";

/**
 * How Redis is reached (SPEC sections 7 and 10): a url replaces host, port, sentinels, nodes, db, username, password and TLS of all
 * lower levels, its absent parts included; a part of a higher level replaces that of the url. A url and a part of it at one
 * level is a CONFIG_INVALID, as is what cannot be together (redis-conflicts.ts).
 */
export function resolveRedis(inputs: SettingInputs, warnings: string[]): RedisSettings {
  const address = findAddress(inputs);
  if (address.url !== undefined) warnings.push(...ignoredParameters(address.url.given, address.url.url));
  const redis: RedisSettings = {
    enabled: chosen("redis.enabled", BOOLEAN, inputs),
    ...placeOf(address),
    db: part(address, "redis.db", DATABASE, (url) => url.db),
    username: part(address, "redis.username", SECRET, (url) => url.username),
    password: part(address, "redis.password", SECRET, (url) => url.password),
    url: address.url ? settingOf(address.url.given, address.url.text) : byDefault(null),
    cluster: chosen("redis.cluster", BOOLEAN, inputs),
    ...tlsOf(address, inputs),
    layout: chosen("redis.layout", LAYOUT, inputs),
    prefix: chosen("redis.prefix", PREFIX, inputs),
    timeout: chosen("redis.timeout", TIMEOUT, inputs),
  };
  checkRedis(redis, address, warnings);
  return redis;
}

type PlaceName =
  | ("host" | "port" | "socket" | "nodes")
  | ("sentinels" | "sentinelName" | "sentinelUsername" | "sentinelPassword");

/** Of the ways to say where Redis is, the one in force; the others are as if nobody gave them. */
function placeOf(address: RedisAddress): Pick<RedisSettings, PlaceName> {
  const { way } = address;
  const isHost = way === "tcp" || way === "url";
  return {
    host: isHost ? part(address, "redis.host", HOST, (url) => url.host) : byDefault(DEFAULTS["redis.host"]),
    port: isHost ? part(address, "redis.port", PORT, (url) => url.port) : byDefault(DEFAULTS["redis.port"]),
    socket: fromUrl(address, (url) => (way === "url" ? url.socket : null), null),
    nodes: way === "nodes" ? own(address, "redis.nodes", ADDRESSES) : byDefault([]),
    sentinels: way === "sentinels" ? own(address, "redis.sentinels", ADDRESSES) : byDefault([]),
    sentinelName: own(address, "redis.sentinel_name", NAME),
    sentinelUsername: own(address, "redis.sentinel_username", SECRET),
    sentinelPassword: own(address, "redis.sentinel_password", SECRET),
  };
}

type TlsName = "tls" | "tlsCa" | "tlsCert" | "tlsKey" | "tlsServerName";

/** Whom this machine trusts and who it is stays, whatever url is given. */
function tlsOf(address: RedisAddress, inputs: SettingInputs): Pick<RedisSettings, TlsName> {
  return {
    tls: part(address, "redis.tls", BOOLEAN, (url) => url.tls),
    tlsCa: chosenPath("redis.tls_ca", inputs),
    tlsCert: chosenPath("redis.tls_cert", inputs),
    tlsKey: chosenPath("redis.tls_key", inputs),
    tlsServerName: own(address, "redis.tls_server_name", HOST),
  };
}

/** A part of the address from above the url, else from the url, whose absent parts are defaults. */
function part<N extends Part>(
  address: RedisAddress,
  name: N,
  kind: Kind<SettingValues[N]>,
  ofUrl: (url: RedisUrl) => SettingValues[N] | null,
): Setting<SettingValues[N]> {
  if (address.parts.has(name)) return own(address, name, kind);
  return fromUrl(address, (url) => ofUrl(url) ?? DEFAULTS[name], DEFAULTS[name]);
}

/** What is in no url. */
function own<N extends Part>(
  { parts }: RedisAddress,
  name: N,
  kind: Kind<SettingValues[N]>,
): Setting<SettingValues[N]> {
  const given = parts.get(name);
  return given === undefined ? byDefault(DEFAULTS[name]) : settingOf(given, read(kind, given));
}

function fromUrl<T>({ url }: RedisAddress, ofUrl: (url: RedisUrl) => T, otherwise: T): Setting<T> {
  return url ? settingOf(url.given, ofUrl(url.url)) : byDefault(otherwise);
}

function ignoredParameters({ origin }: Given, { ignored }: RedisUrl): string[] {
  return ignored.map((name) => `${origin}: ttsctl does not use the parameter ${name}`);
}
