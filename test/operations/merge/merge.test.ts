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
