import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { expect, it } from "vitest";
import { askPython } from "../config/ask-python.ts";
import { record } from "../helpers/records.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const modeOf = (name: string) => statSync(here.root.at(name)).mode & 0o777;
/** Flags and variables that name the test's Redis; without one, init would ping the standard port. */
const redis = () => ({ REDIS_PORT: String(here.server.port) });

/** A service that has no config.ini. */
function unset(): void {
  here.root.writeStore([record("alice", "t1")]);
  here.root.writeArtifacts([record("alice", "t1")]);
  here.root.drop("config.ini");
}

/** Options by section, as Python reads the file. */
function inPython(name = "config.ini"): Record<string, Record<string, string | null>> {
  const [answer] = askPython([readFileSync(here.root.at(name), "utf8")]);
  return Object.fromEntries(answer!.map(([section, options]) => [section, Object.fromEntries(options)]));
}

it("writes what it finds, and what Python reads is in force", async () => {
  unset();
  const run = await here.run("config init", { env: redis() });
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout).toMatch(/^store\.path +voice_task\.json +found$/m);
  expect(run.stderr).toContain(`Redis at 127.0.0.1:${here.server.port} answers`);
  expect(inPython()).toMatchObject({
    redis: { port: String(here.server.port) },
    store: { path: "voice_task.json" },
    paths: { output: "output", logs: "Logs" },
    cleanup: { retention: "7d" },
  });
  expect(modeOf("config.ini")).toBe(0o644);
  expect(await here.json("config")).toMatchObject({
    "redis.port": { value: here.server.port, source: "file" },
    "store.path": { value: here.root.store, source: "file" },
    "paths.logs": { value: here.root.at("Logs"), source: "file" },
  });
  expect((await here.run("doctor")).code).toBe(0);
  expect(here.root.tree()).not.toHaveProperty(".config.ini.ttsctl");
});

it("never overwrites a file without --force", async () => {
  here.root.writeStore([record("alice", "t1")]);
  const before = here.root.tree();
  for (const line of ["config init", "config init --yes", "config init -o json"]) {
    const stderr = expect.stringContaining("exists already");
    expect(await here.run(line, { env: redis() })).toMatchObject({ code: 2, stdout: "", stderr });
  }
  expect((await here.run("config init --dry-run", { env: redis() })).code).toBe(0);
  expect(here.root.tree()).toEqual(before);
});

it("keeps the service's own options, mode and values with --force", async () => {
  here.root.writeStore([record("alice", "t1")]);
  const { port } = here.server;
  here.root.write("config.ini", `[redis]\nport = ${port}\n[tts]\nmodel = a\n  b\n[cleanup]\nretention = 2h\n`);
  chmodSync(here.root.at("config.ini"), 0o640);
  const run = await here.run("config init --force --store other.json");
  expect(run.code).toBe(0);
  expect(inPython()).toMatchObject({
    redis: { port: String(port) },
    tts: { model: "a\nb" },
    cleanup: { retention: "2h" },
    store: { path: "other.json" },
  });
  expect(modeOf("config.ini")).toBe(0o640);
});

it("makes a file with a password its owner's alone", async () => {
  unset();
  const env = { REDIS_PORT: "1", REDIS_PASSWORD: "100%;#=: x", TTSCTL_HTTP_TOKEN: "0123456789abcdef%" };
  const run = await here.run("config init --yes", { env });
  expect(run.code).toBe(0);
  expect(modeOf("config.ini")).toBe(0o600);
  expect(inPython()).toMatchObject({
    redis: { password: env.REDIS_PASSWORD },
    http: { token: env.TTSCTL_HTTP_TOKEN },
  });
  expect(run.stderr).toContain("warning: Redis at 127.0.0.1:1");
  here.root.write("config.ini", "[redis]\nport = 1\n");
  chmodSync(here.root.at("config.ini"), 0o666);
  await here.run("config init --yes --force", { env });
  expect(modeOf("config.ini")).toBe(0o660);
  expect(JSON.stringify([run, await here.run("config init --dry-run -v", { env })])).not.toContain("100%");
});

it.each<[string, string, Record<string, string>, RegExp]>([
  ["no store file", "config init", {}, /no store file found in .*--store/],
  ["a wrong variable", "config init --store x.json", { REDIS_PORT: "abc" }, /REDIS_PORT.*abc/],
  ["a blank that ends a password", "config init --store x.json", { REDIS_PASSWORD: "x " }, /REDIS_PASSWORD: .*hold/],
  ["a line break in a path", "config init", { TTSCTL_STORE: "a\n[redis]" }, /TTSCTL_STORE: config\.ini can't hold/],
  ["a directory in its place", "config init --store x.json --no-redis --config output --force", {}, /output/],
  ["an unknown action", "config unit", {}, /did you mean init/],
  ["--force without init", "config --force", {}, /--force has no effect without init/],
])("refuses %s in one line", async (_, line, env, message) => {
  here.root.drop("config.ini");
  mkdirSync(here.root.at("output"));
  const run = await here.run(line, { env: { REDIS_ENABLED: "true", ...env } });
  expect([run.code === 1 || run.code === 2, run.stdout]).toEqual([true, ""]);
  expect(run.stderr.match(/^error:/gm)).toHaveLength(1);
  expect(run.stderr).toMatch(message);
  expect(here.root.has("config.ini")).toBe(false);
});

it("prints the file with --dry-run, and writes nothing", async () => {
  unset();
  const before = here.root.tree();
  const run = await here.run("config init --dry-run --redis-url redis://u:p%40ss@127.0.0.1:1/3");
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(/^\[redis\]\nurl = redis:\/\/u:\*\*\*@127\.0\.0\.1:1\/3$/m);
  const settings = {
    "redis.enabled": { value: "false", source: "flag" },
    "store.path": { value: "voice_task.json", source: "found" },
    "cleanup.retention": { value: "7d", source: "default" },
  };
  const printed = { path: here.root.at("config.ini"), dryRun: true, settings };
  expect(await here.json("config init --dry-run --no-redis")).toMatchObject(printed);
  expect(here.root.tree()).toEqual(before);
});
