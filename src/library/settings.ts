import type { SettingName } from "../config/defaults.ts";
import { loadSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import { nearest } from "../task/nearest.ts";
import { checkOptions } from "./arguments.ts";
import type { Logger, StoreOptions } from "./types.ts";

/** The settings that an option gives. */
const NAMES: Readonly<Record<string, readonly SettingName[]>> = {
  store: ["store.path"],
  timezone: ["service.timezone"],
  output: ["paths.output"],
  logs: ["paths.logs"],
  // A retention that is given by hand is the whole policy for age, as the flag is.
  retention: ["cleanup.retention", "cleanup.retention.done", "cleanup.retention.error"],
  redis: ["redis.enabled"], // where it is "off"
  "retention.default": ["cleanup.retention"],
  "retention.done": ["cleanup.retention.done"],
  "retention.error": ["cleanup.retention.error"],
  keepLast: ["cleanup.keep_last"],
  maxBytes: ["cleanup.max_bytes"],
  "redis.url": ["redis.url"],
  "redis.host": ["redis.host"],
  "redis.port": ["redis.port"],
  "redis.db": ["redis.db"],
  "redis.username": ["redis.username"],
  "redis.password": ["redis.password"],
  "redis.timeout": ["redis.timeout"],
  "redis.sentinels": ["redis.sentinels"],
  "redis.sentinelName": ["redis.sentinel_name"],
  "redis.sentinelUsername": ["redis.sentinel_username"],
  "redis.sentinelPassword": ["redis.sentinel_password"],
  "redis.cluster": ["redis.cluster"],
  "redis.nodes": ["redis.nodes"],
  "redis.tls": ["redis.tls"],
  "redis.tlsCa": ["redis.tls_ca"],
  "redis.tlsCert": ["redis.tls_cert"],
  "redis.tlsKey": ["redis.tls_key"],
  "redis.tlsServerName": ["redis.tls_server_name"],
  "redis.layout": ["redis.layout"],
  "redis.prefix": ["redis.prefix"],
};

const NUMBERS = [
  "retention",
  "retention.default",
  "retention.done",
  "retention.error",
  "keepLast",
  "maxBytes",
  "redis.port",
  "redis.db",
  "redis.timeout",
];
const BOOLEANS = ["redis.cluster", "redis.tls"];
const OTHERS = ["config", "logger", "clock"];
const OPTIONS = [...Object.keys(NAMES).filter((name) => !name.includes(".")), ...OTHERS];

/**
 * The settings of a store (SPEC section 7): options over `config`, where that is named, over defaults. The environment is
 * not looked at, and no file is looked for.
 * @throws TtsctlError USAGE, CONFIG_INVALID, CONFIG_NOT_FOUND, CONFIG_REQUIRED where no store is named
 */
export async function settingsOf(options: StoreOptions): Promise<Settings> {
  checkOptions(options, "openTaskStore: the options", OPTIONS);
  const { config, redis, retention, logger, clock, ...plain } = options;
  const given = new Map<string, unknown>(Object.entries(plain).filter(isGiven));
  if (config !== undefined && typeof config !== "string") throw wrong("config", "a string");
  if (logger !== undefined) checkLogger(logger);
  if (clock !== undefined && typeof clock?.now !== "function") {
    throw wrong("clock", "an object with the function now(), such as Date");
  }
  for (const [name, value] of [...redisOptions(redis), ...retentionOptions(retention)]) given.set(name, value);
  const settings = await loadSettings({
    flags: { config },
    options: new Map([...given].flatMap(settingsGiven)),
    ...{ env: {}, cwd: process.cwd() },
  });
  // The default address may be another service's: a program says which Redis it means.
  if (redis === undefined && Object.values(settings.redis).every(({ source }) => source === "default")) {
    settings.redis.enabled = { ...settings.redis.enabled, value: false };
  }
  if (config === undefined && settings.store.path.source === "default") {
    throw new TtsctlError("CONFIG_REQUIRED", "openTaskStore: neither store nor config is given", {
      hint: "name the store file, or a config.ini that names it",
    });
  }
  return settings;
}

function redisOptions(redis: StoreOptions["redis"]): [string, unknown][] {
  if (redis === undefined) return [];
  if (redis === "off") return [["redis", "false"]];
  if (typeof redis === "string") return [["redis.url", redis]];
  if (typeof redis !== "object" || redis === null) throw wrong("redis", 'a url, an object, or "off"');
  return Object.entries(redis)
    .filter(isGiven)
    .map(([name, value]) => [`redis.${name}`, value]);
}

function checkLogger(logger: unknown): void {
  const { info, warn } = (logger ?? {}) as Partial<Logger>;
  if (typeof info === "function" && typeof warn === "function") return;
  throw wrong("logger", "an object with the functions info(message) and warn(message), such as console");
}

function isGiven([, value]: [string, unknown]): boolean {
  return value !== undefined;
}

function retentionOptions(retention: StoreOptions["retention"]): [string, unknown][] {
  if (retention === undefined) return [];
  if (typeof retention !== "object" || retention === null) return [["retention", retention]];
  return Object.entries(retention)
    .filter(isGiven)
    .map(([name, value]) => [`retention.${name}`, value]);
}

/** What an option gives, as text, for that is what settings are read from. */
function settingsGiven([option, value]: [string, unknown]): [SettingName, { text: string; origin: string }][] {
  const names = Object.hasOwn(NAMES, option) ? NAMES[option] : undefined;
  if (names === undefined) throw unknown(option);
  const accepted = NUMBERS.includes(option) ? "number" : BOOLEANS.includes(option) ? "boolean" : "string";
  if (typeof value !== "string" && typeof value !== accepted) throw wrong(option, `a ${accepted}`);
  return names.map((name) => [name, { text: String(value), origin: `openTaskStore ${option}` }]);
}

function unknown(option: string): TtsctlError {
  const accepted = [...Object.keys(NAMES), ...OTHERS];
  const like = nearest(option, accepted);
  return new TtsctlError("USAGE", `openTaskStore: there is no option ${JSON.stringify(option)}`, {
    hint: `${like.length === 0 ? "" : `did you mean ${like.join(" or ")}? `}accepted: ${accepted.join(", ")}`,
  });
}

function wrong(option: string, accepted: string): TtsctlError {
  return new TtsctlError("USAGE", `openTaskStore: ${option} is wrong; accepted: ${accepted}`);
}
