import { dirname, resolve } from "node:path";
import { TtsctlError } from "../errors.ts";
import { quoted } from "../printable.ts";
import { formatDuration } from "../task/amounts.ts";
import { camelCase } from "../task/query-fields.ts";
import { maskSuspect } from "./address.ts";
import type { IniFile } from "./ini-file.ts";
import * as kinds from "./kinds.ts";
import { type Kind, PATH, REDIS_URL } from "./kinds.ts";

type Giver = readonly [name: string, help?: string];

interface SettingRow<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  /** With what `help environment` prints of it. */
  readonly env?: Giver | null;
  /** As commander declares it; without a help it is another setting's flag too. */
  readonly flag?: Giver;
  /** Options of `openTaskStore`; without it those of `[redis]` are `redis.{option}`, and others have none. */
  readonly library?: readonly string[];
  /** Without it, an empty value in the file means the default, if that is nothing. */
  readonly refusesEmpty?: boolean;
}

function row<T, D extends string | number | boolean | null | readonly never[]>(
  kind: Kind<T>,
  fallback: D,
  env: Giver | null,
  more: Pick<SettingRow<T>, "flag" | "library" | "refusesEmpty"> = {},
): SettingRow<T | D> {
  return { kind: kind as Kind<T | D>, default: fallback, env, ...more };
}

const RETENTION_FLAG = "--retention <age>";
const retentionOf = (status: string) => {
  const more = { flag: [RETENTION_FLAG], library: ["retention", `retention.${status}`], refusesEmpty: true } as const;
  return row(kinds.STATUS_RETENTION, null, null, more);
};
const RETENTION_VARIABLE: Giver = ["TASK_RETENTION_SECONDS", "the retention of cleanup"];
const MAX_BYTES = "such as 20GB: purge the oldest finished tasks until the rest fits, instead of [cleanup] max_bytes";
const STUCK_AFTER: Giver = ["TTSCTL_STUCK_AFTER", "the age from which an unfinished task is stuck"];

