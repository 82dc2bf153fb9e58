import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { type LoadOptions, loadSettings } from "../../src/config/load.ts";
import { useFolder } from "../helpers/files.ts";

const at = useFolder();
const load = (options: Partial<LoadOptions> = {}) => loadSettings({ flags: {}, env: {}, cwd: at(), ...options });

function write(name: string, content: string | Uint8Array = "[redis]\nport = 7\n[store]\npath = t.json\n"): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
}

test.each<[string, string[], Partial<LoadOptions>, string | null]>([
  ["nowhere", [], {}, null],
  ["in the working directory", ["config.ini"], { env: { TTSCTL_CONFIG: "" } }, "config.ini"],
  ["TTSCTL_CONFIG before it", ["config.ini", "etc/tts.ini"], { env: { TTSCTL_CONFIG: "etc/tts.ini" } }, "etc/tts.ini"],
  ["--config first", ["config.ini", "a.ini"], { flags: { config: "a.ini" }, env: { TTSCTL_CONFIG: "b" } }, "a.ini"],
])("the file is looked up %s; its paths are relative to it", async (_, files, options, found) => {
  for (const name of files) write(name);
  const { configPath, redis, store } = await load(options);
  expect([configPath, redis.port.value]).toEqual([found === null ? null : at(found), found === null ? 6379 : 7]);
  if (found !== null) expect(store.path.value).toBe(at(`${dirname(found)}/t.json`));
});

test.each<[string, number[]]>([
  ["an encoded surrogate", [0x5b, 0x73, 0x5d, 0x0a, 0x6b, 0x3d, 0xed, 0xa0, 0x80]],
  ["UTF-16", [0xff, 0xfe, 0x5b, 0x00]],
])("a file that isn't UTF-8 is refused: %s", async (_, bytes) => {
  write("config.ini", Uint8Array.from(bytes));
  await expect(load()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
