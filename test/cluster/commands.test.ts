import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { record } from "../helpers/records.ts";
import { INDEX, Place } from "./setup.ts";

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
    const end = await mirror.beginSync();
    const owner = await cluster.serverOf("tts:ttsctl:syncing");
    await owner.call("FLUSHALL");
    expect(await end(NOW)).toBe(false);
    expect(await (await mirror.beginSync())(NOW)).toBe(true);
    expect(await mirror.syncedAt()).toBe(NOW);
    mirror.close();
    expect((await cluster.call("KEYS", "tts:ttsctl:syncing*")) as string[]).toEqual([]);
  });

  it("doctor reports its nodes and slots", async () => {
    here.root.writeStore(TASKS);
    await here.run("sync");
    const { checks } = (await here.json("doctor")) as unknown as { checks: { check: string }[] };
    expect(checks.find(({ check }) => check === "redis.role")).toMatchObject({
      ...{ status: "ok", detail: "a cluster of 3 primaries, 0 replicas, all slots served; 3 without a replica" },
    });
    expect(checks.find(({ check }) => check === "redis.version")).toMatchObject({
      ...{ status: "ok", detail: expect.stringContaining("on 3 nodes") },
    });
    const single = await here.run("doctor -o json", {
      env: { REDIS_CLUSTER: "false", REDIS_URL: `redis://127.0.0.1:${cluster.port}` },
    });
    expect(single.stdout).toContain("one node of a cluster");
  });
});
