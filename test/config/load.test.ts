import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LoadOptions, loadSettings } from "../../src/config/load.ts";
import { TtsctlError } from "../../src/errors.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ttsctl-config-"));
});

afterEach(() => rm(folder, { recursive: true }));

const load = (options: Partial<LoadOptions> = {}) => loadSettings({ flags: {}, env: {}, cwd: folder, ...options });

async function write(name: string, content: string | Uint8Array = "[redis]\nport = 7\n"): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

async function refusal(options: Partial<LoadOptions> = {}): Promise<TtsctlError> {
  const error = await load(options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(TtsctlError);
  return error as TtsctlError;
}

describe("where the file is looked up", () => {
  test("nowhere: null and the defaults", async () => {
    expect(await load()).toMatchObject({ configPath: null, redis: { port: { value: 6379 } } });
  });

  test("in the working folder", async () => {
    const path = await write("config.ini");
    expect(await load()).toMatchObject({ configPath: path, redis: { port: { value: 7, source: "file" } } });
  });

  test("TTSCTL_CONFIG before the working folder, relative to it; paths in the file relative to the file", async () => {
    await write("config.ini");
    await mkdir(join(folder, "etc"));
    const path = await write("etc/tts.ini", "[store]\npath = t.json\n");
    const settings = await load({ env: { TTSCTL_CONFIG: "etc/tts.ini" } });
    expect(settings).toMatchObject({ configPath: path, store: { path: { value: join(folder, "etc/t.json") } } });
  });

  test("--config before TTSCTL_CONFIG", async () => {
    const path = await write("a.ini");
    expect(await load({ flags: { config: path }, env: { TTSCTL_CONFIG: "none.ini" } })).toMatchObject({
      configPath: path,
    });
  });

  test("an empty TTSCTL_CONFIG is unset", async () => {
    expect(await load({ env: { TTSCTL_CONFIG: "" } })).toMatchObject({ configPath: null });
  });
});

describe("a file that cannot be read", () => {
  test.each<[string, number[]]>([
    ["Latin-1", [0x5b, 0x73, 0x5d, 0x0a, 0x6b, 0x3d, 0xe9]],
    ["an encoded surrogate", [0x5b, 0x73, 0x5d, 0x0a, 0x6b, 0x3d, 0xed, 0xa0, 0x80]],
    ["UTF-16", [0xff, 0xfe, 0x5b, 0x00]],
  ])("not UTF-8: %s", async (_, bytes) => {
    const path = await write("config.ini", Uint8Array.from(bytes));
    const error = await refusal();
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(`${path} is not UTF-8`);
  });
});
