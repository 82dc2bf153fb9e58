import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { examineConfig } from "../../src/config/examine.ts";
import { useFolder } from "../helpers/files.ts";
import "../helpers/python.ts";

const at = useFolder();

function examine(text: string | null, env: Record<string, string> = {}, flags = {}) {
  if (text !== null) writeFileSync(at("config.ini"), text);
  return examineConfig({ flags, env, cwd: at() });
}

describe("a look at the configuration", () => {
  it("finds no problem in a valid one", async () => {
    const found = await examine("[redis]\nhost = h\n[store]\npath = x.json\n[tts]\nmodel = 3\n");
    expect(found).toMatchObject({ path: at("config.ini"), unreadable: null, variables: [] });
    expect(found.wrong.size).toBe(0);
    expect(found.names).toEqual({ misspelt: [], sections: ["tts"] });
    expect(found.settings).toMatchObject({ redis: { host: { value: "h" } }, store: { path: { value: at("x.json") } } });
  });

  it("finds a wrong value of each section, and keeps the others", async () => {
    const text =
      "[redis]\nport = abc\n[cleanup]\nretention = soon\n[service]\ntimezone = Mars\n[store]\npath = mine.json\n";
    const found = await examine(text);
    expect([...found.wrong.keys()].sort()).toEqual(["cleanup", "redis", "service"]);
    for (const error of found.wrong.values()) expect(error.code).toBe("CONFIG_INVALID");
    expect(found.settings!.store.path.value).toBe(at("mine.json"));
  });

  it("describes an unreadable or missing file", async () => {
    expect(await examine(null)).toMatchObject({ path: null, unreadable: null });
    expect((await examine("no section\n")).unreadable).toMatchObject({ code: "CONFIG_INVALID" });
    const named = await examineConfig({ flags: { config: "none.ini" }, env: {}, cwd: at() });
    expect(named).toMatchObject({ settings: null, unreadable: { code: "CONFIG_NOT_FOUND" } });
  });

  it.each([
    ["[cleanup]\nretension = 7d\n", ["[cleanup] retension"]],
    ["[Redis]\nhost = h\n", ["[Redis]"]],
    ["[clean]\nx = 1\n[models]\nx = 1\n", ["[clean]"]],
    ["[redis]\nhots = h\nmax_connections = 5\nprefix = x\n", ["[redis] hots"]],
    ["[DEFAULT]\nmodel = 1\n[store]\npth = x\n", ["[store] pth"]],
  ])("names what is misspelt in %j", async (text, misspelt) => {
    expect((await examine(text)).names.misspelt.map(({ found }) => found)).toEqual(misspelt);
  });

  it("knows the variables in force, and that of Kubernetes", async () => {
    const env = { REDIS_PORT: "tcp://10.0.0.1:6379", TTSCTL_STORE: "s.json", REDIS_HOST: "", TTSCTL_OTHER: "x" };
    expect(await examine("", env)).toMatchObject({ variables: ["REDIS_PORT", "TTSCTL_STORE"], kubernetes: true });
    expect([...(await examine("", env)).wrong.keys()]).toEqual(["redis"]);
    expect((await examine("", env, { redisUrl: "redis://h" })).wrong.size).toBe(0);
  });

  it.each([
    ["[redis]\npassword = x\n", true],
    ["[redis]\nurl = redis://:x@h\n", true],
    ["[redis]\nurl = rediss://u@h/1\n", false],
    ["[redis]\nurl = redis:wrong\n", true],
    ["[redis]\npassword =\n", false],
    ["[redis]\nsentinels = a:1\nsentinel_name = m\nsentinel_password = x\n", true],
  ])("knows whether %j holds a password", async (text, holds) => {
    expect((await examine(text)).holdsPassword).toBe(holds);
  });
});
