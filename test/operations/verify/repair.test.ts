import { beforeEach, describe, expect, it } from "vitest";
import { KINDS } from "../../../src/operations/verify/classify.ts";
import { ago, record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { useSite } from "../setup.ts";
import { DAMAGES } from "./damage.ts";

const here = useSite();
const SYNCED = "tts:ttsctl:synced";
const COUNTED = "tts:ttsctl:counted";
const many = (count: number) => Array.from({ length: count }, (_, i) => record(`user${i % 7}`, `t${i}`));

/** The dump of a Redis that a sync filled from the file, without the times in the mark and the counts. */
async function dump(): Promise<Record<string, string>> {
  return { ...(await here.site.server.dump()), [SYNCED]: "", [COUNTED]: "" };
}

async function freshDump(): Promise<Record<string, string>> {
  await here.site.server.call("FLUSHALL");
  await here.site.sync();
  return dump();
}

describe("verify --repair", () => {
  beforeEach(() => here.site.writeBoth(record("a", "t1"), record("a", "t2"), record("b", "t1"), record("b", "t3")));

  const repairable = DAMAGES.filter(({ kind, gone }) => !gone || kind === "dangling");
  it.each(repairable.map((damage) => ({ damage, what: damage.what })))("repairs $what", async ({ damage }) => {
    const { site } = here;
    await damage.make(site, "b", "t3");
    const { result } = await site.repair();
    expect(result).toMatchObject({ [damage.kind]: 1, repaired: 1 });
    const once = [site.root.tree(), await dump()];
    expect((await site.verify()).drift.size).toBe(0);
    expect((await site.repair()).result).toMatchObject({ repaired: 0, inSync: damage.gone ? 3 : 4 });
    expect([site.root.tree(), await dump()]).toEqual(once);
    expect(await freshDump()).toEqual(once[1]);
  });

  const kept = DAMAGES.filter(({ kind, gone }) => gone && kind !== "dangling");
  it.each(kept.map((damage) => ({ damage, what: damage.what })))("leaves $what, and counts it", async ({ damage }) => {
    const { site } = here;
    await damage.make(site, "b", "t3");
    const before = [site.root.tree(), await dump()];
    expect((await site.repair()).result).toMatchObject({ [damage.kind]: 1, repaired: 0 });
    expect([site.root.tree(), await dump()]).toEqual(before);
  });

  it.each(kept.map((damage) => ({ damage, what: damage.what })))("removes $what with --prune", async ({ damage }) => {
    const { site } = here;
    await damage.make(site, "b", "t3");
    expect((await site.repair({ prune: true })).result).toMatchObject({ [damage.kind]: 1, repaired: 1 });
    expect(site.asked).toEqual([1]);
    const after = await dump();
    expect((await site.verify()).drift.size).toBe(0);
    expect(await freshDump()).toEqual(after);
  });

  it.each(kept.map((damage) => ({ damage, what: damage.what })))(
    "restores $what with --restore, if it is a record",
    async ({ damage }) => {
      const { site } = here;
      const before = site.root.readStore();
      await damage.make(site, "b", "t3");
      const isRecord = damage.kind === "onlyInRedis";
      expect((await site.repair({ restore: true })).result).toMatchObject({
        [damage.kind]: 1,
        repaired: isRecord ? 1 : 0,
      });
      if (!isRecord) return;
      expect(site.root.readStore()).toEqual(before);
      const after = await dump();
      expect((await site.verify()).drift.size).toBe(0);
      expect(await freshDump()).toEqual(after);
    },
  );

  it("keeps a key of the wrong type, names it, and continues", async () => {
    const { site } = here;
    await site.server.call("DEL", "tts:task:b:t3", "tts:task:a:t2");
    await site.server.call("SET", "tts:task:b:t3", "a string");
    expect((await site.repair({ prune: true })).result).toMatchObject({ partial: 1, dangling: 1, repaired: 1 });
    expect(site.reporter.text).toContain("b:t3");
    expect(await site.server.call("GET", "tts:task:b:t3")).toBe("a string");
    expect(await site.mirror.syncedAt()).toBeNull();
  });

  it("keeps writes of a service between check and repair", async () => {
    const { site } = here;
    await site.server.call("DEL", "tts:task:b:t3", "tts:task:a:t2");
    const fresh = record("b", "t3", { updated_at: ago(0), status: "queued" });
    let calls = 0;
    site.flaky.onCall(async (method) => {
      if (method === "upsert" && calls++ === 0) await site.writeRedis(fresh);
    });
    expect((await site.repair()).result).toMatchObject({ dangling: 2 });
    expect((await site.server.hash("tts:task:b:t3")).status).toBe("queued");
  });

  it.each([
    { when: "compared", last: 1 },
    { when: "being restored", last: 2 },
  ])("does not restore a task that was deleted while the stores were $when", async ({ last }) => {
    const { site } = here;
    await site.writeRedis(record("b", "t3", { updated_at: "2020-01-02T00:00:00" }));
    let looks = 0;
    site.flaky.afterCall((method) => {
      if (method === "fullCopies" && ++looks === last) site.root.writeStore(site.root.readStore().slice(0, 3));
    });
    expect((await site.repair()).result).toMatchObject({ newerInRedis: 1, repaired: 0 });
    expect(site.root.readStore()).toHaveLength(3);
  });

  it("does not remove a member whose hash appeared during the run", async () => {
    const { site } = here;
    await site.server.call("ZADD", "tts:tasks:index", 5, "c:new");
    site.flaky.onCall(async (method) => {
      if (method !== "copies") return;
      site.flaky.onCall(() => {});
      await site.writeRedis(record("c", "new"));
    });
    expect((await site.repair()).result).toMatchObject({ dangling: 1, repaired: 0 });
    expect(await site.server.call("EXISTS", "tts:task:c:new")).toBe(1);
  });
});

describe("verify --repair beside an empty or lost store file", () => {
  beforeEach(() => here.site.writeBoth(...many(30)));

  it.each([
    { what: "is missing", write: () => here.site.root.rename("voice_task.json", "elsewhere") },
    { what: "has no tasks", write: () => here.site.root.writeStore([]) },
  ])("takes nothing from Redis where the file $what, unless that is meant", async ({ write }) => {
    const { site } = here;
    write();
    await site.server.call("DEL", "tts:task:user0:t0");
    const before = await dump();
    await expect(site.repair({ prune: true, maxDelete: null })).rejects.toMatchObject({ code: "STORE_EMPTY" });
    await expect(site.repair()).rejects.toMatchObject({ code: "STORE_EMPTY" });
    expect((await site.repair({ allowMismatch: true })).result).toMatchObject({ onlyInRedis: 29, repaired: 0 });
    expect(site.reporter.text).toContain("members without a task are kept");
    expect(await dump()).toEqual(before);
    expect((await site.repair({ prune: true, maxDelete: null, allowEmpty: true })).result.repaired).toBe(30);
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(0);
  });

  it("writes a lost file again with --restore", async () => {
    const { site } = here;
    const records = site.root.readStore();
    site.root.rename("voice_task.json", "lost");
    expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 30, repaired: 30 });
    const sorted = (items: RecordJson[]) => items.map((item) => JSON.stringify(item)).sort();
    expect(sorted(site.root.readStore())).toEqual(sorted(records));
    const after = await dump();
    expect((await site.verify()).drift.size).toBe(0);
    expect(await freshDump()).toEqual(after);
  });

  it("finishes deletions that Redis lacks instead of restoring the tasks", async () => {
    const { site } = here;
    const [deleted, ...left] = site.root.readStore();
    const { userId, taskId, score } = taskOf(deleted!);
    await site.file.owed.add([{ id: { userId, taskId }, before: score }]);
    site.root.writeStore(left);
    await site.verify();
    expect(site.reporter.text).toContain("Redis may still have tasks that were deleted from the file");
    expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 0 });
    expect(site.root.readStore()).toHaveLength(29);
    expect(await site.file.owed.isThere()).toBe(false);
  });

  it("has a brake of half of Redis's tasks, before anything is changed", async () => {
    const { site } = here;
    site.root.writeStore(many(10));
    await site.server.call("DEL", "tts:task:user0:t0");
    const before = await site.server.dump();
    await expect(site.repair({ prune: true })).rejects.toMatchObject({ code: "MAX_DELETE_EXCEEDED" });
    await expect(site.repair({ prune: true, dryRun: true })).rejects.toMatchObject({ code: "MAX_DELETE_EXCEEDED" });
    expect({ ...(await site.server.dump()), "tts:ttsctl:syncing": "" }).toEqual({
      ...before,
      "tts:ttsctl:syncing": "",
    });
    expect(site.asked).toEqual([]);
    expect((await site.repair({ prune: true, maxDelete: { percent: 70 } })).result.repaired).toBe(21);
  });

  it("looks up each orphan in the file again before removing it", async () => {
    const { site } = here;
    site.root.writeStore(many(28));
    site.flaky.onCall((method) => {
      if (method === "copies") site.root.writeStore(many(29));
    });
    expect((await site.repair({ prune: true })).result).toMatchObject({ onlyInRedis: 2, repaired: 1 });
    expect(await site.server.call("EXISTS", "tts:task:user0:t28")).toBe(1);
  });
});

