import { describe, expect, it } from "vitest";
import { NO_FILTER } from "../../src/task/query-fields.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { ids, useSite } from "./setup.ts";

const here = useSite();
const running = (userId: string, taskId: string, more: RecordJson = {}) =>
  record(userId, taskId, { status: "running", ...more });
const runningOnes = { filter: { ...NO_FILTER, statuses: new Set(["run"]) } };
const hashOf = (name: string) => here.site.server.hash(`tts:task:${name}`);

const lines = () => here.site.root.storeText().split("\n");

describe("mark", () => {
  it("changes status, error and time in both stores, and no other byte", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), running("a", "t2", { 备注: 1.0, seed: 5 }), running("b", "t3"));
    const before = lines();
    const { result, problem } = await site.mark(ids("t2", "none"));
    expect(problem).toBeNull();
    expect(result).toEqual({
      ...{ requested: 2, marked: 1, unchanged: 0, missing: ["none"], refused: [], failed: 0, returned: 0 },
      dryRun: false,
    });
    const after = lines();
    const changed = before.flatMap((line, i) => (line === after[i] ? [] : [after[i]!.trim().split(":")[0]]));
    expect(after).toHaveLength(before.length);
    expect(changed).toEqual(['"status"', '"error"', '"updated_at"']);
    const marked = site.root.readStore()[1]!;
    expect(marked).toMatchObject({ status: "failed", error: "the worker died" });
    expect(String(marked.updated_at)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/);
    expect(Math.abs(Date.parse(`${marked.updated_at}Z`) - Date.now())).toBeLessThan(60_000);
    const hash = await hashOf("a:t2");
    expect(hash).toMatchObject({ status: "failed", error: "the worker died", updated_at: marked.updated_at });
    expect(JSON.parse(hash.payload!)).toEqual(marked);
    const score = Number(await site.server.call("ZSCORE", "tts:tasks:index", "a:t2"));
    expect(score).toBeCloseTo(Date.parse(`${marked.updated_at}Z`) / 1000, 2);
    expect(await site.server.call("ZSCORE", "tts:user:a:index", "t2")).toBe(String(score));
    expect(site.marked).toEqual([{ userId: "a", taskId: "t2", from: "run", to: "error", local: true, redis: true }]);
  });

  it("reports the same stores in a dry run, also of a task that one of them lacks", async () => {
    const { site } = here;
    await site.writeRedis(running("a", "inRedis"));
    site.root.writeStore([running("a", "inFile")]);
    const reported = async (dryRun: boolean) => {
      await site.mark(ids("inFile", "inRedis"), { dryRun });
      return site.marked.splice(0);
    };
    const planned = await reported(true);
    expect(planned).toMatchObject([{ redis: true }, { redis: true }]);
    expect(await reported(false)).toEqual(planned);
  });

  it("keeps an error's text or clears it, as requested", async () => {
    const { site } = here;
    await site.writeBoth(running("a", "t1", { error: "old" }), running("a", "t2", { error: "old" }));
    await site.mark(ids("t1"), { error: undefined });
    await site.mark(ids("t2"), { status: "queued", shown: "wait", error: null });
    expect(site.root.readStore().map(({ error }) => error)).toEqual(["old", null]);
    expect(await hashOf("a:t2")).toMatchObject({ status: "queued", error: "" });
  });

  it("makes the time later even if the clock shows the same second", async () => {
    const { site } = here;
    const now = Math.floor(Date.now() / 1000);
    site.clock.now = () => now + 0.9;
    await site.writeBoth(running("a", "t1", { updated_at: now }));
    expect((await site.mark(ids("t1"))).result.marked).toBe(1);
    expect(site.root.readStore()[0]!.updated_at).toBe(now + 1);
    expect((await hashOf("a:t1")).status).toBe("failed");
  });

  it("keeps tasks that it can't judge, and does the rest", async () => {
    const { site } = here;
    site.root.writeStore([
      running("a", "newer"),
      { user_id: "a", task_id: "invalid", status: "running" },
      running("a", "future", { updated_at: "2999-01-01T00:00:00" }),
      running("a", "wrong"),
      running("a", "good"),
    ]);
    await site.writeRedis(record("a", "newer", { updated_at: ago(5) }));
    await site.server.call("SET", "tts:task:a:wrong", "a string");
    const { result } = await site.mark(ids("newer", "invalid", "future", "wrong", "good"));
    expect(result).toMatchObject({ requested: 5, marked: 1, failed: 1, missing: [] });
    expect(result.refused.map(({ task_id }) => task_id).sort()).toEqual(["future", "invalid", "newer"]);
    expect(site.root.readStore().map(({ status }) => status)).toEqual([...Array(4).fill("running"), "failed"]);
    expect(site.reporter.text).toMatch(/a:newer is left unchanged: Redis has a newer copy/);
    expect(site.reporter.text).toMatch(/a:wrong was not marked: Redis .* remove the key with redis-cli/);
  });
});

