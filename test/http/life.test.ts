import { beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { first } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { freePort } from "../helpers/redis.ts";
import { start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { useServer } from "./setup.ts";
import { request, Wire } from "./wire.ts";

const here = useServer();
const OLD = record("alice", "old", { updated_at: ago(30 * 86_400) });
const YOUNG = record("alice", "young", { updated_at: ago(60) });
beforeEach(() => here.root.writeStore([OLD, YOUNG]));

const keys = async () => ((await here.server.call("ZRANGE", "tts:tasks:index", 0, -1)) as string[]).sort();
const health = (server: { json(path: string): Promise<unknown> }) => server.json("/healthz");

describe("on start", () => {
  it("with --cleanup Redis is pinged and filled, then expired tasks are purged", async () => {
    const server = await here.serve("--cleanup");
    await server.run.says(/answered the ping/);
    await server.run.says(/2 tasks from the file to Redis: 2 written/);
    await until(() => here.root.readStore().length === 1);
    await until(async () => (await keys()).join() === "alice:young");
    await server.run.says(/\[CLEANUP\] user=alice task=old/);
  });

  it.each([
    ["", "", {}, 2],
    ["--no-cleanup", "[http]\ncleanup = true\n", { TTSCTL_HTTP_CLEANUP: "true" }, 2],
    ["", "[http]\ncleanup = true\n", { TTSCTL_HTTP_CLEANUP: "no" }, 2],
    ["", "[http]\ncleanup = true\n", {}, 1],
    ["", "", { TTSCTL_HTTP_CLEANUP: "1" }, 1],
    ["--cleanup", "[http]\ncleanup = false\n", {}, 1],
  ])("cleans up only if told so: %j beside %j and %j", async (flag, ini, env, left) => {
    here.root.configure(here.server.port, ini);
    const server = await here.serve(flag, env);
    await server.run.says(/2 tasks from the file to Redis: 2 written/);
    if (left === 1) await until(() => here.root.readStore().length === 1);
    expect(await server.json("/voice-tasks")).toMatchObject({ source: "redis" });
    await server.stop();
    expect(here.root.readStore()).toHaveLength(left);
    expect(server.run.stderr.includes("watching")).toBe(left === 1);
  });

  it("--no-sync leaves Redis as it is, --read-only the tasks too", async () => {
    for (const flag of ["--no-sync", "--read-only --cleanup"]) {
      const server = await here.serve(flag);
      await server.run.says(/answered the ping/);
      expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "file" });
      await server.stop();
      const warned = /--read-only: this server doesn't clean up, despite --cleanup/.test(server.run.stderr);
      expect(warned).toBe(flag.includes("--cleanup"));
      expect([await keys(), here.root.readStore().length]).toEqual([[], 2]);
    }
  });

  it("without Redis it reads from the file, and syncs when Redis is up", async () => {
    await here.server.stop();
    const server = await here.serve("--no-cleanup");
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "file" });
    expect(await health(server)).toMatchObject({ status: "degraded", redis: "down", store: "ok" });
    await here.server.start();
    await server.run.says(/2 tasks from the file to Redis: 2 written/);
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "redis" });
    expect(await health(server)).toMatchObject({ status: "ok", redis: "ok" });
  });

  it("beside a watcher it starts no loop, and reports it", async () => {
    const watcher = start(["cleanup", "--watch"], { cwd: here.root.path });
    await watcher.says(/watching/);
    const server = await here.serve("--cleanup");
    await server.run.says(/this server does not clean up: .*pid \d+/);
    expect(await server.json("/voice-tasks")).toMatchObject({ page: 1 });
    watcher.kill("SIGTERM");
    await watcher.end();
  });

  it("a port in use is one line, and its exit code", async () => {
    const server = await here.serve("--read-only");
    const second = await here.runArgs(["serve", "--read-only", "--port", String(server.port)]);
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: 127.0.0.1 port \d+ is in use[^\n]*\n$/),
    ]);
    expect((await here.run("serve --port 70000")).code).toBe(2);
    expect((await here.run("serve --base-path tts")).code).toBe(2);
  });

  it("without a config.ini it does not clean up: it does not start", async () => {
    here.root.drop("config.ini");
    const { code, stderr } = await here.run("serve --cleanup --port 0 -o json");
    expect([code, JSON.parse(stderr).code]).toEqual([2, "CONFIG_REQUIRED"]);
    const server = await here.serve("", { REDIS_PORT: String(here.server.port) });
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2 });
  });

  it("settings come from flags, variables and the file", async () => {
    const port = await freePort();
    here.root.configure(here.server.port, `[http]\nport = 1\nbase_path = /file\nallowed_hosts = tts.example.org\n`);
    const env = { TTSCTL_HTTP_PORT: String(port), TTSCTL_HTTP_BASE_PATH: "/tts" };
    const run = start(["serve", "--read-only"], { cwd: here.root.path, env });
    await run.says(new RegExp(`listening on http://127.0.0.1:${port}/tts/`));
    const get = (path: string, headers = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", headers });
    expect(((await (await get("/tts/voice-tasks")).json()) as { total: number }).total).toBe(2);
    expect((await get("/voice-tasks")).status).toBe(200);
    expect([(await get("/tts")).status, (await get("/tts")).headers.get("location")]).toEqual([308, "/tts/"]);
    expect((await get("/ttsx")).status).toBe(404);
    run.kill("SIGTERM");
    expect((await run.end()).code).toBe(0);
  });
});

