import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ttsctl } from "../helpers/ttsctl.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "ttsctl-library-"));
const project = join(folder, "project");
let server: RedisServer;

/** A project of a user's, in which the packed package is installed. */
beforeAll(async () => {
  const source = join(folder, "source");
  cpSync(inject("packageRoot"), source, { recursive: true });
  const options = {
    cwd: folder,
    encoding: "utf8",
    env: cleanEnv({ npm_config_cache: join(folder, "cache") }),
  } as const;
  const quiet = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  const packed = spawnSync("npm", ["pack", source, "--pack-destination", folder, ...quiet], options);
  expect(packed.status, packed.stderr).toBe(0);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz"))!);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{"type": "module", "private": true}');
  const installed = spawnSync("npm", ["install", tarball, ...quiet], { ...options, cwd: project });
  expect(installed.status, installed.stderr).toBe(0);
  cpSync(join(ROOT, "examples/service"), project, { recursive: true });
  server = await RedisServer.start();
}, 120_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

const CONSUMER = `
import { openTaskStore, type StoredTask, type TaskPage, type TaskStore, TtsctlError, type UpsertResult } from "ttsctl";

const store: TaskStore = await openTaskStore({ store: "voice_task.json", redis: { port: 6390, timeout: "1s" }, retention: 60 });
const written: UpsertResult = await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, anything: [1] });
if (written.redis instanceof TtsctlError) console.log(written.redis.code satisfies string);
const page: TaskPage = await store.listPage({ status: ["done"], pageSize: 5 });
const task: StoredTask | null = await store.get("a", "t", { source: "file" });
for await (const { record } of store.all({ since: "2h" })) console.log(record.user_id, record.anything);
const { counts, problem } = await store.syncToRedis();
console.log(page.items.length, task?.updatedAt, problem === null ? counts.written : problem.hint);
// @ts-expect-error
await openTaskStore({ store: "x", colour: "red" });
// @ts-expect-error
await store.upsert({ user_id: "a", task_id: "t" });
// @ts-expect-error
await store.listPage({ pageSize: "5" });
await store.close();
`;

describe("the library as it is installed", () => {
  it("has types that a consumer compiles against, and that say what is wrong", () => {
    writeFileSync(join(project, "consumer.mts"), CONSUMER);
    // The consumer's own compiler, and the types of Node that it has in any case.
    mkdirSync(join(project, "node_modules/@types"), { recursive: true });
    for (const name of ["node", "undici-types"]) {
      const target = name === "node" ? "node_modules/@types/node" : `node_modules/${name}`;
      symlinkSync(join(ROOT, target), join(project, target));
    }
    const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
    const args = [join(ROOT, "node_modules/typescript/bin/tsc"), ...options, "consumer.mts"];
    const ended = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    expect(ended.stdout).toBe("");
    expect(ended.status).toBe(0);
  });

  it("is silent, whatever fails, installs no signal handler and lets the process end by itself", async () => {
    const script = `
      import { openTaskStore } from "ttsctl";
      const before = process.eventNames().map(String).sort().join();
      const store = await openTaskStore({ store: "gone/voice_task.json", redis: { port: 1, timeout: "200ms" } });
      await store.upsert({ user_id: "a", task_id: "t", updated_at: 1 }).catch((error) => (globalThis.failure = error));
      await store.listPage();
      await store.close();
      if (process.eventNames().map(String).sort().join() !== before) process.exitCode = 3;
      if (failure.code !== "LOCK_UNAVAILABLE") process.exitCode = 4;`;
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: project,
      encoding: "utf8",
    });
    expect(ended).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });
});

describe("the example service", () => {
  async function serve(root: string, lines: readonly string[]): Promise<{ task_id: string; status: string }[]> {
    const child = spawn(process.execPath, ["service.mjs", root, server.url], { cwd: project, env: cleanEnv() });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.stdin.end(lines.join("\n"));
    const [code] = await once(child, "close");
    expect(code, err).toBe(0);
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { task_id: string; status: string });
  }

  it("takes tasks from wait to done or error, with audio and logs, and ttsctl sees them", async () => {
    const root = join(folder, "root");
    const told = await serve(root, ['{"user_id": "alice", "text": "你好"}', '{"user_id": "bob", "text": " "}']);
    expect(told.map(({ status }) => status).sort()).toEqual(["failed", "succeeded"]);
    const done = told.find(({ status }) => status === "succeeded")!.task_id;
    const flags = ["--store", join(root, "voice_task.jsonl"), "--redis-url", server.url, "-o", "json"];
    const env = { TTSCTL_OUTPUT: join(root, "output"), TTSCTL_LOGS: join(root, "Logs") };
    const run = async (...args: string[]) => JSON.parse((await ttsctl([...args, ...flags], { cwd: root, env })).stdout);
    expect(await run("get", "alice", done)).toMatchObject({
      item: { status: "done", progress: 100 },
      artifacts: [{ path: expect.stringMatching(/\.wav$/) }, { path: expect.stringMatching(/\.log$/) }],
    });
    expect(await run("list", "--source", "redis")).toMatchObject({ total: 2 });
    expect(await run("verify")).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("goes on with what a crash left", async () => {
    const root = join(folder, "crashed");
    mkdirSync(root);
    const left = {
      user_id: "alice",
      task_id: "t1",
      status: "running",
      error: null,
      text: "左",
      updated_at: 1_700_000_000,
    };
    writeFileSync(join(root, "voice_task.jsonl"), `${JSON.stringify(left)}\n`);
    expect(await serve(root, [])).toEqual([{ task_id: "t1", status: "succeeded" }]);
    expect(readFileSync(join(root, "output/alice/t1/t1.wav")).subarray(0, 4).toString()).toBe("RIFF");
  });
});