/** The options of config.ini, by section and name. Durations are seconds; relative default paths start beside config.ini. */
const SETTINGS = {
  "redis.enabled": row(kinds.BOOLEAN, true, ["REDIS_ENABLED", "false: only the store file"], {
    flag: ["--no-redis", "use only the store file"],
    library: ["redis"], // if it is "off"
  }),
  "redis.host": row(kinds.HOST, "127.0.0.1", ["REDIS_HOST", "the host of Redis"]),
  "redis.port": row(kinds.PORT, 6379, ["REDIS_PORT", "its port"]),
  "redis.db": row(kinds.DATABASE, 0, ["REDIS_DB", "the number of the database"]),
  "redis.username": row(kinds.TEXT, null, ["REDIS_USERNAME", "the user to log in as"]),
  "redis.password": row(kinds.PASSWORD, null, ["REDIS_PASSWORD", "its password"]),
  "redis.url": row(kinds.REDIS_URL, null, ["REDIS_URL", "instead of host, port, db, login and TLS"], {
    flag: ["--redis-url <url>", "redis://, rediss:// or unix://, instead of the address in [redis]"],
  }),
  "redis.timeout": row(kinds.TIMEOUT, 2, ["REDIS_TIMEOUT", "how long to wait for Redis, such as 2s"]),
  /** Asked for the primary `sentinel_name`, instead of host and port. */
  "redis.sentinels": row(kinds.ADDRESSES, [], ["REDIS_SENTINELS", "host:port, ..., instead of host and port"]),
  "redis.sentinel_name": row(kinds.NAME, null, ["REDIS_SENTINEL_NAME", "the name of the primary"]),
  "redis.sentinel_username": row(kinds.TEXT, null, ["REDIS_SENTINEL_USERNAME", "the login at the Sentinels"]),
  "redis.sentinel_password": row(kinds.PASSWORD, null, ["REDIS_SENTINEL_PASSWORD", "its password"]),
  "redis.cluster": row(kinds.BOOLEAN, false, ["REDIS_CLUSTER", "true: Redis Cluster"]),
  /** Instead of host and port; empty: those are a node. */
  "redis.nodes": row(kinds.ADDRESSES, [], ["REDIS_NODES", "its nodes host:port, ..., instead of host and port"]),
  "redis.tls": row(kinds.BOOLEAN, false, ["REDIS_TLS", "true: over TLS"]),
  "redis.tls_ca": row(kinds.PATH, null, ["REDIS_TLS_CA", "PEM file: the authorities to trust"]),
  "redis.tls_cert": row(kinds.PATH, null, ["REDIS_TLS_CERT", "PEM file: the client's certificate"]),
  "redis.tls_key": row(kinds.PATH, null, ["REDIS_TLS_KEY", "PEM file: its key"]),
  "redis.tls_server_name": row(kinds.HOST, null, ["REDIS_TLS_SERVER_NAME", "the name in the server's certificate"]),
  "redis.layout": row(kinds.LAYOUT, "plain", ["REDIS_LAYOUT", kinds.LAYOUT.accepted]),
  "redis.prefix": row(kinds.PREFIX, "", ["REDIS_PREFIX", "precedes each key, such as staging:"], {
    refusesEmpty: true,
  }),
  "store.path": row(kinds.PATH, "voice_task.json", ["TTSCTL_STORE", "the store file"], {
    flag: ["--store <file>", "the store file, instead of [store] path"],
    library: ["store"],
  }),
  "paths.output": row(kinds.PATH, "output", ["TTSCTL_OUTPUT", "the directory of audio"], { library: ["output"] }),
  "paths.logs": row(kinds.PATH, "Logs", ["TTSCTL_LOGS", "the directory of logs"], { library: ["logs"] }),
  "paths.shared": row(kinds.BOOLEAN, false, null, {}),
  "cleanup.retention": row(kinds.SERVICE_RETENTION, 7 * 86_400, RETENTION_VARIABLE, {
    flag: [RETENTION_FLAG, `for every status, instead of [cleanup] retention: ${kinds.RETENTION.accepted}`],
    library: ["retention", "retention.default"],
  }),
  /** Null: as `retention`. A flag is the whole policy for age. */
  "cleanup.retention.done": retentionOf("done"),
  "cleanup.retention.error": retentionOf("error"),
  "cleanup.keep_last": row(kinds.COUNT, 0, null, {
    flag: ["--keep-last <n>", "keep the newest n finished tasks of each user, instead of [cleanup] keep_last"],
    library: ["keepLast"],
  }),
  "cleanup.max_bytes": row(kinds.BYTES, 0, null, { flag: ["--max-bytes <size>", MAX_BYTES], library: ["maxBytes"] }),
  "cleanup.stuck_after": row(kinds.STUCK_AFTER, 86_400, STUCK_AFTER),
  /** Null: the zone of the machine. */
  "service.timezone": row(kinds.TIMEZONE, null, ["TTSCTL_TIMEZONE", "the zone of times without an offset"], {
    library: ["timezone"],
    refusesEmpty: true,
  }),
  "audit.path": row(kinds.PATH, null, ["TTSCTL_AUDIT", "the ledger"]),
  "http.host": row(kinds.HOST, "127.0.0.1", ["TTSCTL_HTTP_HOST", "where serve listens"], {
    flag: ["--host <address>", "where to listen, instead of [http] host; an address that others reach needs a token"],
  }),
  "http.port": row(kinds.LISTEN_PORT, 9883, ["TTSCTL_HTTP_PORT", "its port; 0 for any free one"], {
    flag: ["--port <n>", "instead of [http] port; 0 for any free one"],
  }),
  "http.token": row(kinds.TOKEN, null, ["TTSCTL_HTTP_TOKEN", "the token that clients send"]),
  "http.base_path": row(kinds.BASE_PATH, "", ["TTSCTL_HTTP_BASE_PATH", "the path prefix behind a proxy"], {
    flag: ["--base-path <path>", "the path prefix behind a proxy, such as /tts"],
  }),
  /** The service whose requests and answers the task endpoints use. */
  "http.dialect": row(kinds.DIALECT, "plain", ["TTSCTL_HTTP_DIALECT", kinds.DIALECT.accepted], {
    flag: ["--dialect <name>", "plain, or api_ms: requests and answers of the GPT-SoVITS API service"],
  }),
  "http.cleanup": row(kinds.BOOLEAN, false, ["TTSCTL_HTTP_CLEANUP", "true: serve also purges expired tasks"], {
    flag: ["--cleanup", "purge expired tasks as cleanup --watch does, instead of [http] cleanup"],
  }),
  /** Names besides its own, in lower case. */
  "http.allowed_hosts": row(kinds.HOSTS, [], ["TTSCTL_HTTP_ALLOWED_HOSTS", "host names that clients may use"]),
};

