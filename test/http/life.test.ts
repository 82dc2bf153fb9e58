import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { redisProxy } from "../helpers/faults.ts";
import { first } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { refusalOf, useServer } from "./setup.ts";
import { posted, request, Wire } from "./wire.ts";

const here = useServer();
const OLD = record("alice", "old", { updated_at: ago(30 * 86_400) });
const YOUNG = record("alice", "young", { updated_at: ago(60) });
beforeEach(() => here.root.writeStore([OLD, YOUNG]));

describe("on start", () => {
  it.each([
    ["", "", {}, 2],
    ["--no-cleanup", "[http]\ncleanup = true\n", { TTSCTL_HTTP_CLEANUP: "true" }, 2],
    ["", "[http]\ncleanup = true\n", {}, 1],
    ["", "", { TTSCTL_HTTP_CLEANUP: "1" }, 1],
    ["--cleanup", "", {}, 1],
  ])(
    "pings and fills Redis, and cleans up only if that is asked for: %j beside %j and %j",
    async (flag, ini, env, left) => {
      here.root.configure(here.server.port, ini);
      const server = await here.serve(flag, env);
      await server.run.says(/answered the ping/);
      await server.run.says(/2 tasks from the file to Redis: 2 written/);
      if (left === 1) await server.run.says(/\[CLEANUP\] user=alice task=old/);
      if (left === 1) await until(() => here.root.readStore().length === 1);
      await until(async () => (await here.server.call("ZCARD", "tts:tasks:index")) === left);
      expect(await server.json("/voice-tasks")).toMatchObject({ source: "redis" });
      await server.stop();
      expect(here.root.readStore()).toHaveLength(left);
      expect(server.run.stderr.includes("watching")).toBe(left === 1);
    },
  );

  it("with --read-only it doesn't clean up, and says so", async () => {
    const server = await here.serve("--read-only --cleanup", {}, new FastClock());
    await server.run.says(/--read-only: this server doesn't clean up, despite --cleanup/);
    for (let i = 0; i < 20; i++)
      expect(await server.json("/stats/health")).toMatchObject({ cleanup: { runs: "unknown", last: null } });
    await server.stop();
    expect([here.root.readStore().length, server.run.stderr.includes("watching")]).toEqual([2, false]);
  });

  it("it listens first: while Redis is filled, reads are from the file", async () => {
    const filled = new AbortController();
    await using proxy = await redisProxy(here.server.port, async (sent) => {
      if (sent.includes("alice:young") && !filled.signal.aborted) await once(filled.signal, "abort");
      return "pass" as const;
    });
    const server = await here.serve("--no-cleanup", { REDIS_URL: proxy.url, REDIS_TIMEOUT: "60s" });
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "file" });
    filled.abort();
    await server.run.says(/2 tasks from the file to Redis: 2 written/);
  });

  it("without Redis it reads from the file, and syncs when Redis is up", async () => {
    await here.server.stop();
    const server = await here.serve("--no-cleanup");
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "file" });
    expect(await server.json("/healthz")).toMatchObject({ status: "degraded", redis: "down", store: "ok" });
    expect((await server.fetch("/healthz")).status).toBe(200); // it must not be restarted
    await here.server.start();
    await server.run.says(/2 tasks from the file to Redis: 2 written/);
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 2, source: "redis" });
    expect(await server.json("/healthz")).toMatchObject({ status: "ok", redis: "ok" });
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
    expect(await refusalOf(broken)).toEqual([503, "STORE_INVALID"]);
    const ill = await server.fetch("/healthz");
    expect([ill.status, await ill.json()]).toMatchObject([503, { status: "down", store: "unreadable" }]);
    here.root.writeStore([YOUNG]);
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 1 });
    expect((await server.fetch("/healthz")).status).toBe(200);
  });

  it.each(["[", "x", "", "[]", null])("a file that is %j is reported while Redis answers", async (text) => {
    await here.mirrored(YOUNG);
    const server = await here.serve("--no-cleanup --no-sync");
    if (text === null) here.root.drop("voice_task.json");
    else here.root.write("voice_task.json", text);
    expect(await server.json("/healthz")).toMatchObject({ status: "degraded", store: "unreadable", redis: "ok" });
    const page = await server.fetch("/voice-tasks");
    expect(page.headers.get("ttsctl-warnings")).toMatch(/empty or damaged|has no tasks|does not exist/);
  });

  it("a flush is noticed by the next list; without the file too the server is down", async () => {
    await here.synced(YOUNG);
    const server = await here.serve("--no-cleanup --no-sync");
    const total = async (query = "") => ((await server.json(`/voice-tasks?${query}`)) as { total: number }).total;
    const totals = () => Promise.all([total(), total("status=run"), total("user_id=alice")]);
    const before = await totals();
    await here.server.call("FLUSHALL");
    expect(await totals()).toEqual(before);
    here.root.write("voice_task.json", "[");
    const ill = await server.fetch("/healthz");
    expect([ill.status, await ill.json()]).toMatchObject([503, { status: "down", store: "unreadable", redis: "ok" }]);
  });

  it("a file that has lost its tasks is reported, and Redis, which has them, answers", async () => {
    await here.mirrored(...Array.from({ length: 9 }, (_, i) => record("u", `t${i}`)));
    here.root.writeStore([]);
    const server = await here.serve("--no-cleanup");
    await server.run.says(/sync failed/);
    expect(await server.json("/healthz")).toMatchObject({ status: "degraded", store: "unreadable", redis: "ok" });
    expect(await server.json("/voice-tasks")).toMatchObject({ total: 9, source: "redis" });
  });

  it("deletions that are owed aren't made in the Redis of another service that comes later", async () => {
    const server = await here.serve("--no-cleanup");
    await server.run.says(/2 tasks from the file/);
    await here.server.call("FLUSHALL");
    await here.mirrored(...Array.from({ length: 9 }, (_, i) => record("u", `t${i}`)));
    here.root.write(".voice_task.json.ttsctl-owed", '{"user_id":"u","task_id":"t0","before":9e9}\n');
    await here.server.call("CLIENT", "KILL", "TYPE", "normal");
    await server.run.says(/have no task in common/);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(9);
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
});

it.each(first(1, ["SIGTERM", "SIGINT"] as const))(
  "%s ends it in order within 5 s: connections that idle, or are slow, do not keep it",
  async (signal) => {
    const server = await here.serve("--cleanup", {}, new FastClock());
    await server.run.says(/pass expire-before/);
    const [idle, slow] = [await Wire.open(server.port), await Wire.open(server.port)];
    idle.socket.write(request("GET /healthz", { Connection: "keep-alive" }));
    await until(() => idle.status === 200);
    slow.socket.write(posted("/voice-tasks/query", "{", { "Content-Length": "9" }));
    const began = performance.now();
    server.run.kill(signal);
    const { code } = await server.run.end();
    expect([code, performance.now() - began < 5000]).toEqual([0, true]);
    expect(server.run.stderr).toMatch(/stopping: no new requests are accepted/);
    const next = await here.serve("--cleanup");
    await next.run.says(/watching/);
  },
);
