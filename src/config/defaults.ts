import type { LayoutName } from "../task/layouts.ts";
import type { Address } from "./address.ts";

/** The type of each setting's value, by the name `section.option` that `config` shows. Durations are seconds. */
export interface SettingValues {
  "redis.enabled": boolean;
  "redis.host": string;
  "redis.port": number;
  "redis.db": number;
  "redis.username": string | null;
  "redis.password": string | null;
  "redis.url": string | null;
  "redis.timeout": number;
  "redis.sentinels": readonly Address[];
  "redis.sentinel_name": string | null;
  "redis.sentinel_username": string | null;
  "redis.sentinel_password": string | null;
  "redis.cluster": boolean;
  "redis.nodes": readonly Address[];
  "redis.tls": boolean;
  "redis.tls_ca": string | null;
  "redis.tls_cert": string | null;
  "redis.tls_key": string | null;
  "redis.tls_server_name": string | null;
  "redis.layout": LayoutName;
  "redis.prefix": string;
  "store.path": string;
  "paths.output": string;
  "paths.logs": string;
  "cleanup.retention": number;
  "cleanup.retention.done": number | null;
  "cleanup.retention.error": number | null;
  "cleanup.keep_last": number;
  "cleanup.max_bytes": number;
  "cleanup.stuck_after": number;
  "service.timezone": string | null;
  "audit.path": string | null;
  "http.host": string;
  "http.port": number;
  "http.token": string | null;
  "http.base_path": string;
  "http.allowed_hosts": readonly string[];
  "http.dialect": LayoutName;
}

export type SettingName = keyof SettingValues;

/** The one home of default values (the table in SPEC section 7). Relative paths start beside config.ini. */
export const DEFAULTS: Readonly<SettingValues> = {
  "redis.enabled": true,
  "redis.host": "127.0.0.1",
  "redis.port": 6379,
  "redis.db": 0,
  "redis.username": null,
  "redis.password": null,
  "redis.url": null,
  "redis.timeout": 2,
  "redis.sentinels": [],
  "redis.sentinel_name": null,
  "redis.sentinel_username": null,
  "redis.sentinel_password": null,
  "redis.cluster": false,
  "redis.nodes": [],
  "redis.tls": false,
  "redis.tls_ca": null,
  "redis.tls_cert": null,
  "redis.tls_key": null,
  "redis.tls_server_name": null,
  "redis.layout": "plain",
  "redis.prefix": "",
  "store.path": "voice_task.json",
  "paths.output": "output",
  "paths.logs": "Logs",
  "cleanup.retention": 7 * 86_400,
  "cleanup.retention.done": null,
  "cleanup.retention.error": null,
  "cleanup.keep_last": 0,
  "cleanup.max_bytes": 0,
  "cleanup.stuck_after": 86_400,
  "service.timezone": null,
  "audit.path": null,
  "http.host": "127.0.0.1",
  "http.port": 9883,
  "http.token": null,
  "http.base_path": "",
  "http.allowed_hosts": [],
  "http.dialect": "plain",
};

export const SETTING_NAMES = Object.keys(DEFAULTS) as readonly SettingName[];

/** The file that is looked for in the working folder. */
export const CONFIG_FILE = "config.ini";

/** The variable that names another. */
export const CONFIG_VARIABLE = "TTSCTL_CONFIG";
