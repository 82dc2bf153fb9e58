import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openBackup } from "../../src/operations/backup.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const COUNTS = { skipped: 0, failed: 0, returned: 0, dryRun: false };

describe("cleanup", () => {
  it("keeps tasks of which one copy is not finished or not expired, and counts them as skipped", async () => {
    const { site } = here;
    await site.writeRedis(
      record("a", "requeued", { status: "queued", updated_at: ago(60) }),
      record("a", "late", { updated_at: ago(60) }),
    );
    const working = record("a", "working", { status: "running" });
    await site.writeRedis(record("a", "old-in-redis"), working, record("a", "moved-on", { updated_at: ago(60) }));
    site.root.writeStore([
      ...[working, record("a", "moved-on", { status: "running" })],
      ...[record("a", "requeued"), record("a", "late")],
      record("a", "old-in-redis", { status: "running", updated_at: ago(5) }),
    ]);
    site.root.writeArtifacts([record("a", "requeued"), record("a", "late"), record("a", "old-in-redis")]);
    const tree = site.root.tree();
    const dump = await site.server.dump();
    const { result } = await site.cleanup();
    expect(result).toMatchObject({ ...COUNTS, candidates: 3, purged: 0, skipped: 3, files: 0, bytes: 0, stuck: 1 });
    expect([site.root.tree(), await site.server.dump()]).toEqual([tree, dump]);
    expect(site.reporter.text).toContain("a:requeued");
    expect(site.reporter.steps.at(-1)).toEqual({ label: "cleaning up", done: 2, total: 2 });
  });

  it("purges Redis-only tasks, and members without a hash", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "young", { updated_at: ago(60) }));
    await site.writeRedis(record("a", "redis"), record("a", "dangling"), record("a", "both-gone"));
    await site.server.call("DEL", "tts:task:a:dangling");
    site.root.writeArtifacts([record("a", "redis"), record("a", "dangling")]);
    const { result } = await site.cleanup();
    expect(result).toMatchObject({ ...COUNTS, candidates: 3, purged: 3, files: 4 });
    const purged = (task: string) => site.purged.find(({ taskId }) => taskId === task);
    expect(purged("dangling")).toMatchObject({ reason: "dangling", local: false, redis: false });
    expect(purged("redis")).toMatchObject({ reason: "expired", local: false, redis: true });
    expect((await site.server.zset("tts:tasks:index")).map(([member]) => member)).toEqual(["a:young"]);
    expect(await site.server.zset("tts:user:a:index")).toHaveLength(1);
    for (const task of ["redis", "dangling"]) expect(site.root.has(`output/a/${task}`)).toBe(false);
  });

  it("counts the audio of a task whose log can't be removed, and says so", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    site.root.writeArtifacts([record("a", "t1")]);
    const refused = { files: 0, bytes: 0, kept: 1, reasons: ["cannot remove the log"], retry: true };
    site.wrapArtifacts = (real) => Object.assign(real, { logs: Object.assign(real.logs, { remove: () => refused }) });
    const { result } = await site.cleanup();
    expect(result).toMatchObject({ ...COUNTS, purged: 0, failed: 1, files: 1 });
    expect(site.reporter.text).toContain("cannot remove the log; 1 file of it already removed");
    expect(site.root.readStore()).toHaveLength(1);
  });

  it("keeps a young dangling member: its hash may follow", async () => {
    const { site } = here;
    site.root.writeStore([record("a", "young", { updated_at: ago(60) })]);
    await site.server.call("ZADD", "tts:tasks:index", Math.floor(Date.now() / 1000), "a:soon");
    expect((await site.cleanup()).result).toMatchObject({ ...COUNTS, candidates: 0, purged: 0 });
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(1);
  });

  it("keeps a task with an invalid record, in the mirror and with its artifacts", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "twin"));
    site.root.writeStore([record("a", "other"), { ...record("a", "twin"), updated_at: "soon" }, record("a", "twin")]);
    site.root.writeArtifacts([record("a", "twin")]);
    const { result } = await site.cleanup();
    expect(result).toMatchObject({ candidates: 2, purged: 1, skipped: 1 });
    expect(site.purgedNames()).toEqual(["a:other"]);
    expect(site.root.readStore()).toHaveLength(2);
    expect(site.root.has("output/a/twin/twin.wav")).toBe(true);
    expect(await site.server.call("EXISTS", "tts:task:a:twin")).toBe(1);
    expect(site.reporter.text).toContain("invalid record");
  });

  it("compacts JSON Lines that later ones replaced, but not in a dry run", async () => {
    const { site } = here;
    const line = (progress: number) => `${JSON.stringify(record("a", "young", { updated_at: ago(60), progress }))}\n`;
    site.root.write("voice_task.json", Array.from({ length: 150 }, (_, i) => line(i)).join(""), 1_600_000_000);
    const left = () => site.root.storeText().trim().split("\n").length;
    expect([await site.cleanup({ dryRun: true }).then(left), await site.cleanup().then(left)]).toEqual([150, 1]);
  });

  it("reports the limit in UTC: a task exactly at it is purged", async () => {
    const { site } = here;
    const at = Math.floor(Date.now() / 1000) - 1000;
    site.clock.now = () => at + 7 * 86_400.5 + 0.000001;
    site.state = { kind: "off" };
    const iso = (shift: number) => new Date((at + 3.5 + shift) * 1000).toISOString();
    site.root.writeStore([record("a", "at", { updated_at: iso(0) }), record("a", "after", { updated_at: iso(0.001) })]);
    const { result } = await site.cleanup();
    expect(result.expireBefore).toBe(iso(0).replace(/\.(\d{3})Z$/, ".$1001+00:00"));
    expect(site.purgedNames()).toEqual(["a:at"]);
  });
});

