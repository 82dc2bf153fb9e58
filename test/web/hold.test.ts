import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdRows, type Row, rowOf } from "../../web/model/row.ts";

const row = (taskId: string, status = "run"): Row => rowOf({ user_id: "alice", task_id: taskId, status });
const keys = (rows: readonly Row[]) => rows.map(({ key }) => key);

describe("rows on the screen", () => {
  it("stay in place, are updated, and count new tasks", () => {
    const shown = [row("t3"), row("t2"), row("t1")];
    const held = holdRows(shown, [row("t4"), row("t2", "done"), row("t3")], 1);
    expect(held.rows.map(({ taskId, status, left }) => [taskId, status, left])).toEqual([
      ["t3", "run", false],
      ["t2", "done", false],
      ["t1", "run", true],
    ]);
    expect(held).toMatchObject({ added: 1, differs: true });
  });

  it("are never added, removed or moved, whatever the response", () => {
    const ids = fc.uniqueArray(fc.constantFrom<string>("a", "b", "c", "d", "e", "f"));
    fc.assert(
      fc.property(ids, ids, (before, after) => {
        const shown = before.map((id) => row(id));
        const held = holdRows(
          shown,
          after.map((id) => row(id, "done")),
          1,
        );
        expect(keys(held.rows)).toEqual(keys(shown));
        const end = after.findLastIndex((id) => before.includes(id));
        const added = after.filter((id, i) => !before.includes(id) && (end === -1 || i < end));
        expect(held.added).toBe(added.length);
        expect(held.differs).toBe(JSON.stringify(before) !== JSON.stringify(after));
        for (const { taskId, left } of held.rows) expect(left).toBe(!after.includes(taskId));
      }),
    );
  });
});

describe("a row", () => {
  it("shows any value that a service wrote in place of a text", () => {
    expect(rowOf({ user_id: "a", task_id: "b", error: { code: 7 }, text: null, updated_at: 1.5 })).toMatchObject({
      ...{ error: '{"code":7}', text: "", updatedAt: "1.5", createdAt: "" },
    });
  });
});
