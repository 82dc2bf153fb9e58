import { dirname } from "node:path";
import { CONFIG_FILE, type SettingName } from "./defaults.ts";
import type { IniFile } from "./ini-file.ts";
import type { SettingFlags, Source } from "./settings.ts";

/** All that settings are resolved from. */
export interface SettingInputs {
  flags: SettingFlags;
  /** What a program gives, in place of flags; `origin` is how the program names it. */
  options?: ReadonlyMap<SettingName, { text: string; origin: string }>;
  env: Readonly<Record<string, string | undefined>>;
  file: IniFile | null;
  /** Absolute path of the file, null when there is none. */
  configPath: string | null;
  /** Absolute */
  cwd: string;
  /** Settings that are as if nobody gave them; none by default. */
  hidden?: (name: SettingName) => boolean;
}

/** A text that one level gives for a setting; a relative path in it starts at `folder`. */
export interface Given {
  text: string;
  source: Source;
  origin: string;
  folder: string;
}

/** The levels that can give a setting, highest first. */
export const LEVELS = ["flag", "env", "file"] as const;
export type Level = (typeof LEVELS)[number];

/** The variable of each setting that has one. */
export const VARIABLES: Readonly<Partial<Record<SettingName, string>>> = {
  "redis.enabled": "REDIS_ENABLED",
  "redis.host": "REDIS_HOST",
  "redis.port": "REDIS_PORT",
  "redis.db": "REDIS_DB",
  "redis.username": "REDIS_USERNAME",
  "redis.password": "REDIS_PASSWORD",
  "redis.url": "REDIS_URL",
  "redis.timeout": "REDIS_TIMEOUT",
  "redis.sentinels": "REDIS_SENTINELS",
  "redis.sentinel_name": "REDIS_SENTINEL_NAME",
  "redis.sentinel_username": "REDIS_SENTINEL_USERNAME",
  "redis.sentinel_password": "REDIS_SENTINEL_PASSWORD",
  "redis.cluster": "REDIS_CLUSTER",
  "redis.nodes": "REDIS_NODES",
  "redis.tls": "REDIS_TLS",
  "redis.tls_ca": "REDIS_TLS_CA",
  "redis.tls_cert": "REDIS_TLS_CERT",
  "redis.tls_key": "REDIS_TLS_KEY",
  "redis.tls_server_name": "REDIS_TLS_SERVER_NAME",
  "redis.layout": "REDIS_LAYOUT",
  "redis.prefix": "REDIS_PREFIX",
  "store.path": "TTSCTL_STORE",
  "paths.output": "TTSCTL_OUTPUT",
  "paths.logs": "TTSCTL_LOGS",
  "cleanup.retention": "TASK_RETENTION_SECONDS",
  "cleanup.stuck_after": "TTSCTL_STUCK_AFTER",
  "service.timezone": "TTSCTL_TIMEZONE",
  "audit.path": "TTSCTL_AUDIT",
  "http.host": "TTSCTL_HTTP_HOST",
  "http.port": "TTSCTL_HTTP_PORT",
  "http.token": "TTSCTL_HTTP_TOKEN",
  "http.base_path": "TTSCTL_HTTP_BASE_PATH",
  "http.allowed_hosts": "TTSCTL_HTTP_ALLOWED_HOSTS",
  "http.dialect": "TTSCTL_HTTP_DIALECT",
};

const FLAGS: Partial<Record<SettingName, readonly [string, (flags: SettingFlags) => string | undefined]>> = {
  "redis.enabled": ["--no-redis", (flags) => (flags.redis === false ? "false" : undefined)],
  "redis.url": ["--redis-url", (flags) => flags.redisUrl],
  "store.path": ["--store", (flags) => flags.store],
  "cleanup.retention": ["--retention", (flags) => flags.retention],
  // A retention that is given by hand is the whole policy for age.
  "cleanup.retention.done": ["--retention", (flags) => flags.retention],
  "cleanup.retention.error": ["--retention", (flags) => flags.retention],
  "cleanup.keep_last": ["--keep-last", (flags) => flags.keepLast],
  "cleanup.max_bytes": ["--max-bytes", (flags) => flags.maxBytes],
  "http.host": ["--host", (flags) => flags.host],
  "http.port": ["--port", (flags) => flags.port],
  "http.base_path": ["--base-path", (flags) => flags.basePath],
  "http.dialect": ["--dialect", (flags) => flags.dialect],
};

/** Options that mean "none" when they are left empty in the file, as they do when they are absent. */
const MAY_BE_EMPTY: readonly SettingName[] = [
  ...(["redis.username", "redis.password", "redis.url", "audit.path"] as const),
  ...(["redis.sentinels", "redis.sentinel_name", "redis.sentinel_username", "redis.sentinel_password"] as const),
  ...(["redis.nodes", "redis.tls_ca", "redis.tls_cert", "redis.tls_key", "redis.tls_server_name"] as const),
  ...(["http.token", "http.base_path", "http.allowed_hosts"] as const),
];

/** What a level gives for a setting, if it does. An option of the file that cannot be interpolated is a CONFIG_INVALID. */
export function givenAt(level: Level, name: SettingName, inputs: SettingInputs): Given | undefined {
  return inputs.hidden?.(name) ? undefined : READERS[level](name, inputs);
}

/** What the highest level that has the setting gives. Lower levels are not looked at. */
export function given(name: SettingName, inputs: SettingInputs): Given | undefined {
  for (const level of LEVELS) {
    const found = givenAt(level, name, inputs);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The folder that the relative paths of the file and of the defaults start at. */
export function homeFolder({ configPath, cwd }: SettingInputs): string {
  return configPath === null ? cwd : dirname(configPath);
}

const READERS: Record<Level, (name: SettingName, inputs: SettingInputs) => Given | undefined> = {
  flag: (name, { flags, options, cwd }) => {
    const option = options?.get(name);
    if (option !== undefined) return { ...option, source: "flag", folder: cwd };
    const [origin, read] = FLAGS[name] ?? [];
    const text = read?.(flags);
    return text === undefined || origin === undefined ? undefined : { text, source: "flag", origin, folder: cwd };
  },
  env: (name, { env, cwd }) => {
    const origin = VARIABLES[name];
    const text = origin && env[origin];
    // An empty variable is unset; an empty flag is a wrong value, as "$UNSET" in a script must not mean the default.
    return origin && text ? { text, source: "env", origin, folder: cwd } : undefined;
  },
  file: (name, inputs) => {
    const { section, option } = placeOf(name);
    const text = inputs.file?.get(section, option);
    if (text === undefined || (text === "" && MAY_BE_EMPTY.includes(name))) return undefined;
    const origin = `${inputs.configPath ?? CONFIG_FILE} [${section}] ${option}`;
    return { text, source: "file", origin, folder: homeFolder(inputs) };
  },
};

/** Where a setting stands in the file: the names of options may hold dots, those of our sections do not. */
export function placeOf(name: SettingName): { section: string; option: string } {
  const dot = name.indexOf(".");
  return { section: name.slice(0, dot), option: name.slice(dot + 1) };
}
