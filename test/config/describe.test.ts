import { expect, test } from "vitest";
import { describeSettings } from "../../src/config/describe.ts";
import { CONFIG, resolved } from "./inputs.ts";

test("every setting, parsed, with its source", () => {
  const settings = resolved({
    flags: { retention: "1d" },
    env: { REDIS_PORT: "6380", REDIS_PASSWORD: "s3cret" },
    file: "[redis]\nhost = h\ntimeout = 500ms\n[service]\ntimezone = UTC\n",
  });
  expect(describeSettings(settings)).toEqual({
    "redis.enabled": { value: true, source: "default" },
    "redis.host": { value: "h", source: "file" },
    "redis.port": { value: 6380, source: "env" },
    "redis.db": { value: 0, source: "default" },
    "redis.username": { value: null, source: "default" },
    "redis.password": { value: "***", source: "env" },
    "redis.url": { value: null, source: "default" },
    "redis.timeout": { value: 0.5, source: "file" },
    "redis.sentinels": { value: null, source: "default" },
    "redis.sentinel_name": { value: null, source: "default" },
    "redis.sentinel_username": { value: null, source: "default" },
    "redis.sentinel_password": { value: null, source: "default" },
    "redis.cluster": { value: false, source: "default" },
    "redis.nodes": { value: null, source: "default" },
    "redis.tls": { value: false, source: "default" },
    "redis.tls_ca": { value: null, source: "default" },
    "redis.tls_cert": { value: null, source: "default" },
    "redis.tls_key": { value: null, source: "default" },
    "redis.tls_server_name": { value: null, source: "default" },
    "redis.layout": { value: "plain", source: "default" },
    "redis.prefix": { value: "", source: "default" },
    "store.path": { value: CONFIG.replace("config.ini", "voice_task.json"), source: "default" },
    "paths.output": { value: CONFIG.replace("config.ini", "output"), source: "default" },
    "paths.logs": { value: CONFIG.replace("config.ini", "Logs"), source: "default" },
    "cleanup.retention": { value: 86_400, source: "flag" },
    "cleanup.retention.done": { value: 86_400, source: "flag" },
    "cleanup.retention.error": { value: 86_400, source: "flag" },
    "cleanup.keep_last": { value: 0, source: "default" },
    "cleanup.max_bytes": { value: 0, source: "default" },
    "cleanup.stuck_after": { value: 86_400, source: "default" },
    "service.timezone": { value: "UTC", source: "file" },
    "audit.path": { value: null, source: "default" },
    "http.host": { value: "127.0.0.1", source: "default" },
    "http.port": { value: 9883, source: "default" },
    "http.token": { value: null, source: "default" },
    "http.base_path": { value: "", source: "default" },
    "http.allowed_hosts": { value: null, source: "default" },
    "http.dialect": { value: "plain", source: "default" },
  });
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