describe("--backup", () => {
  it("has what only the file's record says beside a newer copy without a payload", async () => {
    const { site } = here;
    const newer = { status: "failed", updated_at: "2020-01-02T00:00:00+00:00" };
    await site.writeRedis(record("a", "t1", newer));
    await site.server.call("HDEL", "tts:task:a:t1", "payload");
    site.root.writeStore([record("a", "t1", { extra: [1] })]);
    const backup = await openBackup(site.root.at("backup.jsonl"));
    expect((await site.cleanup({}, backup)).result).toMatchObject({ purged: 1 });
    await backup.close();
    const saved = readFileSync(site.root.at("backup.jsonl"), "utf8").trim().split("\n").at(-1)!; // the last counts
    expect(JSON.parse(saved)).toMatchObject({ ...newer, text: record("a", "t1").text, extra: [1] });
  });

  it("has no line that import would read as a tombstone or as another task: such a task is kept, or named", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "gone", { deleted: true }), record("a", "plain"));
    await site.writeRedis(record("b", "redis"), record("b", "ended", { deleted: true }));
    await site.server.call("HSET", "tts:task:b:redis", "payload", JSON.stringify(record("mallory", "m1")));
    const backup = await openBackup(site.root.at("backup.jsonl"));
    const { result } = await site.cleanup({}, backup);
    await backup.close();
    expect(result).toMatchObject({ candidates: 4, purged: 2, failed: 2 });
    expect(site.reporter.text).toMatch(/a:gone was not deleted: its "deleted" field/);
    expect(site.root.readStore()).toEqual([record("a", "gone", { deleted: true })]);
    const lines = readFileSync(site.root.at("backup.jsonl"), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([record("a", "plain"), record("b", "redis")]);
    expect((await site.cleanup()).result).toMatchObject({ purged: 2, failed: 0 });
  });

  it("keeps a task whose copy, of which the backup needs the record, can't be read at that moment", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "plain"));
    await site.writeRedis(record("b", "redis"));
    const key = "tts:task:b:redis";
    const swap = (to: string, from: string) => async (method: string) => {
      if (method === "read") await site.server.call("RENAME", from, to);
    };
    await site.server.call("SET", "aside", "a string");
    site.flaky.onCall(async (method) => {
      if (method !== "read") return;
      await swap("hash", key)(method);
      await swap(key, "aside")(method);
    });
    site.flaky.afterCall(async (method) => {
      if (method !== "read") return;
      await swap("aside", key)(method);
      await swap(key, "hash")(method);
    });
    const backup = await openBackup(site.root.at("backup.jsonl"));
    expect((await site.cleanup({}, backup)).result).toMatchObject({ purged: 1, failed: 1 });
    await backup.close();
    expect(site.reporter.text).toContain("its record in Redis could not be read for the backup");
    expect((await site.server.hash(key)).status).toBe("succeeded");
  });
});
