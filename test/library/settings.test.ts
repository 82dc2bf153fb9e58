import { describe, expect, it } from "vitest";
import { settingsOf } from "../../src/library/settings.ts";
import type { StoreOptions } from "../../src/library/types.ts";
import { useFolder, writeOld } from "../helpers/files.ts";

const path = useFolder();
const refused = (options: unknown) => settingsOf(options as StoreOptions).catch((error) => error);

describe("the settings of a store", () => {
  it("are options over config over defaults; the environment does not count", async () => {
    const ini = "[redis]\nport = 7000\ndb = 2\n[store]\npath = tasks.jsonl\n[cleanup]\nretention = 1h\n";
    writeOld(path("config.ini"), ini);
    process.env.REDIS_PORT = "1";
    try {
      const options = { redis: { port: 7001, timeout: "500ms" }, timezone: "Asia/Shanghai", keepLast: 5 };
      expect(await settingsOf({ config: path("config.ini"), ...options })).toMatchObject({
        redis: { host: { value: "127.0.0.1" }, port: { value: 7001 }, db: { value: 2 }, timeout: { value: 0.5 } },
        store: { path: { value: path("tasks.jsonl") } },
        cleanup: { retention: { value: 3600 }, keepLast: { value: 5 } },
        service: { timezone: { value: "Asia/Shanghai" } },
      });
    } finally {
      delete process.env.REDIS_PORT;
    }
  });

  it.each<[unknown, string, RegExp]>([
    [{}, "CONFIG_REQUIRED", /store nor config/],
    [{ store: "x", colour: "red" }, "USAGE", /"colour"/],
    [{ store: "x", toString: "x" }, "USAGE", /unknown option "toString"/],
    [{ store: "x", redis: { prot: 1 } }, "USAGE", /"redis.prot"/],
    [{ store: 5 }, "USAGE", /store/],
    [{ store: "x", redis: { port: "abc" } }, "CONFIG_INVALID", /redis\.port: "abc"/],
    [{ store: "x", redis: { url: "redis://h", port: 1 } }, "CONFIG_INVALID", /both set/],
    [{ store: "x", keepLast: "many" }, "CONFIG_INVALID", /many/],
    [{ store: "x", redis: { cluster: 1 } }, "USAGE", /cluster .*boolean/],
    [{ store: "x", timezone: "+08:00" }, "CONFIG_INVALID", /timezone/],
  ])("%j is refused", async (options, code, message) => {
    expect(await refused(options)).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
