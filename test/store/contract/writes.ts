import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { record } from "../../helpers/records.ts";
import { FileWriter, MirrorWriter, nameOf, SHAPES, type TestRecord, type Writer } from "./writers.ts";

const idOf = ({ user_id, task_id }: TestRecord) => ({ userId: user_id, taskId: task_id });
const heldOf = (...records: TestRecord[]) => Object.fromEntries(records.map((one) => [nameOf(one), one]));

/** What every place keeps to that tasks are written to (docs/contract.md, Store file, Redis and Deployments). */
export function keepsTheWriteContract(store: Writer): void {
  afterAll(() => store.close());

  /** A time, that many of the least steps that count after a moment. */
  const at = (n: number) => `2024-01-01T00:00:${store.rules.layout === "plain" ? `00.00000${n}` : `0${n}`}`;
  const task = (id: string, n: number, more = {}) => record("alice", id, { updated_at: at(n), ...more });
  const see = (...records: TestRecord[]) => store.see(records.map(idOf));
  const other = record("bob", "t9", { updated_at: at(1) });

  it("writes what is new or newer, and nothing older over anything newer", async () => {
    await store.fill([task("t1", 5), task("t2", 5), other]);
    const [newer, older, added] = [task("t1", 6, { text: "6" }), task("t2", 4, { text: "4" }), task("t3", 1)];
    expect(await store.upsert([newer, older, added])).toEqual(["written", "newer", "written"]);
    expect(await store.held()).toEqual(heldOf(newer, task("t2", 5), added, other));
  });

  it("knows what an equal time means, and writes that again without harm", async () => {
    await store.fill([task("t1", 5)]);
    const same = task("t1", 5, { status: "failed", text: "same time" });
    expect(await store.upsert([same])).toEqual([store.atEqualTime]);
    expect(await store.held()).toEqual(heldOf(store.atEqualTime === "written" ? same : task("t1", 5)));
    expect(await store.upsert([same])).toEqual([store.atEqualTime]);
  });

  it("of a task that comes twice in a batch, the newer record stays, in either order", async () => {
    const [older, newer] = [task("t1", 5), task("t1", 6)];
    for (const batch of [
      [older, newer],
      [newer, older],
    ]) {
      await store.fill([other]);
      await store.upsert(batch);
      expect(await store.held()).toEqual(heldOf(newer, other));
    }
  });

  it("removes what is as it was seen, with all that belongs to it, and nothing else", async () => {
    const tasks = [task("t1", 1), task("t2", 2), task("t3", 3)];
    await store.fill([...tasks, other]);
    const gone = [tasks[0]!, tasks[2]!];
    expect(await store.remove(gone.map(idOf), await see(...gone))).toEqual(["removed", "removed"]);
    expect(await store.held()).toEqual(heldOf(tasks[1]!, other));
    expect(await store.remove([idOf(other)], await see(other))).toEqual(["removed"]);
    expect(await store.remove([idOf(tasks[1]!)], await see(tasks[1]!))).toEqual(["removed"]);
    expect(await store.held()).toEqual({});
    expect(await store.upsert([other])).toEqual(["written"]);
    expect(await store.held()).toEqual(heldOf(other));
  });

  it.each([
    ["a newer time", () => task("t1", 6)],
    ["an older time", () => task("t1", 4)],
    ["another status at the same time", () => task("t1", 5, { status: "running" })],
  ])("refuses to remove what has %s than it was seen with, and removes the rest", async (_, changed) => {
    const tasks = [task("t0", 5), task("t1", 5), task("t2", 5)];
    await store.fill(tasks);
    const seen = await see(...tasks);
    await store.foreign(idOf(tasks[1]!), changed());
    expect(await store.remove(tasks.map(idOf), seen)).toEqual(["removed", "changed", "removed"]);
    expect(await store.held()).toEqual(heldOf(changed()));
  });

  it("doesn't bring back, or trip over, what another program removed since it was seen", async () => {
    const tasks = [task("t1", 5), task("t2", 5)];
    await store.fill(tasks);
    const seen = await see(...tasks);
    await store.foreign(idOf(tasks[0]!), null);
    const [, second] = await store.remove(tasks.map(idOf), seen);
    expect([second, await store.held()]).toEqual(["removed", {}]);
  });

  it("is a model's on any batches of changes, some of them seen before another program's write", async () => {
    const ids = ["t1", "t2", "t3"];
    const write = fc.record({
      id: fc.constantFrom(...ids),
      n: fc.integer({ min: 1, max: 6 }),
      status: fc.constantFrom("running", "succeeded"),
    });
    const step = fc.oneof(
      fc.record({ upsert: fc.uniqueArray(write, { selector: ({ id }) => id, maxLength: 3 }) }),
      fc.record({ remove: fc.subarray(ids, { minLength: 1 }), between: fc.option(write) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const model = new Map<string, TestRecord>();
        await store.fill([]);
        for (const one of steps) {
          if ("upsert" in one) {
            const records = one.upsert.map(({ id, n, status }) => task(id, n, { status }));
            const before = new Map(model);
            const outcomes = await store.upsert(records);
            for (const [i, record] of records.entries()) {
              const there = before.get(record.task_id);
              const wins =
                there === undefined ||
                `${there.updated_at}` < `${record.updated_at}` ||
                (there.updated_at === record.updated_at && store.atEqualTime === "written");
              if (wins) model.set(record.task_id, record);
              expect(outcomes[i] === "written").toBe(wins);
            }
          } else {
            const due = one.remove.filter((id) => model.has(id)).map((id) => model.get(id)!);
            const seen = await see(...due);
            const between =
              one.between === null ? null : task(one.between.id, one.between.n, { status: one.between.status });
            if (between !== null) {
              await store.foreign(idOf(between), between);
              model.set(between.task_id, between);
            }
            const outcomes = await store.remove(due.map(idOf), seen);
            for (const [i, record] of due.entries()) {
              const now = model.get(record.task_id)!;
              const isSame = now.status === record.status && now.updated_at === record.updated_at;
              expect(outcomes[i]).toBe(isSame ? "removed" : "changed");
              if (isSame) model.delete(record.task_id);
            }
          }
          expect(await store.held()).toEqual(heldOf(...model.values()));
        }
      }),
      { numRuns: 15 },
    );
  });

  if (store instanceof MirrorWriter) {
    it("at an equal time gives the indexes what they lack, and keeps the hash", async () => {
      await store.fill([task("t1", 5), task("t2", 5)]);
      await store.unindex(idOf(task("t1", 5)));
      await store.upsert([task("t1", 5, { text: "other" }), task("t2", 5)]);
      expect(await store.held()).toEqual(heldOf(task("t1", 5), task("t2", 5)));
    });

    it.each([
      ["a newer time", () => task("t1", 9)],
      ["another status at the same time", () => task("t1", 5, { status: "running" })],
    ])("refuses to overwrite what has %s than it was seen with, and leaves nothing of it", async (_, changed) => {
      const tasks = [task("t0", 5), task("t1", 5)];
      await store.fill(tasks);
      const seen = await see(...tasks);
      await store.foreign(idOf(tasks[1]!), changed());
      const marked = ["t0", "t1"].map((id) => task(id, 7, { status: "failed" }));
      expect(await store.overwrite(marked, seen)).toEqual(["written", "changed"]);
      expect(await store.held()).toEqual(heldOf(marked[0]!, changed()));
    });

    it("a task that Redis refuses fails alone", async () => {
      const tasks = [task("t1", 1), task("t2", 1), task("t3", 1)];
      await store.fill([]);
      await store.damage(idOf(tasks[1]!));
      expect(await store.upsert(tasks)).toEqual(["written", "REDIS_FAILED", "written"]);
    });
  }
  if (store instanceof FileWriter) keepsTheFile(store, task);
}

