import { TtsctlError } from "../errors.ts";
import { kubernetesHint, REDIS_URL, read } from "./kinds.ts";
import { type Given, givenAt, LEVELS, type Level, type SettingInputs } from "./levels.ts";
import type { RedisUrl } from "./redis-url.ts";

/** What a url of a higher level replaces, and what cannot stand beside one at its level. */
const PARTS = [
  ...(["redis.host", "redis.port", "redis.sentinels", "redis.nodes"] as const),
  ...(["redis.db", "redis.username", "redis.password", "redis.tls"] as const),
] as const;

/** What a url of a higher level replaces too, for it belongs to another place; beside one it may stand. */
const COMPANIONS = [
  ...(["redis.tls_server_name", "redis.sentinel_name"] as const),
  ...(["redis.sentinel_username", "redis.sentinel_password"] as const),
] as const;

export type Part = (typeof PARTS)[number] | (typeof COMPANIONS)[number];

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
  readonly url: { readonly given: Given; readonly text: string; readonly url: RedisUrl } | undefined;
  readonly way: Way;
  /** At which the way was chosen; undefined for the default. */
  readonly level: Level | undefined;
}

/**
 * Goes down the levels, as far as the first one with a url. Host and port, sentinels, nodes and a url are ways to say one
 * thing: the highest level that says it counts, and two of them at that level are a CONFIG_INVALID. What is replaced is not
 * looked at, so that `--redis-url` helps where a variable is wrong.
 */
export function findAddress(inputs: SettingInputs): RedisAddress {
  const parts = new Map<Part, Given>();
  for (const level of LEVELS) {
    const url = givenAt(level, "redis.url", inputs);
    const here = givenOf(PARTS, level, inputs);
    for (const [name, value] of [...here, ...givenOf(COMPANIONS, level, inputs)]) {
      if (!parts.has(name)) parts.set(name, value);
    }
    if (url === undefined) continue;
    if (here.size > 0) throw bothSet([url, ...here.values()]);
    return { parts, url: { given: url, ...read(REDIS_URL, url) }, ...(wayIn(parts) ?? { way: "url", level }) };
  }
  return { parts, url: undefined, ...(wayIn(parts) ?? { way: "default", level: undefined }) };
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