/** `section.option`, as `config` shows it. */
export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** The file that is looked for in the working folder, and the variable that names another. */
export const CONFIG_FILE = "config.ini";
export const CONFIG_VARIABLE = "TTSCTL_CONFIG";

/** The flag values of commander by attribute, settings among them; `redis` is false for `--no-redis`. */
export type SettingFlags = Readonly<Record<string, unknown>>;

export type Source = "flag" | "env" | "file" | "default";

/** One value in force; `origin` names its place for people: `--redis-url`, `REDIS_PORT`, `/x/config.ini [redis] port`, `default`. */
export type Setting<T> = { value: T; source: Source; origin: string };

type Camel<S extends string> = S extends `${infer A}_${infer B}`
  ? `${A}${Capitalize<Camel<B>>}`
  : S extends `${infer A}.${infer B}`
    ? `${A}${Capitalize<Camel<B>>}`
    : S;

/** The settings of a section: `[redis] tls_ca` is `tlsCa`. */
type SectionOf<S extends string> = {
  [N in SettingName as N extends `${S}.${infer Option}` ? Camel<Option> : never]: Setting<
    (typeof SETTINGS)[N]["default"]
  >;
};

export type CleanupSettings = SectionOf<"cleanup">;

/** How Redis is reached. The parts of a `url` override all others, except those from a higher level (environment, flags). */
export interface RedisSettings extends SectionOf<"redis"> {
  /** The path of a unix socket, which takes the place of host and port; only a url names one. */
  socket: Setting<string | null>;
}

/** The settings in force (docs/contract.md, Configuration). Paths are absolute, durations are seconds. */
export interface Settings extends Sections {
  configPath: string | null;
  redis: RedisSettings;
  warnings: string[];
  /** Warnings for commands that change tasks: for a read, an option without effect doesn't matter. */
  changeWarnings: string[];
}

type Sections = { [S in "store" | "paths" | "cleanup" | "service" | "audit" | "http"]: SectionOf<S> };

export function rowOf(name: SettingName): SettingRow<unknown> {
  return SETTINGS[name];
}

export function defaultText(name: SettingName): string {
  const { kind, default: value } = rowOf(name);
  const isDuration = ([kinds.SERVICE_RETENTION, kinds.STUCK_AFTER, kinds.TIMEOUT] as unknown[]).includes(kind);
  return isDuration && value !== null ? formatDuration(value as number) : String(value ?? "");
}

export function libraryOptionsOf(name: SettingName): readonly string[] {
  const { section, key } = placeOf(name);
  return rowOf(name).library ?? (section === "redis" ? [`redis.${key}`] : []);
}

/** Where a setting is in the file, and in `Settings`: names of options may have dots, those of sections don't. */
export function placeOf(name: SettingName): { section: string; option: string; key: string } {
  const dot = name.indexOf(".");
  const option = name.slice(dot + 1);
  return { section: name.slice(0, dot), option, key: camelCase(option) };
}

type Described = string | number | boolean | null;

/** The settings as `config -o json` prints them: parsed values, seconds, absolute paths; a secret is `***`. */
export function describeSettings(settings: Settings): Record<SettingName, { value: Described; source: Source }> {
  const sections = settings as unknown as Record<string, Record<string, Setting<Described>>>;
  const described = SETTING_NAMES.map((name) => {
    const { section, key } = placeOf(name);
    const { value, source } = sections[section]![key]!;
    const { isSecret, shown = (as: unknown) => as } = rowOf(name).kind;
    return [name, { value: value === null ? null : isSecret ? "***" : shown(value), source }];
  });
  return Object.fromEntries(described);
}

export interface SettingInputs {
  flags: SettingFlags;
  /** A program's options, in place of flags; `origin` is the program's name for one. */
  options?: ReadonlyMap<SettingName, { text: string; origin: string }>;
  env: Readonly<Record<string, string | undefined>>;
  file: IniFile | null;
  cwd: string;
  hidden?: (name: SettingName) => boolean;
}

/** A text that one level gives for a setting; a relative path in it starts at `folder`. */
export type Given = { text: string; source: Source; origin: string; folder: string };