describe("verify --repair of hostile and broken things", () => {
  it("does not write a task to the file whose ids would be read as others", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    await site.server.call(
      "HSET",
      "tts:task:b: t2",
      ...Object.entries({ user_id: "b", task_id: " t2", status: "queued", updated_at: "2020-01-01T00:00:00" }).flat(),
    );
    expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 1, repaired: 0 });
    expect(site.root.readStore()).toEqual([record("a", "t1")]);
  });

  it("restores under the ids of the key, whatever the payload says", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    await site.writeRedis(record("b", "t2"));
    await site.server.call("HSET", "tts:task:b:t2", "payload", JSON.stringify(record("evil", "t9")));
    expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 1, repaired: 1 });
    expect(site.root.readStore()).toEqual([record("a", "t1"), record("b", "t2")]);
    expect((await site.verify()).drift.size).toBe(0);
  });
});

describe("verify --repair of everything at once", () => {
  it("counts exactly, repairs all that it promises, and leaves the state of a fresh sync", async () => {
    const { site } = here;
    await site.writeBoth(...many(600));
    const expected = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    for (let round = 0; round < 8; round++) {
      for (const [i, damage] of DAMAGES.entries()) {
        const number = round * 70 + i;
        await damage.make(site, `user${number % 7}`, `t${number}`);
        expected[damage.kind]!++;
      }
    }
    const { result } = await site.verify();
    expect(result).toMatchObject({ ...expected, checked: 600, inSync: 600 - 8 * DAMAGES.length });
    const left = 8 * DAMAGES.filter(({ kind, gone }) => gone && kind !== "dangling").length;
    expect((await site.repair()).result).toMatchObject({ ...expected, repaired: 8 * DAMAGES.length - left });
    expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 16, partial: 8, repaired: 16 });
    expect((await site.repair({ prune: true })).result).toMatchObject({ partial: 8, repaired: 8 });
    const after = await dump();
    expect((await site.verify()).drift.size).toBe(0);
    expect(await freshDump()).toEqual(after);
    expect(taskOf(site.root.readStore()[0]!).userId).toBe("user0");
  });
});
