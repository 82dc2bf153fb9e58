import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { record } from "../helpers/records.ts";
import { Place } from "./setup.ts";

const INDEX = "tts:tasks:index";
const NOW = new Date().toISOString();

let cluster: RedisCluster;
let here: Place;
beforeEach(async () => {
  cluster = await sharedCluster();
  here = new Place(cluster);
});
afterEach(() => here.remove());

const TASKS = ["alice", "bob", "中文{a}", "{}x{y}"].flatMap((user) =>
  Array.from({ length: 60 }, (_, i) =>
    record(user, `t${i}{${i % 7}}`, { updated_at: `2024-01-01T00:${String(i).padStart(2, "0")}:00.25` }),
  ),
);

describe("on a cluster", () => {
  it("sync, list, query, get, stats and verify work as on one node", async () => {
    here.root.writeStore(TASKS);
    expect(await here.json("sync")).toMatchObject({ code: 0, total: 240, written: 240, failed: 0, orphans: 0 });
    expect(await here.json("sync")).toMatchObject({ code: 0, unchanged: 240, written: 0 });
    expect(await cluster.call("ZCARD", INDEX)).toBe(240);
    for (const node of cluster.primaries) {
      expect(((await node.call("KEYS", "tts:task:*")) as string[]).length).toBeGreaterThan(0);
    }
    const page = await here.json("list --user alice --page 2 --page-size 25");
    const fromFile = await here.json("list --user alice --page 2 --page-size 25 --source file");
    expect(page).toEqual({ ...fromFile, source: "redis" });
    expect(await here.json("list --user alice --ids t3{3},gone,t1{1}")).toMatchObject({
      ...{ code: 3, source: "redis", total: 2, missing: ["gone"] },
    });
    expect(await here.json("list --status done --page-size 7")).toMatchObject({ source: "redis", total: 240 });
    expect(await here.json("get bob t5{5}")).toMatchObject({ code: 0, source: "redis", redis: { task_id: "t5{5}" } });
    expect(await here.json("stats")).toMatchObject({ source: "redis", total: 240, users: 4 });
    expect(await here.json("verify")).toMatchObject({ code: 0, checked: 240, inSync: 240 });
  });

  it("mark, delete, cleanup and prune change hash and indexes, and nothing else", async () => {
    here.root.writeStore(TASKS);
    await here.run("sync");
    here.root.writeArtifacts([{ user_id: "alice", task_id: "t1{1}" }]);
    expect(await here.json("mark --user alice --ids t0{0} --to error --yes")).toMatchObject({ code: 0, marked: 1 });
    expect((await cluster.hash("tts:task:alice:t0{0}")).status).toBe("error");
    expect(await here.json("delete --user alice --ids t1{1},t2{2} --yes")).toMatchObject({
      code: 0,
      deleted: 2,
      files: 1, // the log is that of other users too
    });
    expect(await cluster.call("EXISTS", "tts:task:alice:t1{1}")).toBe(0);
    expect(await cluster.call("ZSCORE", INDEX, "alice:t1{1}")).toBe(null);
    expect(await cluster.call("ZCARD", "tts:user:alice:index")).toBe(58);
    await here.mirrored(record("carol", "orphan"));
    expect(await here.json("sync --prune --yes")).toMatchObject({ code: 0, orphans: 1, pruned: 1 });
    expect(await here.json("verify")).toMatchObject({ code: 0, inSync: 238 });
    here.root.writeStore([...here.root.readStore(), record("carol", "new", { updated_at: NOW })]);
    expect(await here.json("cleanup --once")).toMatchObject({ code: 0, purged: 237, failed: 0 });
    expect(await cluster.zset(INDEX)).toHaveLength(1);
    expect((await cluster.call("KEYS", "tts:task:*")) as string[]).toEqual(["tts:task:alice:t0{0}"]);
  });

  it("a prefix moves keys to other slots", async () => {
    const config = readFileSync(here.root.at("config.ini"), "utf8");
    here.root.write("config.ini", config.replace("[redis]", "[redis]\nprefix = staging:"));
    here.root.writeStore(TASKS);
    expect(await here.json("sync")).toMatchObject({ code: 0, written: 240 });
    for (const line of ["list --page 2", "list --user alice", "list --user {}x{y}", "stats"]) {
      expect(await here.json(line)).toMatchObject({ source: "redis" });
    }
    expect(await here.json("verify")).toMatchObject({ code: 0, inSync: 240 });
    expect(await here.json("delete --user alice --ids t1{1} --yes")).toMatchObject({ code: 0, deleted: 1 });
    for (const node of cluster.primaries) expect(await node.call("KEYS", "tts:*")).toEqual([]);
    expect(await here.json("list --user alice")).toMatchObject({ source: "redis" });
    await cluster.call("DEL", "staging:tts:user:alice:index");
    expect(await here.json("list --user alice")).toMatchObject({ source: "file", total: 59 });
  });

  it("list trusts no index that a node lost, and no other node's mark", async () => {
    here.root.writeStore(TASKS);
    await here.run("sync");
    const owner = await cluster.serverOf("tts:user:alice:index");
    await owner.call("FLUSHALL");
    const answer = await here.run("list --user alice -o json --page-size 100");
    expect(JSON.parse(answer.stdout)).toMatchObject({ source: "file", total: 60 });
    expect(answer.stderr).toContain("ttsctl sync");
    for (const user of ["alice", "bob", "中文{a}", "{}x{y}"]) {
      const { total } = await here.json(`list --user ${user} --page-size 100`);
      expect(total).toBe(60);
    }
    await cluster.call("ZADD", "tts:user:alice:index", 1, "new"); // as a service goes on
    expect(await here.json("list --user alice --page-size 100")).toMatchObject({ source: "file", total: 60 });
    await here.run("sync");
    expect(await here.json("list --user alice --page-size 100")).toMatchObject({ source: "redis", dangling: 1 });
  });

  it("a flush of the node that has the token during a sync leaves no mark", async () => {
    here.root.writeStore(TASKS);
    await here.run("sync");
    const mirror = await connectMirror(cluster);
    await mirror.beginSync("token");
    const owner = await cluster.serverOf("tts:ttsctl:syncing");
    await owner.call("FLUSHALL");
    expect(await mirror.endSync("token", NOW)).toBe(false);
    await mirror.beginSync("again");
    expect(await mirror.endSync("again", NOW)).toBe(true);
    expect(await mirror.syncedAt()).toBe(NOW);
    mirror.close();
    expect((await cluster.call("KEYS", "tts:ttsctl:syncing*")) as string[]).toEqual([]);
  });

  it("serve answers, and deletes", async () => {
    here.root.writeStore(TASKS);
    const server = await here.serve();
    await server.run.says(/240 tasks from the file to Redis/); // until then the file answers
    const page = await server.json("/voice-tasks?user_id=alice&page_size=3");
    expect(page).toMatchObject({ total: 60, source: "redis" });
    await server.json("/voice-tasks/t1%7B1%7D?user_id=alice", { method: "DELETE" });
    expect(await cluster.call("EXISTS", "tts:task:alice:t1{1}")).toBe(0);
  });

  it("doctor reports its nodes and slots", async () => {
    here.root.writeStore(TASKS);
    await here.run("sync");
    const { stdout } = await here.run("doctor -o json");
    const checks = Object.fromEntries(
      (JSON.parse(stdout).checks as { check: string }[]).map((found) => [found.check, found]),
    );
    expect(checks["redis.role"]).toMatchObject({
      ...{ status: "ok", detail: "a cluster of 3 primaries, 0 replicas, all slots served; 3 without a replica" },
    });
    expect(checks["redis.version"]).toMatchObject({ status: "ok", detail: expect.stringContaining("on 3 nodes") });
    expect(checks["redis.rights"]).toMatchObject({ status: "ok" });
    expect(checks.synced).toMatchObject({ status: "ok" });
    const single = await here.run("doctor -o json", {
      env: { REDIS_CLUSTER: "false", REDIS_URL: `redis://127.0.0.1:${cluster.port}` },
    });
    expect(single.stdout).toContain("one node of a cluster");
  });
});
