import fc from "fast-check";
import { expect, it } from "vitest";
import { NO_FILTER } from "../../web/model/filter.ts";
import { holdRows, type Row, rowOf } from "../../web/model/row.ts";
import { goneOf } from "../../web/state/change.ts";
import { TaskList } from "../../web/state/task-list.ts";

const row = (taskId: string, status = "run"): Row => rowOf({ user_id: "alice", task_id: taskId, status });
const keys = (rows: readonly Row[]) => rows.map(({ key }) => key);

it("rows on the screen are updated, and never added, removed or moved, whatever the response", () => {
  const ids = fc.uniqueArray(fc.constantFrom<string>("a", "b", "c", "d", "e", "f"));
  fc.assert(
    fc.property(ids, ids, (before, after) => {
      const shown = before.map((id) => row(id));
      const answer = after.map((id) => row(id, "done"));
      const held = holdRows(shown, answer, 1);
      expect(keys(held.rows)).toEqual(keys(shown));
      const end = after.findLastIndex((id) => before.includes(id));
      const added = after.filter((id, i) => !before.includes(id) && (end === -1 || i < end));
      expect(held.added).toBe(added.length);
      expect(held.differs).toBe(JSON.stringify(before) !== JSON.stringify(after));
      for (const { taskId, status, left } of held.rows)
        expect([status, left]).toEqual(after.includes(taskId) ? ["done", false] : ["run", true]);
    }),
  );
});

it("all tasks of a filter are more than a page, up to a limit", async () => {
  const items = Array.from({ length: 2500 }, (_, i) => ({ user_id: "a", task_id: `t${i}` }));
  const list = async ({ page = 1, pageSize = 20 }) => ({
    body: { items: items.slice(pageSize * (page - 1), pageSize * page), pageSize },
  });
  const tasks = new TaskList(
    { list } as never,
    () => false,
    () => undefined,
    { filter: NO_FILTER, page: 1 } as never,
    null,
  );
  expect([(await tasks.all(5000)).length, (await tasks.all(1200)).length]).toEqual([2500, 1200]);
});

it("a row vanishes only if its task is gone: not if a deletion failed, was undone or refused", () => {
  const result = { requested: 1, deleted: 1, missing: [], refused: [], failed: 0, returned: 0 };
  const gone = (more: object) => goneOf([row("t1")], { ...result, ...more } as never).length;
  const refused = [{ user_id: "alice", task_id: "t1", reason: "" }];
  expect([{}, { failed: 1 }, { returned: 1 }, { refused }].map(gone)).toEqual([1, 0, 0, 0]);
});

it("a row shows any value that a service wrote in place of a text", () => {
  expect(rowOf({ user_id: "a", task_id: "b", error: { code: 7 }, text: null, updated_at: 1.5 })).toMatchObject({
    ...{ error: '{"code":7}', text: "", updatedAt: "1.5", createdAt: "" },
  });
});
