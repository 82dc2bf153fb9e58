import { describe, expect, test } from "vitest";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { writable } from "../../../src/store/writable.ts";
import { at, useSite } from "../setup.ts";
import { merge } from "./setup.ts";

const here = useSite();

/** One task of each kind: the file's is missing, older, the same, other, newer. */
const file = [at("older", 1), at("same", 5), at("other", 5, { text: "theirs" }), at("newer", 9)];
const ours = [at("new", 5), at("older", 5), at("same", 5), at("other", 5), at("newer", 5)];

const NONE = {
  ...{ added: 0, replaced: 0, identical: 0, older: 0, conflict: 0, present: 0, changed: 0, refused: 0 },
  ...{ missing: [], returned: 0, mirrored: { written: 0, unchanged: 0, newer: 0, failed: 0 }, problem: null },
};

describe("records are merged", () => {
  test("with the policy replace, the file's are overwritten, as are their copies in Redis", async () => {
    const { site } = here;
    await site.writeBoth(...file);
    const outcome = await merge(site, ours, { policy: "replace" });
    expect(outcome).toMatchObject({ added: 1, replaced: 3, identical: 1, mirrored: { written: 4, unchanged: 1 } });
    expect(site.root.readStore()).toEqual([...ours.slice(1), ours[0]]);
    for (const { task_id, text, updated_at } of ours) {
      const hash = await site.server.hash(`tts:task:alice:${task_id}`);
      expect([JSON.parse(hash.payload!).text, hash.updated_at]).toEqual([text, updated_at]);
    }
  });

  test("and newer copies in Redis are kept", async () => {
    const { site } = here;
    site.root.writeStore(file);
    await site.writeRedis(at("newer", 9, { updated_at: "2020-01-01T09:00:00" }), at("new", 9));
    const outcome = await merge(site, ours, { policy: "replace" });
    expect(outcome.mirrored).toEqual({ written: 3, unchanged: 0, newer: 2, failed: 0 });
    expect((await site.server.hash("tts:task:alice:newer")).updated_at).toBe("2020-01-01T09:00:00");
  });

  test("by time: the newer one is kept, at equal times the file's", async () => {
    const { site } = here;
    site.root.writeStore(file);
    expect(await merge(site, ours)).toEqual({
      ...NONE,
      ...{ added: 1, replaced: 1, identical: 1, older: 1, conflict: 1 },
      mirrored: { written: 3, unchanged: 0, newer: 0, failed: 0 },
    });
    expect(site.root.storeText()).toBe(JSON.stringify([ours[1], file[1], file[2], file[3], ours[0]], null, 2));
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(3);
    expect(site.reporter.text).toMatch(/alice:other is kept as in the store file: .*same time/);
  });

  test("with the policy keep, the file's are kept", async () => {
    const { site } = here;
    site.root.writeStore(file);
    const outcome = await merge(site, ours, { policy: "keep" });
    expect(outcome).toMatchObject({ added: 1, replaced: 0, identical: 1, present: 3 });
    expect(site.root.readStore()).toEqual([...file, ours[0]]);
  });
});

describe("nothing is written", () => {
  test("over records that the file must keep", async () => {
    const { site } = here;
    const invalid = { ...at("t1", 1), updated_at: "soon" };
    site.root.write("voice_task.json", JSON.stringify([invalid]), 1_600_000_000);
    expect(await merge(site, [at("t1", 5)])).toMatchObject({ added: 0, refused: 1 });
    expect(site.root.readStore()).toEqual([invalid]);
    expect(site.reporter.text).toMatch(/alice:t1 cannot be put into the store file/);
  });

  test("in a dry run, which counts the plan", async () => {
    const { site } = here;
    site.root.writeStore(file);
    const before = [site.root.tree(), await site.server.dump()];
    expect(await merge(site, ours, { dryRun: true })).toMatchObject({ added: 1, replaced: 1, identical: 1 });
    expect([site.root.tree(), await site.server.dump()]).toEqual(before);
  });
});

describe("while the service writes the file", () => {
  /** Something happens between the plan and the rewrite. */
  function disturbed(event: () => void): void {
    const { file } = here.site;
    const apply = (...args: Parameters<FileStore["apply"]>) => {
      event();
      return FileStore.prototype.apply.apply(writable(file), args);
    };
    Object.defineProperty(here.site, "file", {
      value: Object.assign(Object.create(file), { apply, read: () => file.read() }),
    });
  }

  test.each(["newer", "replace"] as const)("its writes during the run are kept with %s", async (policy) => {
    const { site } = here;
    site.root.writeStore(file);
    disturbed(() => site.root.writeStore([at("older", 7), ...file.slice(1), at("fresh", 1)]));
    const outcome = await merge(site, [at("older", 5), at("new", 5)], { policy });
    expect(outcome).toMatchObject({ added: 1, replaced: 0, changed: 1 });
    expect(site.root.readStore()).toEqual([at("older", 7), ...file.slice(1), at("fresh", 1), at("new", 5)]);
  });

  test("a third record of that time is kept: the service wrote it within the same second", async () => {
    const { site } = here;
    site.root.writeStore(file);
    const theirs = at("other", 5, { text: "the next state" });
    disturbed(() => site.root.writeStore([...file.slice(0, 2), theirs, file[3]!]));
    expect(await merge(site, [at("other", 5)], { policy: "replace" })).toMatchObject({ replaced: 0, changed: 1 });
    expect(site.root.readStore()[2]).toEqual(theirs);
  });
});

test("a record that the service puts an older one over, after the watch, counts as returned", async () => {
  const { site } = here;
  site.root.writeStore([at("t1", 1)]);
  site.flaky.afterCall((method) => void (method === "upsert" && site.root.writeStore([at("t1", 1)])));
  expect(await merge(site, [at("t1", 5)])).toMatchObject({ replaced: 1, returned: 1 });
});

describe("a task that the service deletes while records are merged", () => {
  const CASES = (["newer", "keep", "replace"] as const).flatMap((policy) =>
    [4, 5, 6].map((ours) => [policy, ours] as const),
  );
  test.each(CASES)("isn't put back: merge %s, of second 5, the record is of %i", async (policy, ours) => {
    const { site } = here;
    site.root.writeStore([at("t1", 5), at("kept", 1)]);
    const confirm = async () => site.root.writeStore([at("kept", 1)]);
    const outcome = await merge(site, [at("t1", ours), at("added", 1)], { policy, confirm });
    expect(outcome).toMatchObject({ added: 1, replaced: 0 });
    expect(site.root.readStore()).toEqual([at("kept", 1), at("added", 1)]);
    expect(await site.server.call("EXISTS", "tts:task:alice:t1")).toBe(0);
  });
});
