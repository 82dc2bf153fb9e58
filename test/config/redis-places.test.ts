import { expect, it } from "vitest";
import { targetOf } from "../../src/config/redis.ts";
import { CONFIG, type Row, refusal, resolved } from "./inputs.ts";

const target = (row: Row) => targetOf(resolved(row));
const redis = (...lines: string[]) => `[redis]\n${lines.join("\n")}\n`;

const SENTINELS = redis("sentinels = s1:26379, s2:26380", "sentinel_name = tts", "sentinel_username = su");
const at = (host: string, port: number) => ({ host, port });
const NAMED = { name: "tts", username: "su", password: null };
const PLACE = { kind: "sentinels", sentinels: [at("s1", 26_379), at("s2", 26_380)], ...NAMED };

it.each<[string, Row, unknown]>([
  ["by default", {}, { kind: "node", host: "127.0.0.1", port: 6379 }],
  ["sentinels", { file: SENTINELS }, PLACE],
  [
    "those of a variable",
    { env: { REDIS_SENTINELS: "s3:1" }, file: SENTINELS },
    { ...PLACE, sentinels: [at("s3", 1)] },
  ],
  ["a url above sentinels", { flags: { redisUrl: "redis://h" }, file: SENTINELS }, { kind: "node", host: "h" }],
  ["a host above sentinels", { env: { REDIS_HOST: "h" }, file: SENTINELS }, { kind: "node", host: "h" }],
  [
    "sentinels above a host and a url",
    { env: { REDIS_SENTINELS: "s3:1", REDIS_SENTINEL_NAME: "tts" }, file: redis("url = unix:///s?db=2") },
    { kind: "sentinels", sentinels: [at("s3", 1)] },
  ],
  ["no sentinels at all", { file: redis("sentinels =", "host = h") }, { kind: "node", host: "h" }],
  [
    "nodes of a cluster",
    { env: { REDIS_CLUSTER: "1" }, file: redis("nodes = h:7000,[::1]:7001") },
    { kind: "cluster", nodes: [at("h", 7000), at("::1", 7001)] },
  ],
])("where Redis is: %s", (_, row, place) => {
  expect(target(row).place).toMatchObject(place as object);
});

it("one file may hold both the certificate and its key", () => {
  const tls = (...lines: string[]) => target({ file: redis("tls = on", "tls_cert = /c.pem", ...lines) }).tls;
  expect([tls(), tls("tls_key = /k.pem")]).toMatchObject([{ cert: "/c.pem", key: "/c.pem" }, { key: "/k.pem" }]);
});

const [url, tlsKey] = [`${CONFIG} [redis] url`, `${CONFIG} [redis] tls_key`];
it.each<[string, Row, string[]]>([
  ["db in a cluster", { env: { REDIS_DB: "3" }, file: redis("cluster = true") }, ["REDIS_DB", "db 3", "cluster"]],
  ["db of a url in a cluster", { file: redis("cluster = true", "url = redis://h/1") }, [url, "db 1"]],
  ["a name without sentinels", { file: redis("sentinel_name = tts") }, ["[redis] sentinel_name", "sentinels"]],
  [
    "a cluster with sentinels",
    { env: { REDIS_CLUSTER: "true" }, file: SENTINELS },
    ["REDIS_CLUSTER", "[redis] sentinels"],
  ],
  ["TLS over a socket", { env: { REDIS_TLS: "on" }, file: redis("url = unix:///s") }, ["REDIS_TLS", url]],
  ["nodes without a cluster", { file: redis("nodes = h:1") }, ["[redis] nodes", "cluster = true"]],
  ["a key without a certificate", { file: redis("tls = on", "tls_key = k") }, [tlsKey, "tls_cert"]],
  ["a url and sentinels", { env: { REDIS_URL: "redis://h", REDIS_SENTINELS: "h:1" } }, ["REDIS_URL", "REDIS_SENT"]],
  ["a host and sentinels", { file: `${SENTINELS}host = h\n` }, ["[redis] host", "[redis] sentinels"]],
  ["no port", { env: { REDIS_SENTINELS: "h:1,h2" } }, ["REDIS_SENTINELS", '"h:1,h2"', "host:port"]],
  ["no such layout", { env: { REDIS_LAYOUT: "fancy" } }, ["REDIS_LAYOUT", '"fancy"', "plain, api_ms"]],
])("conflicting settings are reported in one line: %s", (_, row, parts) => {
  const error = refusal(row);
  expect(error.code).toBe("CONFIG_INVALID");
  for (const part of parts) expect(error.message).toContain(part);
  expect(error.message).not.toContain("\n");
});
