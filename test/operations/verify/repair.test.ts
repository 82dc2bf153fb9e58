import { beforeEach, describe, expect, it } from "vitest";
import { KINDS } from "../../../src/operations/verify/drift.ts";
import { record, taskOf } from "../../helpers/records.ts";
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

  it("keeps a key of the wrong type, names it, and continues", async () => {
    const { site } = here;
    await site.server.call("DEL", "tts:task:b:t3", "tts:task:a:t2");
    await site.server.call("SET", "tts:task:b:t3", "a string");
    expect((await site.repair({ prune: true })).result).toMatchObject({ partial: 1, dangling: 1, repaired: 1 });
    expect(site.reporter.text).toContain("b:t3");
    expect(await site.server.call("GET", "tts:task:b:t3")).toBe("a string");
    expect(await site.mirror.syncedAt()).toBeNull();
  });

  it("plans nothing for a user whose index is a key of another type", async () => {
    const { site } = here;
    await site.server.call("SET", "tts:user:c:index", "x");
    site.root.writeStore([...site.root.readStore(), record("c", "t1")]);
    for (const dryRun of [true, false])
      expect((await site.repair({ dryRun })).result).toMatchObject({ onlyInFile: 1, repaired: 0 });
    expect(await site.mirror.syncedAt()).toBeNull();
  });

  it("leaves the mark of a full sync, but not for one user", async () => {
    await here.site.repair({ userId: "a" });
    expect(await here.site.mirror.syncedAt()).toBeNull();
    await here.site.repair();
    expect(await here.site.mirror.syncedAt()).not.toBeNull();
  });

  it("doesn't count a record that the service puts an older one over again", async () => {
    const { site } = here;
    const old = site.root.readStore();
    await site.writeRedis(record("a", "t1", { updated_at: "2030-01-01T00:00:00" }));
    let reads = 0;
    site.flaky.afterCall((method) => void (method === "copies" && reads++ === 0 && site.root.writeStore(old)));
    expect((await site.repair()).result).toMatchObject({ newerInRedis: 1, repaired: 0 });
    expect(site.reporter.text).toMatch(/a:t1 was not repaired/);
  });

  it("brings a newer record back of a hash without its user, and writes over an older one", async () => {
    const { site } = here;
    for (const [task, time] of [
      ["a:t1", "2030-01-01T00:00:00"],
      ["a:t2", "2001-01-01T00:00:00"],
    ] as const) {
      const [user, id] = task.split(":") as [string, string];
      await site.writeRedis(record(user, id, { updated_at: time }));
      await site.server.call("HDEL", `tts:task:${task}`, "user_id");
    }
    expect((await site.repair()).result).toMatchObject({ partial: 2, repaired: 2 });
    const times = site.root.readStore().map(({ task_id, updated_at }) => [task_id, String(updated_at).slice(0, 4)]);
    expect(times.slice(0, 2)).toEqual([
      ["t1", "2030"],
      ["t2", String(record("a", "t2").updated_at).slice(0, 4)],
    ]);
    expect((await site.verify()).result).toMatchObject({ inSync: 4 });
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
});

it.each([1, 2])(
  "verify --repair of lost members keeps a newer copy that came since: %i of 2 repaired",
  async (repaired) => {
    const { site } = here;
    // Announced members are set after the comparison, and others in it.
    if (repaired === 1) site.ledger = { announce: async () => {}, stayed: async () => {}, returned: async () => {} };
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    await site.server.call("DEL", "tts:tasks:index");
    const newer = record("a", "t2", { updated_at: "2030-01-01T00:00:00" });
    site.flaky.afterCall(async (method) => {
      if (method === "fits" || method === "reindex") await site.writeRedis(newer);
    });
    expect((await site.repair({ allowMismatch: true })).result).toMatchObject({ unindexed: 2, repaired });
    expect(await site.server.call("ZSCORE", "tts:tasks:index", "a:t2")).toBe(`${taskOf(newer).score}`);
  },
);

it("verify --repair sets lost members in the comparison, but of a task that was just changed after a second look", async () => {
  const { site } = here;
  site.flaky.afterCall((method) => void (method === "reindex" && site.root.writeStore(site.root.readStore())));
  for (const [updated_at, calls] of [
    ["2020-01-01T00:00:00", ["upsert", "reindex", "reindex"]],
    [new Date(site.clock.now() * 1000).toISOString(), ["upsert", "fits", "reindex"]],
  ] as const) {
    await site.writeBoth(record("a", "t1", { updated_at }));
    await site.server.call("DEL", "tts:tasks:index");
    expect((await site.repair()).result).toMatchObject({ unindexed: 1, repaired: 1 });
    expect(site.flaky.calls.splice(0).filter((name) => /^(fits|reindex|upsert)$/.test(name))).toEqual(calls);
  }
});

it("verify --repair finishes deletions that Redis lacks instead of restoring the tasks", async () => {
  const { site } = here;
  await site.writeBoth(...many(30));
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

it("verify --repair does not write a task to the file whose ids would be read as others", async () => {
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

it("verify --repair restores under the ids of the key, whatever the payload says", async () => {
  const { site } = here;
  await site.writeBoth(record("a", "t1"));
  await site.writeRedis(record("b", "t2"));
  await site.server.call("HSET", "tts:task:b:t2", "payload", JSON.stringify(record("evil", "t9")));
  expect((await site.repair({ restore: true })).result).toMatchObject({ onlyInRedis: 1, repaired: 1 });
  expect(site.root.readStore()).toEqual([record("a", "t1"), record("b", "t2")]);
  expect((await site.verify()).drift.size).toBe(0);
});

it("verify --repair counts exactly, repairs all that it promises, and leaves the state of a fresh sync", async () => {
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