describe("mark beside the service", () => {
  it("keeps a task whose record the service changed during the run, also at the same time", async () => {
    const { site } = here;
    await site.writeBoth(running("a", "t1"), running("a", "t2"));
    let calls = 0;
    site.flaky.afterCall(async (method) => {
      if (method !== "copies" || ++calls !== 2) return;
      site.root.write("voice_task.tmp", JSON.stringify([{ ...running("a", "t1"), progress: 77 }, running("a", "t2")]));
      site.root.rename("voice_task.tmp", "voice_task.json");
    });
    expect((await site.mark(ids("t1", "t2"))).result).toMatchObject({ marked: 1, refused: [{ task_id: "t1" }] });
    expect(site.root.readStore().map(({ progress, status }) => [progress, status])).toEqual([
      [77, "running"],
      [100, "failed"],
    ]);
    expect((await hashOf("a:t1")).status).toBe("running");
  });

  it("brings over what the service wrote to the file alone, before the rewrite, of a task that had the status", async () => {
    const { site } = here;
    await site.writeBoth(running("a", "t1"), running("a", "t2"));
    const old = { status: "failed", updated_at: "2020-06-01T00:00:00" };
    site.root.writeStore([running("a", "t1", old), running("a", "t2")]);
    site.whileAsked = () => site.root.writeStore([running("a", "t1", { updated_at: ago(60) }), running("a", "t2")]);
    expect((await site.mark(ids("t1", "t2"), { error: undefined })).result).toMatchObject({ marked: 1, unchanged: 1 });
    expect(await hashOf("a:t1")).toMatchObject({ status: "running", updated_at: site.root.readStore()[0]!.updated_at });
  });

  it.each(["onCall", "afterCall"] as const)(
    "leaves Redis alone where it changes just before the write (%s)",
    async (when) => {
      const { site } = here;
      await site.writeBoth(running("a", "t1"), running("a", "t2"));
      let calls = 0;
      site.flaky[when](async (method) => {
        if (method !== "copies" || ++calls !== 3) return;
        await site.server.call("HSET", "tts:task:a:t1", "status", "succeeded");
        await site.server.call("HSET", "tts:task:a:t2", "updated_at", "2021-01-01T00:00:00");
      });
      const { result } = await site.mark(ids("t1", "t2"));
      expect(calls).toBe(3);
      expect(result).toMatchObject({ marked: 0, failed: 2 });
      expect((await hashOf("a:t1")).status).toBe("succeeded");
      expect(await hashOf("a:t2")).toMatchObject({ status: "running", updated_at: "2021-01-01T00:00:00" });
      expect(site.reporter.text).toContain("changed during the run and is kept; the file has the mark");
    },
  );
});

it.each([
  ["a mark", "running", { marked: 0, unchanged: 0, returned: 1 }],
  ["one of an earlier run", "failed", { marked: 0, unchanged: 0, returned: 1 }],
] as const)("mark, if the service undoes its record after the watch, counts it once: %s", async (_, status, counts) => {
  const { site } = here;
  await site.writeBoth(running("a", "t1"));
  const old = site.root.readStore();
  site.root.writeStore([running("a", "t1", { status, updated_at: "2020-06-01T00:00:00" })]);
  site.flaky.afterCall(async (method) => void (method === "upsert" && site.root.writeStore(old)));
  expect((await site.mark(runningOnes)).result).toMatchObject({ requested: 1, ...counts });
});
