import type { LayoutName } from "../task/layouts.ts";
import type { Address } from "./address.ts";

/** Where a value came from, highest first. */
export type Source = "flag" | "env" | "file" | "default";

/** One value in force; `origin` says for people where it stands: `--redis-url`, `REDIS_PORT`, `/x/config.ini [redis] port`, `default`. */
export interface Setting<T> {
  value: T;
  source: Source;
  origin: string;
}

/** How Redis is reached. With a `url` in force the other parts are those of the url, unless a higher level gave one. */
export interface RedisSettings {
  enabled: Setting<boolean>;
  host: Setting<string>;
  port: Setting<number>;
  db: Setting<number>;
  username: Setting<string | null>;
  password: Setting<string | null>;
  /** As it was given, password included: never print it. */
  url: Setting<string | null>;
  tls: Setting<boolean>;
  /** PEM files, absolute; of whose authorities the system's are where `tlsCa` is null. */
  tlsCa: Setting<string | null>;
  tlsCert: Setting<string | null>;
  tlsKey: Setting<string | null>;
  /** The name that the server's certificate must bear, in place of the host's. */
  tlsServerName: Setting<string | null>;
  /** The path of a unix socket, which takes the place of host and port. */
  socket: Setting<string | null>;
  /** Whom to ask for the primary named `sentinelName`; they take the place of host and port. Empty: nobody. */
  sentinels: Setting<readonly Address[]>;
  sentinelName: Setting<string | null>;
  /** The login at the sentinels. */
  sentinelUsername: Setting<string | null>;
  sentinelPassword: Setting<string | null>;
  /** Host and port, or each of `nodes`, are a node of a cluster, which tells the others. */
  cluster: Setting<boolean>;
  /** In place of host and port; empty: those. */
  nodes: Setting<readonly Address[]>;
  layout: Setting<LayoutName>;
  /** Precedes each key; may be empty. */
  prefix: Setting<string>;
  /** Seconds */
  timeout: Setting<number>;
}

/** What goes, and what is called stuck; ages in seconds. */
export interface CleanupSettings {
  /** Zero or negative: cleanup is off. */
  retention: Setting<number>;
  /** In place of `retention` for tasks of this status; null: as `retention`; zero or negative: they never go. */
  retentionDone: Setting<number | null>;
  retentionError: Setting<number | null>;
  /** So many finished tasks of each user stay, the newest. */
  keepLast: Setting<number>;
  /** What the artifacts of finished tasks may take, bytes; zero: as much as they like. */
  maxBytes: Setting<number>;
  /** Zero or negative: no task counts as stuck. */
  stuckAfter: Setting<number>;
}

/** How `serve` is reached. */
export interface HttpSettings {
  /** Where it listens. */
  host: Setting<string>;
  /** Zero: any that is free. */
  port: Setting<number>;
  /** Never print it. */
  token: Setting<string | null>;
  /** What a proxy leaves before the path: `/tts`, or empty. */
  basePath: Setting<string>;
  /** Names besides its own under which it may be asked, in lower case. */
  allowedHosts: Setting<readonly string[]>;
  /** The service whose requests and answers the task endpoints use. */
  dialect: Setting<LayoutName>;
}

/** The settings in force (SPEC section 7). Paths are absolute, durations are seconds. */
export interface Settings {
  /** Absolute; null when there is no config.ini. */
  configPath: string | null;
  redis: RedisSettings;
  store: { path: Setting<string> };
  paths: { output: Setting<string>; logs: Setting<string> };
  cleanup: CleanupSettings;
  /** An IANA name; null means the zone of the machine. */
  service: { timezone: Setting<string | null> };
  /** The ledger of all that changes tasks; absolute, null: none is kept. */
  audit: { path: Setting<string | null> };
  http: HttpSettings;
  /** One line each, for stderr. */
  warnings: string[];
  /** The same for what changes tasks: reads don't depend on an option that has no effect. */
  changeWarnings: string[];
}

/** The flags that are settings, as commander names them; `redis` is false for `--no-redis`. */
export interface SettingFlags {
  store?: string | undefined;
  redisUrl?: string | undefined;
  redis?: boolean | undefined;
  retention?: string | undefined;
  keepLast?: string | undefined;
  maxBytes?: string | undefined;
  host?: string | undefined;
  port?: string | undefined;
  basePath?: string | undefined;
  dialect?: string | undefined;
}