describe("while it runs", () => {
  it("the file is read again when the service replaced it", async () => {
    const server = await here.serve("--no-cleanup --no-redis");
    for (let count = 1; count <= 5; count++) {
      here.root.write("new.json", JSON.stringify(Array.from({ length: count }, (_, i) => record("u", `t${i}`))));
      here.root.rename("new.json", "voice_task.json");
      expect(await server.json("/voice-tasks")).toMatchObject({ total: count });
    }
    here.root.write("voice_task.json", "[");
    const broken = await server.fetch("/voice-tasks");
    expect([broken.status, ((await broken.json()) as { code: string }).code]).toEqual([503, "STORE_INVALID"]);
    const ill = await server.fetch("/healthz");
    expect([ill.status, await ill.json()]).toEqual([
      503,
      expect.objectContaining({ status: "down", store: "unreadable" }),
    ]);
    here.root.writeStore([YOUNG]);
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 1 });
    expect((await server.fetch("/healthz")).status).toBe(200);
  });

  it("a Redis that hangs costs one timeout, and the log has one line when it goes and one when it is back", async () => {
    const server = await here.serve("--no-cleanup", { REDIS_TIMEOUT: "300ms" });
    await server.run.says(/2 tasks from the file/);
    here.server.suspend();
    await until(async () => ((await server.json("/voice-tasks")) as { source: string }).source === "file");
    for (let i = 0; i < 20; i++) expect(await server.json("/voice-tasks")).toMatchObject({ source: "file" });
    here.server.resume();
    await until(async () => ((await server.json("/voice-tasks")) as { source: string }).source === "redis");
    const said = server.run.stderr;
    expect([said.match(/reads use the store file/g)?.length, said.match(/is back/g)?.length]).toEqual([1, 1]);
  });

  it("a line for each request with -v or in a JSON log, otherwise none", async () => {
    const [quiet, verbose, json] = [
      await here.serve("--read-only"),
      await here.serve("--read-only -v"),
      await here.serve("--read-only --log-format json"),
    ];
    for (const server of [quiet, verbose, json]) await (await server.fetch("/voice-tasks?user_id=alice")).text();
    await verbose.run.says(/127\.0\.0\.1 GET \/voice-tasks\?user_id=alice 200, \d+ bytes in \d+ ms\n/);
    await json.run.says(/"event":"request"/);
    const line = json.run.stderr.split("\n").find((text) => text.includes('"event":"request"'))!;
    expect(JSON.parse(line)).toMatchObject({
      method: "GET",
      url: "/voice-tasks?user_id=alice",
      status: 200,
      finished: true,
    });
    expect(quiet.run.stderr).not.toContain("GET");
  });
});

describe("SIGTERM", () => {
  it.each(first(1, ["SIGTERM", "SIGINT"] as const))(
    "%s ends it in order within 5 s: connections that idle, or are slow, do not keep it",
    async (signal) => {
      const server = await here.serve("--cleanup", {}, new FastClock());
      await server.run.says(/pass expire-before/);
      const [idle, slow] = [await Wire.open(server.port), await Wire.open(server.port)];
      idle.socket.write(request("GET /healthz", { Connection: "keep-alive" }));
      await until(() => idle.status === 200);
      slow.socket.write(
        request("POST /voice-tasks/query", { "Content-Type": "application/json", "Content-Length": "9" }, "{"),
      );
      const began = performance.now();
      server.run.kill(signal);
      const { code } = await server.run.end();
      expect([code, performance.now() - began < 5000]).toEqual([0, true]);
      expect(server.run.stderr).toMatch(/stopping: no new requests are accepted/);
      const next = await here.serve("--cleanup");
      await next.run.says(/watching/);
    },
  );
});
