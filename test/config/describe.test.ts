import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { PATH } from "../../src/config/kinds.ts";
import {
  type DescribedSetting,
  describeSettings,
  rowOf,
  SETTING_NAMES,
  type SettingName,
} from "../../src/config/settings.ts";
import { CONFIG, resolved } from "./inputs.ts";

test("every setting, parsed, with its source; the others are the defaults", () => {
  const settings = resolved({
    flags: { retention: "1d" },
    env: { REDIS_PORT: "6380", REDIS_PASSWORD: "s3cret" },
    file: "[redis]\nhost = h\ntimeout = 500ms\n[service]\ntimezone = UTC\n",
  });
  const given: Partial<Record<SettingName, DescribedSetting>> = {
    "redis.host": { value: "h", source: "file" },
    "redis.port": { value: 6380, source: "env" },
    "redis.password": { value: "***", source: "env" },
    "redis.timeout": { value: 0.5, source: "file" },
    "cleanup.retention": { value: 86_400, source: "flag" },
    "cleanup.retention.done": { value: 86_400, source: "flag" },
    "cleanup.retention.error": { value: 86_400, source: "flag" },
    "service.timezone": { value: "UTC", source: "file" },
  };
  const described = describeSettings(settings);
  expect(Object.keys(described)).toEqual(SETTING_NAMES);
  for (const name of SETTING_NAMES) {
    const { kind, default: value } = rowOf(name);
    const fallback = Array.isArray(value) ? null : kind === PATH && value ? join(dirname(CONFIG), `${value}`) : value;
    expect([name, described[name]]).toEqual([name, given[name] ?? { value: fallback, source: "default" }]);
  }
});

test("a url without its password", () => {
  const described = describeSettings(resolved({ flags: { redisUrl: "redis://u:s3%40cret@h/1" } }));
  expect(described["redis.url"]).toEqual({ value: "redis://u:***@h/1", source: "flag" });
  expect(described["redis.username"]).toEqual({ value: "u", source: "flag" });
  expect(described["redis.password"]).toEqual({ value: "***", source: "flag" });
  expect(JSON.stringify(described)).not.toMatch(/s3|cret/);
});

test("addresses as they are written, files as absolute paths", () => {
  const file = [
    ...["[redis]", "sentinels = a:1,[::1]:26379", "sentinel_name = tts", "sentinel_password = s3cret"],
    ...["tls = on", "tls_ca = tls/ca.pem", "layout = API_MS"],
  ].join("\n");
  expect(describeSettings(resolved({ file }))).toMatchObject({
    "redis.sentinels": { value: "a:1, [::1]:26379", source: "file" },
    "redis.sentinel_password": { value: "***", source: "file" },
    "redis.tls": { value: true, source: "file" },
    "redis.tls_ca": { value: CONFIG.replace("config.ini", "tls/ca.pem"), source: "file" },
    "redis.layout": { value: "api_ms", source: "file" },
  });
});

test("no password is null", () => {
  expect(describeSettings(resolved({}))["redis.password"]).toEqual({ value: null, source: "default" });
});
