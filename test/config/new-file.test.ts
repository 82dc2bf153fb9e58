import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import { configText, givenValues, type NewValues, readBack } from "../../src/config/new-file.ts";
import { describeSettings, SETTING_NAMES, type SettingName } from "../../src/config/settings.ts";
import type { TtsctlError } from "../../src/errors.ts";
import { strip } from "../../src/task/ids.ts";
import { SEED } from "../helpers/seed.ts";
import { askPython } from "./ask-python.ts";

const PATH = "/srv/tts/config.ini";

function valuesOf(texts: Partial<Record<SettingName, string>>): NewValues {
  return new Map(
    Object.entries(texts).map(([name, text]) => [
      name as SettingName,
      { text, source: "env", origin: "REDIS_PASSWORD" },
    ]),
  );
}

function values(env: Record<string, string>, { flags = {}, ini = "" } = {}) {
  const file = ini === "" ? null : parseIni(ini, "/etc/tts/config.ini");
  const inputs = { flags, env, file, configPath: file?.path ?? null, cwd: "/work" };
  return { inputs, values: givenValues(inputs, PATH) };
}

/** What the new file means, by setting, without the sources. */
function meaning(text: string) {
  return Object.entries(describeSettings(resolveSettings(readBack(text, PATH)))).map(([name, { value }]) => [
    name,
    value,
  ]);
}

describe("a value that the service or the operator gave", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.stringMatching(/^[ \t%;#=:[\]"'\r\n\\a\u0085\u2028\u3000]{1,8}$/),
  );

  it("is read by Python as it was, or refused in one line", () => {
    const texts = fc
      .sample(fc.tuple(hostile, hostile), { numRuns: 600, seed: SEED })
      .map(([password, path]) => ({ password, path: path.replaceAll("\0", "") }))
      .filter(({ password, path }) => `${password}${path}`.isWellFormed() && path.trim() !== "");
    const written: { text: string; password: string; path: string }[] = [];
    for (const { password, path } of texts) {
      try {
        const text = configText(valuesOf({ "redis.password": password, "store.path": path }), null);
        written.push({ text, password, path });
      } catch (error) {
        expect(error).toMatchObject({ code: "CONFIG_INVALID" });
        expect((error as TtsctlError).message).not.toContain("\n");
        expect([password, path].some((text) => /[\r\n]|^$/.test(text) || strip(text) !== text)).toBe(true);
      }
    }
    expect(written.length).toBeGreaterThan(texts.length / 4);
    for (const [i, answer] of askPython(written.map(({ text }) => text)).entries()) {
      const of = (section: string) => new Map(new Map(answer).get(section));
      expect(of("redis").get("password")).toBe(written[i]!.password);
      expect(of("store").get("path")).toBe(written[i]!.path);
      expect([...of("redis").keys()]).toEqual(["password"]);
    }
  });

  it.each([" x", "x ", "a\nb", "a\r[store]", "\u3000x", "x\t", ""])("is refused as a password if it is %j", (text) => {
    expect(() => configText(valuesOf({ "redis.password": text }), null)).toThrowError(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(/^REDIS_PASSWORD: /) }),
    );
  });
});

describe("the text", () => {
  it("has each setting with a comment, and without values means the defaults", () => {
    const text = configText(new Map(), null);
    for (const name of SETTING_NAMES) {
      const option = name.slice(name.indexOf(".") + 1);
      expect(text).toMatch(new RegExp(`^# .+\n# accepted: .+\n# ${option.replace(".", "\\.")} =`, "m"));
    }
    expect(meaning(text)).toEqual(meaning("[redis]\n"));
    const uncommented = text.replaceAll(/^# ([a-z_.]+ =.*)$/gm, "$1");
    expect(meaning(uncommented.replaceAll(/^(prefix|timezone|retention\.\w+) =\n/gm, ""))).toEqual(
      meaning("[redis]\n"),
    );
  });

  it("shows no password to people", () => {
    const shown = configText(
      valuesOf({ "redis.url": "redis://u:s3cret%40@h/1", "http.token": "0123456789abcdef" }),
      null,
      true,
    );
    expect(shown).toContain("url = redis://u:***@h/1");
    expect(shown).toContain("token = ***");
  });

  it("keeps the options of the service, as Python reads them", () => {
    const former = `[DEFAULT]\nbase = /x\n[redis]\nhost = old\nmax_connections = 10\n[tts]\nlines = one\n  two\n\n  three\npath: %(base)s/100%%\nempty =\n[odd ] name]\nk = = v\n`;
    const text = configText(valuesOf({ "redis.host": "new" }), parseIni(former, PATH));
    const [before, after] = askPython([former, text]).map((answer) => Object.fromEntries(answer!));
    expect(after).toMatchObject({ tts: before!.tts, "odd ] name": before!["odd ] name"], DEFAULT: before!.DEFAULT });
    expect(Object.fromEntries(after!.redis!)).toEqual({ base: "/x", host: "new", max_connections: "10" });
  });
});

describe("the address of Redis", () => {
  const written = (...args: Parameters<typeof values>) => {
    const { values: given } = values(...args);
    return Object.fromEntries([...given].map(([name, { text }]) => [name, text]));
  };

  it.each([
    [{ REDIS_URL: "redis://u:p%40@h:1/2" }, "", { "redis.url": "redis://u:p%40@h:1/2" }],
    [
      { REDIS_HOST: "h" },
      "[redis]\nport = 7\npassword = 5%%\n",
      { "redis.host": "h", "redis.port": "7", "redis.password": "5%" },
    ],
    [
      { REDIS_DB: "3" },
      "[redis]\nurl = redis://u:p%%40@h:1/2\n",
      { "redis.host": "h", "redis.port": "1", "redis.username": "u", "redis.password": "p@", "redis.db": "3" },
    ],
    [{ REDIS_HOST: "h" }, "[redis]\nsentinels = s:1\nsentinel_name = m\n", { "redis.host": "h" }],
    [{}, "[redis]\nsentinels = s:1\nsentinel_name = m\n", { "redis.sentinels": "s:1", "redis.sentinel_name": "m" }],
  ])("is that in force: %j over %j", (env, ini, expected) => {
    expect(written(env as Record<string, string>, { ini })).toMatchObject(expected);
    const { inputs, values: given } = values(env as Record<string, string>, { ini });
    const [now, then] = [resolveSettings(inputs), resolveSettings(readBack(configText(given, null), PATH))].map(
      ({ redis }) =>
        [redis.host, redis.port, redis.db, redis.username, redis.password, redis.sentinels].map(({ value }) => value),
    );
    expect(then).toEqual(now);
  });

  it("of a socket isn't written with a login beside it", () => {
    expect(() => written({ REDIS_PASSWORD: "x" }, { ini: "[redis]\nurl = unix:///run/redis.sock\n" })).toThrowError(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });
});

it("paths start beside the new file if they are below it", () => {
  const { values: given } = values(
    { TTSCTL_STORE: "tasks.json", TTSCTL_OUTPUT: "/srv/tts/audio" },
    { ini: "[paths]\nlogs = log\n" },
  );
  expect([...given].map(([name, { text }]) => [name, text])).toEqual([
    ["store.path", "/work/tasks.json"],
    ["paths.output", "audio"],
    ["paths.logs", "/etc/tts/log"],
  ]);
});
