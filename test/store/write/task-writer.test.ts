import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Task } from "../../../src/task/task.ts";
import { runs } from "../../helpers/python.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { readWithPython } from "./python-eyes.ts";
import { SHAPES, textOf, useWriter, WriterPlace } from "./setup.ts";

const here = useWriter();
const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString();
const timed = (taskId: string, seconds: number, more: RecordJson = {}) =>
  record("alice", taskId, { updated_at: at(seconds), ...more });
const id = (taskId: string) => ({ userId: "alice", taskId });

const change = fc.record({
  task: fc.constantFrom("t1", "t2", "用户", "t:4"),
  time: fc.integer({ min: 0, max: 3 }),
  text: fc.constantFrom("a", "你好\n", '"\\'),
  remove: fc.boolean(),
});
/** A change of a task. */
type Step = typeof change extends fc.Arbitrary<infer T> ? T : never;

describe.each(SHAPES)("the double write into a file of shape %s", (shape) => {
  const held = () => readWithPython(here().path);

  it("a change that is undone just before our next one is made again", async () => {
    const old = textOf(shape, [timed("t1", 1)]);
    here().text = old; // written just now, by an unknown process
    const { settled } = await here().writer.upsert(taskOf(timed("t2", 1)));
    here().replace(old);
    await here().writer.upsert(taskOf(timed("t3", 1)));
    expect([await settled, Object.keys(held()).sort()]).toEqual(["written", ["alice:t1", "alice:t2", "alice:t3"]]);
  });

  it("decides on a content in which nothing is undone", async () => {
    const old = textOf(shape, [timed("t1", 1), timed("t2", 1)]);
    here().text = old;
    const { writer } = here();
    await writer.upsert(taskOf(timed("t1", 5, { status: "running" })));
    await writer.remove(id("t2"));
    here().replace(old);
    const seen: string[] = [];
    const change = (task: Task) => {
      seen.push(task.status);
      return null;
    };
    const [first, second] = [
      await writer.update({ find: () => id("t1"), change }),
      await writer.update({ find: () => id("t2"), change }),
    ];
    expect([first.file, second.file, new Set(seen)]).toEqual(["unchanged", "missing", new Set(["running"])]);
  });

  it("makes a new task again beside one that was changed twice, whatever the other program had read", async () => {
    here().text = textOf(shape, [timed("t1", 1)]);
    const { writer } = here();
    await writer.upsert(taskOf(timed("t2", 1)));
    const read = here().text;
    const written = await Promise.all([timed("t2", 2), timed("n", 1)].map((one) => writer.upsert(taskOf(one))));
    here().replace(read);
    expect(await Promise.all(written.map(({ settled }) => settled))).toEqual(["written", "written"]);
    expect([Object.keys(held()).sort(), held()["alice:t2"]]).toEqual([
      ["alice:n", "alice:t1", "alice:t2"],
      timed("t2", 2),
    ]);
  });

  it("doesn't bring back what another writer, or a program that has read it, deletes", async () => {
    here().text = textOf(shape, [timed("t1", 1)]);
    const [writer, other] = [here().writer, here().open()];
    const written = [await writer.upsert(taskOf(timed("t3", 1))), await writer.upsert(taskOf(timed("t2", 1)))];
    const removed = await other.remove(id("t2"));
    await writer.upsert(taskOf(timed("t4", 1))); // looks at the file before
    expect(Object.keys(held())).not.toContain("alice:t2");
    here().replace(textOf(shape, [timed("t1", 1), timed("t3", 1), timed("t4", 1)]));
    await writer.upsert(taskOf(timed("t4", 2)));
    here().replace(textOf(shape, [timed("t1", 1), timed("t4", 2)]));
    const all = await Promise.all([...written, removed].map(({ settled }) => settled));
    expect([all, Object.keys(held()).sort()]).toEqual([
      ["written", "written", "removed"],
      ["alice:t1", "alice:t4"],
    ]);
  });

  it("doesn't bring back a new task that the other program worked on and then deleted", async () => {
    here().text = textOf(shape, [timed("t1", 1)]);
    const { settled } = await here().writer.upsert(taskOf(timed("n", 1)));
    here().replace(textOf(shape, [timed("t1", 1), timed("n", 2, { status: "running" })]));
    await here().clock.sleep(1000); // until the watch has seen it, also on a busy machine
    here().replace(textOf(shape, [timed("t1", 1)]));
    expect([await settled, Object.keys(held())]).toEqual(["written", ["alice:t1"]]);
  });

  it("of an invalid record that comes back is made again", async () => {
    const old = textOf(shape, [timed("t1", 1), timed("n", 1, { updated_at: "never" })]);
    for (const isRemoval of [false, true]) {
      here().text = old;
      const { writer } = here();
      const { settled } = isRemoval ? await writer.remove(id("n")) : await writer.upsert(taskOf(timed("n", 2)));
      here().replace(old);
      await settled;
      // A new record is put beside the invalid one, which only a removal of the task removes.
      expect([here().text.includes("never"), here().text.includes(at(2))]).toEqual([!isRemoval, !isRemoval]);
    }
  });

  it("equals a plain model, whatever the changes and batches; for Python too", async () => {
    let count = 0;
    const script = fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(script, async (batches) => {
        const place = new WriterPlace(`${here().path}.${count++}`);
        place.fill(textOf(shape, [timed("first", 0), timed("t1", 1)]));
        const model = new Map<string, RecordJson>([
          ["alice:first", timed("first", 0)],
          ["alice:t1", timed("t1", 1)],
        ]);
        const { writer } = place;
        for (const batch of batches) {
          const asked = batch.map(({ task, time, text, remove }) =>
            remove ? writer.remove(id(task)) : writer.upsert(taskOf(timed(task, time, { text }))),
          );
          const expected = batch.map((one) => applied(model, one));
          expect((await Promise.all(asked)).map(({ file }) => file)).toEqual(expected);
        }
        await place.close();
        expect(readWithPython(place.path)).toEqual(Object.fromEntries(model));
      }),
      { numRuns: runs(15) },
    );
  });
});

/** What a change comes to in the model, which it changes. */
function applied(model: Map<string, RecordJson>, { task, time, text, remove }: Step): string {
  const name = `alice:${task}`;
  const before = model.get(name);
  if (remove) return model.delete(name) ? "removed" : "missing";
  if (before !== undefined && String(before.updated_at) > at(time)) return "newer";
  model.set(name, timed(task, time, { text }));
  return "written";
}
