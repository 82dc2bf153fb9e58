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
    "http.allowed_hosts": described({ ...http.allowedHosts, value: http.allowedHosts.value.join(", ") || null }),
  };
}

function described({ value, source }: Setting<DescribedSetting["value"]>): DescribedSetting {
  return { value, source };
}

function masked({ value, source }: Setting<string | null>, mask: (secret: string) => string): DescribedSetting {
  return { value: value === null ? null : mask(value), source };
}
