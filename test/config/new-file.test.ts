import fc from "fast-check";
import { expect, it } from "vitest";
import { configText, type NewValues } from "../../src/config/new-file.ts";
import type { SettingName } from "../../src/config/settings.ts";
import type { TtsctlError } from "../../src/errors.ts";
import { strip } from "../../src/task/ids.ts";
import { SEED } from "../helpers/seed.ts";
import { askPython } from "./ask-python.ts";

function valuesOf(texts: Partial<Record<SettingName, string>>): NewValues {
  return new Map(
    Object.entries(texts).map(([name, text]) => [
      name as SettingName,
      { text, source: "env", origin: "REDIS_PASSWORD" },
    ]),
  );
}

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.stringMatching(/^[ \t%;#=:[\]"'\r\n\\a\u0085\u2028\u3000]{1,8}$/),
);

it("a value that the service or the operator gave is read by Python as it was, or refused in one line", () => {
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