function keepsTheFile(store: FileWriter, task: (id: string, n: number, more?: object) => TestRecord): void {
  const isLines = store.shape === "lines";

  it("of duplicates the newest counts (of lines the last), and a removal takes all of them", async () => {
    const [older, newer, kept] = [task("t1", 4, { text: "older" }), task("t1", 6, { text: "newer" }), task("t2", 1)];
    await store.fill([newer, kept, older]);
    const [counts] = isLines ? [older] : [newer];
    expect(await store.upsert([task("t1", 5)])).toEqual([isLines ? "written" : "newer"]);
    await store.fill([newer, kept, older]);
    expect(await store.remove([idOf(counts!)], await store.see([idOf(counts!)]))).toEqual(["removed"]);
    expect(store.text).toBe(SHAPES[store.shape]([kept]).replace("key 0", "key 1"));
  });

  it("keeps the bytes of what it doesn't change, valid or not", async () => {
    const odd =
      '{"user_id": "alice",  "task_id": "t8", "updated_at": "2024-01-01T00:00:00",  "n": 1.0, "text": "\\u00e9"}';
    const invalid = '{"user_id": "alice", "task_id": "t7", "updated_at": "soon"}';
    const first = JSON.stringify(task("t1", 1));
    const texts = {
      array: (all: string[]) => `[${all.join(", ")}]`,
      map: (all: string[]) => `{${all.map((text, i) => `"${"abc"[i]}": ${text}`).join(", ")}}`,
      lines: (all: string[]) => all.map((text) => `${text}\n`).join(""),
    };
    store.write(texts[store.shape]([odd, invalid, first]));
    await store.remove([idOf(task("t1", 1))], await store.see([idOf(task("t1", 1))]));
    expect(store.text).toBe(texts[store.shape]([odd, invalid]));
  });

  if (!isLines) return;
  it("an emptied file keeps one tombstone, and a record after it counts again", async () => {
    await store.fill([task("t1", 1)]);
    await store.remove([idOf(task("t1", 1))], await store.see([idOf(task("t1", 1))]));
    expect(store.text).toBe('{"user_id": "alice", "task_id": "t1", "deleted": true}\n');
    expect(await store.see([idOf(task("t1", 1))])).toEqual([null]);
    expect(await store.upsert([task("t1", 1)])).toEqual(["written"]);
    expect(await store.held()).toEqual(heldOf(task("t1", 1)));
  });

  it("an unfinished last line is ignored, and cut off by the next change", async () => {
    store.write(`${SHAPES.lines([task("t1", 1), task("t2", 1)])}{"user_id": "alice", "task_id": "t1", "upd`);
    expect(await store.upsert([task("t2", 2)])).toEqual(["written"]);
    expect(await store.held()).toEqual(heldOf(task("t1", 1), task("t2", 2)));
  });
}
