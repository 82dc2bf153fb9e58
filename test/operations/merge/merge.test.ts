import { describe, expect, test } from "vitest";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { writable } from "../../../src/store/writable.ts";
import { record } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { useSite } from "../setup.ts";
import { merge } from "./setup.ts";

const here = useSite();
const at = (task: string, second: number, more: RecordJson = {}) =>
  record("alice", task, { updated_at: `2020-01-01T08:00:0${second}`, ...more });
const textOf = async (task: string) =>
  JSON.parse((await here.site.server.hash(`tts:task:alice:${task}`)).payload!).text;

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
    expect([await textOf("other"), (await site.server.hash("tts:task:alice:newer")).updated_at]).toEqual([
      "你好，世界",
      "2020-01-01T08:00:05",
    ]);
    expect(await site.server.zset("tts:user:alice:index")).toContainEqual(["newer", "1577865605"]);
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

describe("a task that the service deletes while records are merged", () => {
  const POLICIES = ["newer", "keep", "replace"] as const;
  const STATES = ["same", "older", "newer"] as const;
  test.each(POLICIES.flatMap((policy) => STATES.map((ours) => ({ policy, ours }))))(
    "isn't put back: merge $policy, the record is $ours",
    async ({ policy, ours }) => {
      const { site } = here;
      const times = { same: "2021-01-01T00:00:00", older: "2020-01-01T00:00:00", newer: "2022-01-01T00:00:00" };
      const kept = record("b", "kept");
      site.root.writeStore([record("a", "t1", { updated_at: times.same }), kept]);
      const added = record("c", "added");
      const confirm = async () => site.root.writeStore([kept]);
      const outcome = await merge(site, [record("a", "t1", { updated_at: times[ours] }), added], { policy, confirm });
      expect(outcome).toMatchObject({ added: 1, replaced: 0 });
      expect(
        site.root
          .readStore()
          .map(({ task_id }) => task_id)
          .sort(),
      ).toEqual(["added", "kept"]);
      expect(await site.server.call("EXISTS", "tts:task:a:t1")).toBe(0);
    },
  );
});
