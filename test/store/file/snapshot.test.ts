import { readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setImmediate as immediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { sharedSnapshot } from "../../../src/store/file/shared-snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
import { runs } from "../../helpers/python.ts";
import { RULES } from "../../helpers/records.ts";
import { storeOf, withSnapshot } from "./read-store.ts";
import { inForce, randomStore, textOf } from "./stores.ts";

const path = useFolder();

const rec = (userId: string, taskId: string, updated: unknown, more: object = {}) =>
  JSON.stringify({ user_id: userId, task_id: taskId, updated_at: updated, ...more });
const array = (...records: string[]) => `[${records.join(",\n")}]`;
const map = (...records: string[]) => `{${records.map((record, i) => `"${i}": ${record}`).join(",\n")}}`;
const lines = (...records: string[]) => records.map((record) => `${record}\n`).join("");

/** Null for a descriptor that is closed by now. */
function linkAt(name: string): string | null {
  try {
    return readlinkSync(name);
  } catch {
    return null;
  }
}

/** The same JSON without the spaces that these tests put between tokens. */
const compact = (json: string) => json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");

test("a shared read sees a write that came while another read was at work", async () => {
  writeFileSync(path("s.json"), array(...Array.from({ length: 30_000 }, (_, i) => rec("a", `t${i}`, 1))));
  const shared = sharedSnapshot(path("s.json"), RULES, systemClock);
  const first = shared.read();
  const isOpen = () => readdirSync("/proc/self/fd").some((fd) => linkAt(`/proc/self/fd/${fd}`) === path("s.json"));
  while (!isOpen()) await immediate();
  writeFileSync(path("next"), array(rec("a", "new", 1)));
  renameSync(path("next"), path("s.json"));
  const reads = await Promise.all([first, shared.read()]);
  expect(reads[1]!.size).toBe(1);
  for (const snapshot of reads) await snapshot.close();
  await shared.close();
});

test("random stores are as a model says: the tasks in force, the invalid records, the ids that are held", async () => {
  let tasks = 0;
  await fc.assert(
    fc.asyncProperty(randomStore, async (store) => {
      writeFileSync(path("s.json"), textOf(store));
      const expected = inForce(store);
      await withSnapshot(path("s.json"), async (snapshot) => {
        expect(snapshot.shape).toBe(store.shape);
        const live = [...expected.values()].filter(({ live }) => live >= 0).map(({ live }) => store.elements[live]!);
        const rows = [...snapshot.liveRows()];
        const found = await snapshot.readTasks(rows);
        const ordered = live.sort((a, b) => store.elements.indexOf(a) - store.elements.indexOf(b));
        expect(found).toMatchObject(
          ordered.map(({ userId, taskId, score, status, json }) => {
            return { userId, taskId, score, status, json: compact(json) };
          }),
        );
        expect(snapshot.size).toBe(live.length);
        expect(snapshot.invalid.count).toBe(store.elements.filter(({ kind }) => kind === "invalid").length);
        for (const { userId, taskId } of store.elements) {
          if (userId === undefined || taskId === undefined) continue;
          const { live, invalid } = expected.get(`${userId}:${taskId}`)!;
          const row = rows.find((row) => snapshot.rowOf({ userId, taskId }) === row);
          expect([row !== undefined, snapshot.hasInvalid({ userId, taskId })]).toEqual([live >= 0, invalid]);
          expect(snapshot.holds({ userId, taskId })).toBe(live >= 0 || invalid);
        }
        expect(snapshot.rowOf({ userId: "nobody", taskId: "t01" })).toBe(-1);
        expect(snapshot.rowOf({ userId: "ali", taskId: "cet01" })).toBe(-1);
        tasks += live.length;
      });
    }),
    { numRuns: runs(150) },
  );
  expect(tasks).toBeGreaterThan(runs(100));
});

const [old, recent] = [rec("alice", "t01", 1), rec("alice", "t01", 2)];
const gone = (user: string) => `{"user_id": "${user}", "task_id": "t01", "deleted": true}`;

test.each<[string, string, number, number]>([
  ["the same key of a map twice", `{"a": ${recent}, "a": ${old}}`, 1, 0],
  ["a tombstone in an array, a record like any", array(old, gone("alice").replace("}", ', "updated_at": 0}')), 1, 0],
  ["a tombstone with a colon in the user", lines(rec("a:b", "t01", 1), gone("a:b")), 0, 1],
  [
    "one with a lone surrogate, which is invalid and ends no task",
    lines(rec("\ufffd", "t01", 1), gone("\\ud800")),
    1,
    1,
  ],
])("what the random stores don't have: %s", async (_, content, size, invalid) => {
  const store = await storeOf(path("s.json"), content);
  expect([store.size, store.tasks.length, store.invalid.count]).toEqual([size, size, invalid]);
});

describe("invalid records", () => {
  const INVALID: [string, RegExp, object][] = [
    ["null", /not an object/, {}],
    ['{"task_id":"t01","updated_at":1}', /user_id is missing/, { taskId: "t01" }],
    ['{"user_id":"\\udfff","task_id":"t01","updated_at":1}', /surrogate/, { userId: "\udfff", taskId: "t01" }],
    ['{"user_id":"u","task_id":"t02","updated_at":"x"}', /updated_at/, { userId: "u", taskId: "t02" }],
  ];
  const records = INVALID.map(([json]) => json);
  const valid = rec("alice", "t01", 1);

  test.each([
    ["array", array(valid, ...records)],
    ["map", map(valid, ...records)],
    ["jsonl", lines(valid, ...records)],
  ])("%s: each is counted and named with its place, none is listed", async (shape, content) => {
    const store = await storeOf(path("s.json"), content);
    expect([store.shape, store.size, store.tasks.length]).toEqual([shape, 1, 1]);
    expect(store.invalid.count).toBe(INVALID.length);
    const bytes = Buffer.from(content);
    let at = bytes.indexOf(valid) + valid.length;
    for (const [i, [json, reason, ids]] of INVALID.entries()) {
      at = bytes.indexOf(`${shape === "map" ? ": " : "\n"}${json}`, at) + (shape === "map" ? 2 : 1);
      const { reason: found, ...rest } = store.invalid.named[i]!;
      expect(found).toMatch(reason);
      expect(rest).toEqual({ ...ids, offset: at });
    }
  });

  test("are read by their ids: the last one, and only if one is in force", async () => {
    const first = rec("alice", "t01", null, { n: 1 });
    const last = ' {"user_id":"alice", "task_id":"t01","updated_at":"x"}';
    const other = rec("alice", "t02", "soon");
    const read = async (content: string, taskId: string) => {
      writeFileSync(path("s.json"), content);
      return withSnapshot(path("s.json"), (snapshot) => snapshot.readInvalid({ userId: "alice", taskId }));
    };
    const found = { json: last.replaceAll(" ", ""), reason: expect.stringMatching("updated_at") };
    const contents = [array(first, valid, last, other), map(first, last, other), lines(valid, first, last, other)];
    for (const content of contents) {
      expect(await read(content, "t01")).toEqual(found);
      expect((await read(content, "t02"))?.json).toBe(other);
      expect(await read(content, "t03")).toBeNull();
    }
    expect(await read(array(valid, other), "t01")).toBeNull();
    expect(await read(lines(first, valid), "t01")).toBeNull();
  });
});

describe("readTasks", { tags: ["slow"] }, () => {
  test("returns rows in any order, near and far, small and large", async () => {
    const records = Array.from({ length: 3000 }, (_, i) =>
      rec("alice", `t${i}`, i, { text: "字".repeat(i % 100 === 0 ? 100_000 : i % 7) }),
    );
    writeFileSync(path("s.json"), `[${records.join(`,${" ".repeat(3000)}`)}]`);
    await withSnapshot(path("s.json"), async (snapshot) => {
      const all = [...snapshot.liveRows()];
      const third = all.filter((row) => row % 3 === 0);
      const mixed = all.map((row) => (row * 7) % all.length);
      const orders = [all, [...all].reverse(), third, mixed, [5, 5, 4, 2999], []];
      for (const rows of orders) {
        const tasks = await snapshot.readTasks(rows);
        const expected = rows.map((row) => [row, records[row]!.length]);
        expect(tasks.map(({ score, json }) => [score, json.length])).toEqual(expected);
      }
    });
  });

  test("still returns the old content when the path names another file, or none", async () => {
    writeFileSync(path("s.json"), array(rec("alice", "t01", 1)));
    await withSnapshot(path("s.json"), async (snapshot) => {
      writeFileSync(path("new"), array(rec("bob", "t02", 2)));
      renameSync(path("new"), path("s.json"));
      expect(await snapshot.readTasks([0])).toMatchObject([{ userId: "alice" }]);
      rmSync(path("s.json"));
      expect(await snapshot.readTasks([0])).toMatchObject([{ userId: "alice" }]);
    });
  });

  test.each([
    ["cut short", "["],
    ["other bytes", "x".repeat(200)],
    ["elements that aren't records", `[${" ".repeat(8)}5${" ".repeat(200)}]`],
    ["broken JSON", `[{"user_id": "alice", "task_id" ${" ".repeat(200)}`],
  ])("of a file that was overwritten in place says so: %s", async (_, content) => {
    writeFileSync(path("s.json"), array(rec("alice", "t01", 1), rec("alice", "t02", 1)));
    await withSnapshot(path("s.json"), async (snapshot) => {
      writeFileSync(path("s.json"), content);
      await expect(snapshot.readTasks([0, 1])).rejects.toMatchObject({ code: "STORE_BUSY" });
    });
  });
});