/** The levels that can give a setting, highest first. */
export const LEVELS = ["flag", "env", "file"] as const;
type Level = (typeof LEVELS)[number];

const READERS: Record<Level, (name: SettingName, inputs: SettingInputs) => Given | undefined> = {
  flag: (name, { flags, options, cwd }) => {
    const option = options?.get(name);
    if (option !== undefined) return { ...option, source: "flag", folder: cwd };
    const [, origin, no, attribute] = /^(--(no-)?(\S*))/.exec(rowOf(name).flag?.[0] ?? "") ?? [];
    if (origin === undefined) return undefined;
    const value = flags[camelCase(attribute!)];
    const text = typeof value === "boolean" && (value === false || !no) ? String(value) : value;
    return typeof text === "string" ? { text, source: "flag", origin, folder: cwd } : undefined;
  },
  env: (name, { env, cwd }) => {
    const origin = rowOf(name).env?.[0] ?? "";
    // An empty variable is unset; an empty flag is a wrong value, as "$UNSET" in a script must not mean the default.
    return env[origin] ? { text: env[origin], source: "env", origin, folder: cwd } : undefined;
  },
  file: (name, inputs) => {
    const { section, option } = placeOf(name);
    const { default: fallback, refusesEmpty } = rowOf(name);
    const mayBeEmpty = !refusesEmpty && String(fallback ?? "") === "";
    const text = inputs.file?.get(section, option);
    if (text === undefined || (text === "" && mayBeEmpty)) return undefined;
    return { text, source: "file", origin: `${inputs.file!.path} [${section}] ${option}`, folder: homeFolder(inputs) };
  },
};

/** A level's value for a setting, if any. An option of the file that cannot be interpolated is a CONFIG_INVALID. */
export function givenAt(level: Level, name: SettingName, inputs: SettingInputs): Given | undefined {
  return inputs.hidden?.(name) ? undefined : READERS[level](name, inputs);
}

/** The value of the highest level that gives the setting, or its default. A wrong value is a CONFIG_INVALID. */
export function chosen(name: SettingName, inputs: SettingInputs): Setting<unknown> {
  const given = givenFor(name, inputs);
  return given === undefined ? byDefault(name, homeFolder(inputs)) : settingOf(name, given);
}

export function givenFor(name: SettingName, inputs: SettingInputs): Given | undefined {
  return LEVELS.reduce<Given | undefined>((given, level) => given ?? givenAt(level, name, inputs), undefined);
}

/** The setting that a level gives. A wrong value is a CONFIG_INVALID that names its source, the text and what is accepted. */
export function settingOf(name: SettingName, given: Given): Setting<unknown> {
  const { kind } = rowOf(name);
  const { text, source, origin, folder } = given;
  const value = kind.parse(text);
  if (value === undefined) {
    const hasUrl = kind === REDIS_URL || text.includes("@") || text.includes("://"); // also in place of a host
    const shown = kind.isSecret ? "the value (hidden)" : quoted(hasUrl ? maskSuspect(text) : text);
    const message = `${origin}: ${shown} is invalid; accepted: ${kind.accepted}`;
    throw new TtsctlError("CONFIG_INVALID", message, { hint: kubernetesHint(given) });
  }
  const misread = source === "file" || source === "env" ? kind.misread?.(text) : undefined;
  if (misread !== undefined) throw new TtsctlError("CONFIG_INVALID", `${origin}: ${quoted(text)}: ${misread}`);
  return { value: kind === PATH ? resolve(folder, value as string) : value, source, origin };
}

export function byDefault(name: SettingName, folder = ""): Setting<unknown> {
  const { kind, default: value } = rowOf(name);
  const isPath = kind === PATH && typeof value === "string";
  return { value: isPath ? resolve(folder, value) : value, source: "default", origin: "default" };
}

/** The remedy if this is the variable that Kubernetes sets for a Service named redis. */
export function kubernetesHint({ origin, text }: Given): string | undefined {
  if (origin !== "REDIS_PORT" || !text.includes("://")) return undefined;
  return "Kubernetes sets REDIS_PORT for a Service named redis: set it to the port in the pod, or set enableServiceLinks: false there.";
}

/** The folder that the relative paths of the file and of the defaults start at. */
function homeFolder({ file, cwd }: SettingInputs): string {
  return file === null ? cwd : dirname(file.path);
}
