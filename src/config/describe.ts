import { addressText } from "./address.ts";
import type { SettingName } from "./defaults.ts";
import { maskUrl } from "./mask.ts";
import type { Setting, Settings, Source } from "./settings.ts";

/** A value for people and scripts, with where it came from; a secret is `***`. */
export interface DescribedSetting {
  value: string | number | boolean | null;
  source: Source;
}

/** The settings as `config -o json` prints them (SPEC section 5): parsed values, seconds, absolute paths, no secret. */
export function describeSettings({
  redis,
  store,
  paths,
  cleanup,
  service,
  audit,
  http,
}: Settings): Record<SettingName, DescribedSetting> {
  return {
    "redis.enabled": described(redis.enabled),
    "redis.host": described(redis.host),
    "redis.port": described(redis.port),
    "redis.db": described(redis.db),
    "redis.username": described(redis.username),
    "redis.password": masked(redis.password, () => "***"),
    "redis.url": masked(redis.url, maskUrl),
    "redis.timeout": described(redis.timeout),
    "redis.sentinels": listed(redis.sentinels, addressText),
    "redis.sentinel_name": described(redis.sentinelName),
    "redis.sentinel_username": described(redis.sentinelUsername),
    "redis.sentinel_password": masked(redis.sentinelPassword, () => "***"),
    "redis.cluster": described(redis.cluster),
    "redis.nodes": listed(redis.nodes, addressText),
    "redis.tls": described(redis.tls),
    "redis.tls_ca": described(redis.tlsCa),
    "redis.tls_cert": described(redis.tlsCert),
    "redis.tls_key": described(redis.tlsKey),
    "redis.tls_server_name": described(redis.tlsServerName),
    "redis.layout": described(redis.layout),
    "redis.prefix": described(redis.prefix),
    "store.path": described(store.path),
    "paths.output": described(paths.output),
    "paths.logs": described(paths.logs),
    "cleanup.retention": described(cleanup.retention),
    "cleanup.retention.done": described(cleanup.retentionDone),
    "cleanup.retention.error": described(cleanup.retentionError),
    "cleanup.keep_last": described(cleanup.keepLast),
    "cleanup.max_bytes": described(cleanup.maxBytes),
    "cleanup.stuck_after": described(cleanup.stuckAfter),
    "service.timezone": described(service.timezone),
    "audit.path": described(audit.path),
    "http.host": described(http.host),
    "http.port": described(http.port),
    "http.token": masked(http.token, () => "***"),
    "http.base_path": described(http.basePath),
    "http.allowed_hosts": listed(http.allowedHosts, (host) => host),
    "http.dialect": described(http.dialect),
  };
}

function described({ value, source }: Setting<DescribedSetting["value"]>): DescribedSetting {
  return { value, source };
}

/** Null for none. */
function listed<T>({ value, source }: Setting<readonly T[]>, text: (item: T) => string): DescribedSetting {
  return { value: value.map(text).join(", ") || null, source };
}

function masked({ value, source }: Setting<string | null>, mask: (secret: string) => string): DescribedSetting {
  return { value: value === null ? null : mask(value), source };
}
