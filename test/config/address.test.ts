import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskUrl, parseRedisUrl, type RedisUrl } from "../../src/config/address.ts";
import { anyChar } from "../helpers/any-char.ts";

const NOTHING = {
  tls: false,
  socket: null,
  host: null,
  port: null,
  db: null,
  username: null,
  password: null,
  ignored: [],
};

describe("parseRedisUrl", () => {
  test.each<[string, Partial<RedisUrl>]>([
    ["redis://", {}],
    ["redis://h", { host: "h" }],
    ["redis://h:6380/3", { host: "h", port: 6380, db: 3 }],
    ["redis://:6380", { port: 6380 }],
    ["redis://h?db=5", { host: "h", db: 5 }],
    ["rediss://h", { host: "h", tls: true }],
    ["redis://[::1]:6380", { host: "::1", port: 6380 }],
    ["redis://u:p@x:y@h", { host: "h", username: "u", password: "p@x:y" }],
    ["redis://u%3A:p%40%2F%25@h", { host: "h", username: "u:", password: "p@/%" }],
    ["redis://:%E5%AF%86%zz50%@h", { host: "h", password: "密%zz50%" }],
    ["redis://h?username=u&password=p%26", { host: "h", username: "u", password: "p&" }],
    ["unix:///run/redis.sock?db=1", { socket: "/run/redis.sock", db: 1 }],
    ["unix://u:p%40@/run/my%20redis@1.sock", { socket: "/run/my redis@1.sock", username: "u", password: "p@" }],
    [
      "redis://h?decode_responses=True&ssl_cert_reqs=none",
      { host: "h", ignored: ["decode_responses", "ssl_cert_reqs"] },
    ],
  ])("%s", (text, parts) => {
    expect(parseRedisUrl(text)).toEqual({ ...NOTHING, ...parts });
  });

  test.each([
    "tcp://10.0.0.1:6379",
    "redis://h:abc",
    "redis://h:0",
    "redis://h:65536",
    "redis://h/1/2",
    "redis://h?db=x",
    "redis://h?bd=3",
    "redis://h#x",
    "redis://:p/w@h",
    "redis://a:b:c",
    "redis://[::1",
    "unix://run/redis.sock",
    "unix:///run/x?db=-1",
  ])("%s is refused", (text) => {
    expect(parseRedisUrl(text)).toBeUndefined();
  });
});

test("a password is never in what maskUrl returns", () => {
  const password = fc.string({ minLength: 1, unit: anyChar }).map((text) => `S3-${text}-3S`);
  const url = fc
    .tuple(
      fc.constantFrom("redis://u:", "rediss://:", "unix://u:"),
      password,
      fc.constantFrom("@/1", "@/run/x.sock?db=1"),
    )
    .map(([start, secret, end]) => start + encodeURIComponent(secret) + end);
  fc.assert(fc.property(url, (text) => !/S3-|-3S/.test(maskUrl(text))));
});
