import { describe, expect, it } from "vitest";
import { settingsOf } from "../../src/library/settings.ts";
import type { StoreOptions } from "../../src/library/types.ts";
import { useFolder, writeOld } from "../helpers/files.ts";

const path = useFolder();
const refused = (options: unknown) => settingsOf(options as StoreOptions).catch((error) => error);

describe("the settings of a store", () => {
  it("are options over config over defaults; the environment does not count", async () => {
    writeOld(
      path("config.ini"),
      "[redis]\nport = 7000\ndb = 2\n[store]\npath = tasks.jsonl\n[cleanup]\nretention = 1h\n",
    );
    process.env.REDIS_PORT = "1";
    try {
      const { redis, store, cleanup, service } = await settingsOf({
        config: path("config.ini"),
        redis: { port: 7001, timeout: "500ms" },
        timezone: "Asia/Shanghai",
      });
      const { host, port, db, timeout } = redis;
      expect([host, port, db, timeout].map(({ value }) => value)).toEqual(["127.0.0.1", 7001, 2, 0.5]);
      expect([store.path.value, cleanup.retention.value]).toEqual([path("tasks.jsonl"), 3600]);
      expect(service.timezone.value).toBe("Asia/Shanghai");
    } finally {
      delete process.env.REDIS_PORT;
    }
  });

  it.each<[unknown, string, RegExp]>([
    [{}, "CONFIG_REQUIRED", /store nor config/],
    [{ store: "x", colour: "red" }, "USAGE", /"colour"/],
    [{ store: "x", toString: "x" }, "USAGE", /unknown option "toString"/],
    [null, "USAGE", /the options/],
    [{ store: "x", redis: { prot: 1 } }, "USAGE", /"redis.prot"/],
    [{ store: 5 }, "USAGE", /store/],
    [{ store: "x", redis: null }, "USAGE", /redis/],
    [{ store: "x", redis: { port: "abc" } }, "CONFIG_INVALID", /redis\.port: "abc"/],
    [{ store: "x", redis: { url: "redis://h", port: 1 } }, "CONFIG_INVALID", /both set/],
    [{ store: "x", retention: "soon" }, "CONFIG_INVALID", /soon/],
    [{ store: "x", redis: { cluster: 1 } }, "USAGE", /cluster .*boolean/],
    [{ store: "x", redis: { sentinels: ["h:1"] } }, "USAGE", /sentinels .*string/],
    [{ store: "x", timezone: "+08:00" }, "CONFIG_INVALID", /timezone/],
    [{ config: "/nowhere/config.ini" }, "CONFIG_NOT_FOUND", /nowhere/],
  ])("%j is refused", async (options, code, message) => {
    expect(await refused(options)).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
