import { loadSettings } from "../config/load.ts";
import { libraryOptionsOf, rowOf, SETTING_NAMES, type SettingName, type Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import { groupedBy } from "../pool.ts";
import { checkOptions } from "./arguments.ts";
import type { StoreOptions } from "./types.ts";

const GIVEN = SETTING_NAMES.flatMap((name) => libraryOptionsOf(name).map((option) => ({ option, name })));
const GIVEN_BY = groupedBy(GIVEN, ({ option }) => option);

const OTHERS = ["config", "logger", "clock"];
const OPTIONS = [...[...GIVEN_BY.keys()].filter((name) => !name.includes(".")), ...OTHERS];

/** The settings of a store: options over `config` over defaults; no environment, no search. @throws TtsctlError USAGE, CONFIG_* */
export async function settingsOf(options: StoreOptions): Promise<Settings> {
  checkOptions(options, "openTaskStore: the options", OPTIONS);
  const { config, redis, retention, logger, clock, ...plain } = options;
  if (config !== undefined && typeof config !== "string") throw wrong("config", "a string");
  if (logger !== undefined && (typeof logger?.info !== "function" || typeof logger.warn !== "function")) {
    throw wrong("logger", "an object with the functions info(message) and warn(message), such as console");
  }
  if (clock !== undefined && typeof clock?.now !== "function") {
    throw wrong("clock", "an object with the function now(), such as Date");
  }
  const isOne = typeof retention !== "object" || retention === null;
  const ofRetention = isOne ? Object.entries({ retention }) : partsOf("retention", retention);
  const all = [...Object.entries(plain), ...redisOptions(redis), ...ofRetention];
  const given = all.filter(([, value]) => value !== undefined);
  checkOptions(Object.fromEntries(given), "openTaskStore", [...GIVEN_BY.keys(), ...OTHERS]);
  const flagged = { flags: { config }, options: new Map(given.flatMap(settingsGiven)) };
  const settings = await loadSettings({ ...flagged, env: {}, cwd: process.cwd() });
  // The Redis at the default address may belong to another service.
  if (redis === undefined && Object.values(settings.redis).every(({ source }) => source === "default")) {
    settings.redis.enabled.value = false;
  }
  if (config === undefined && settings.store.path.source === "default") {
    const hint = "name the store file, or a config.ini that names it";
    throw new TtsctlError("CONFIG_REQUIRED", "openTaskStore: neither store nor config is given", { hint });
  }
  return settings;
}

function partsOf(name: string, value: object): [string, unknown][] {
  return Object.entries(value).map(([part, given]) => [`${name}.${part}`, given]);
}

function redisOptions(redis: unknown): [string, unknown][] {
  if (redis === "off") return [["redis", "false"]];
  if (redis === undefined || typeof redis === "string") return [["redis.url", redis]];
  if (typeof redis !== "object" || redis === null) throw wrong("redis", 'a url, an object, or "off"');
  return partsOf("redis", redis);
}

function settingsGiven([option, value]: [string, unknown]): [SettingName, { text: string; origin: string }][] {
  const names = GIVEN_BY.get(option)!.map(({ name }) => name);
  const accepted = rowOf(names[0]!).kind.literal ?? "string";
  if (typeof value !== "string" && typeof value !== accepted) throw wrong(option, `a ${accepted}`);
  return names.map((name) => [name, { text: String(value), origin: `openTaskStore ${option}` }]);
}

function wrong(option: string, accepted: string): TtsctlError {
  return new TtsctlError("USAGE", `openTaskStore: ${option} is invalid; accepted: ${accepted}`);
}
