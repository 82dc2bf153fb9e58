import { TtsctlError } from "../errors.ts";
import { byDefault, chosen, settingOf } from "./choose.ts";
import { DEFAULTS, type SettingValues } from "./defaults.ts";
import { BOOLEAN, DATABASE, HOST, type Kind, kubernetesHint, PORT, REDIS_URL, read, SECRET, TIMEOUT } from "./kinds.ts";
import { type Given, givenAt, LEVELS, type Level, type SettingInputs } from "./levels.ts";
import type { RedisUrl } from "./redis-url.ts";
import type { RedisSettings, Setting } from "./settings.ts";

/** The settings that a url of the same or a higher level replaces. */
const PARTS = ["redis.host", "redis.port", "redis.db", "redis.username", "redis.password"] as const;
type Part = (typeof PARTS)[number];

/** The parts given above the url in force, and that url with where it stands. */
interface Address {
  parts: Map<Part, Given>;
  url: { given: Given; text: string; url: RedisUrl } | undefined;
}

/**
 * How Redis is reached (SPEC section 7): a url replaces host, port, db, username, password and TLS of all lower levels, its absent parts
 * included; a part of a higher level replaces that of the url. A url and a part of it at one level is a CONFIG_INVALID. What is replaced
 * is not looked at, so `--redis-url` helps where a variable is wrong.
 */
export function resolveRedis(inputs: SettingInputs, warnings: string[]): RedisSettings {
  const address = findAddress(inputs);
  if (address.url !== undefined) warnings.push(...ignoredParameters(address.url.given, address.url.url));
  return {
    enabled: chosen("redis.enabled", BOOLEAN, inputs),
    host: part(address, "redis.host", HOST, (url) => url.host),
    port: part(address, "redis.port", PORT, (url) => url.port),
    db: part(address, "redis.db", DATABASE, (url) => url.db),
    username: part(address, "redis.username", SECRET, (url) => url.username),
    password: part(address, "redis.password", SECRET, (url) => url.password),
    url: address.url ? settingOf(address.url.given, address.url.text) : byDefault(null),
    tls: fromUrl(address, (url) => url.tls, false),
    socket: fromUrl(address, (url) => (replacesSocket(address) ? null : url.socket), null),
    timeout: chosen("redis.timeout", TIMEOUT, inputs),
  };
}

/** Goes down the levels, as far as the first one with a url. */
function findAddress(inputs: SettingInputs): Address {
  const parts = new Map<Part, Given>();
  for (const level of LEVELS) {
    const url = givenAt(level, "redis.url", inputs);
    const here = partsAt(level, inputs);
    if (url !== undefined) return { parts, url: urlAt(url, here) };
    for (const [name, value] of here) if (!parts.has(name)) parts.set(name, value);
  }
  return { parts, url: undefined };
}

function partsAt(level: Level, inputs: SettingInputs): [Part, Given][] {
  return PARTS.flatMap((name) => {
    const found = givenAt(level, name, inputs);
    return found === undefined ? [] : [[name, found] as [Part, Given]];
  });
}

function urlAt(url: Given, parts: [Part, Given][]): Address["url"] {
  if (parts.length === 0) return { given: url, ...read(REDIS_URL, url) };
  const [, other] = parts.find(([, value]) => kubernetesHint(value)) ?? parts[0];
  const hint = kubernetesHint(other) ?? "The url holds host, port, db, username and password: keep it, or them.";
  throw new TtsctlError("CONFIG_INVALID", `${url.origin} and ${other.origin} are both set; accepted: one of them`, {
    hint,
  });
}

/** A part of the address from above the url, else from the url, whose absent parts are defaults. */
function part<N extends Part>(
  address: Address,
  name: N,
  kind: Kind<SettingValues[N]>,
  ofUrl: (url: RedisUrl) => SettingValues[N] | null,
): Setting<SettingValues[N]> {
  const own = address.parts.get(name);
  return own
    ? settingOf(own, read(kind, own))
    : fromUrl(address, (url) => ofUrl(url) ?? DEFAULTS[name], DEFAULTS[name]);
}

function fromUrl<T>({ url }: Address, ofUrl: (url: RedisUrl) => T, otherwise: T): Setting<T> {
  return url ? settingOf(url.given, ofUrl(url.url)) : byDefault(otherwise);
}

/** A host or port of a higher level asks for TCP, so the socket of the url is not what is meant. */
function replacesSocket({ parts }: Address): boolean {
  return parts.has("redis.host") || parts.has("redis.port");
}

function ignoredParameters({ origin }: Given, { ignored }: RedisUrl): string[] {
  return ignored.map((name) => `${origin}: ttsctl does not use the parameter ${name}`);
}
