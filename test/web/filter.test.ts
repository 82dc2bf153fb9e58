import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseQueryBody } from "../../src/operations/list-query.ts";
import { fieldOf, PAGE_PARTS, type PagePart } from "../../src/task/query-fields.ts";
import { bodyOf, type Filter, hashOf, isFiltered, NO_FILTER, placeOf } from "../../web/model/filter.ts";

/** What no id can hold: they are split at commas and spaces, and trimmed. */
const id = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !/[,\s\p{Cc}\p{Zs}\ufeff]/u.test(text));
const valuesOf = (part: PagePart): fc.Arbitrary<string[]> => {
  const { kind, choices } = fieldOf(part);
  if (kind === "switch") return fc.subarray(["true"]);
  if (part === "sort") return fc.subarray(["created"]);
  if (kind !== "list") return fc.tuple(id);
  return choices === undefined ? fc.uniqueArray(id, { maxLength: 5 }) : fc.subarray([...choices]);
};
const filter = fc
  .record(
    Object.fromEntries(PAGE_PARTS.map((part) => [part, valuesOf(part)])) as Record<PagePart, fc.Arbitrary<string[]>>,
  )
  .chain((whole: Filter) => fc.constantFrom(whole, { ...whole, users: [], taskIds: [] }));

it("the body is one that the server takes, with all of the filter in it", () => {
  fc.assert(
    fc.property(filter, (applied) => {
      expect(parseQueryBody(JSON.stringify(bodyOf(applied, 3, 50)), "the body")).toMatchObject({
        ...Object.fromEntries(
          PAGE_PARTS.map((part) => {
            const { length, 0: first } = applied[part];
            const { kind } = fieldOf(part);
            if (length === 0 || (part === "sort" && applied.taskIds.length > 0)) return [part, null];
            if (kind === "switch") return [part, true];
            return [part, kind === "user" || kind === "list" ? applied[part] : first];
          }),
        ),
        ...{ page: 3, pageSize: 50 },
      });
    }),
  );
});

describe("the address", () => {
  const anyId = fc.string({ minLength: 1, maxLength: 1200, unit: "grapheme" });
  const task = fc.option(
    fc.record(
      { userId: anyId, taskId: anyId, tab: fc.constant("log" as const) },
      { requiredKeys: ["userId", "taskId"] },
    ),
  );

  it("brings one back to the same place", () => {
    fc.assert(
      fc.property(filter, fc.integer({ min: 1, max: 9999 }), task, (applied, page, task) => {
        const place = { filter: applied, page, task };
        const { hash, state } = hashOf(place);
        expect(hash.length).toBeLessThanOrEqual(2000);
        expect(placeOf(new URL(`http://localhost/#${hash}`).hash, structuredClone(state))).toEqual(place);
      }),
    );
  });

  it("says nothing of the first page without a filter", () => {
    const first = { filter: NO_FILTER, page: 1, task: null };
    expect(hashOf(first)).toEqual({ hash: "", state: null });
    expect(placeOf("", null)).toEqual(first);
    expect(isFiltered(NO_FILTER)).toBe(false);
    expect(isFiltered({ ...NO_FILTER, sort: ["created"] })).toBe(false);
  });

  it("keeps what the server will refuse, ignores other nonsense, and keeps too many ids in the history entry's state", () => {
    expect(
      placeOf("#ids=t01&status=done,odd&sort=size&page=-3&task=t01&tab=x", { from: "elsewhere", task: 7 }),
    ).toEqual({
      filter: { ...NO_FILTER, taskIds: ["t01"], statuses: ["done", "odd"], sort: ["size"] },
      ...{ page: 1, task: null },
    });
    expect(placeOf("#task=t01&task-user=alice&tab=files", null).task).toEqual({ userId: "alice", taskId: "t01" });
    const many = { ...NO_FILTER, users: ["alice"], taskIds: Array.from({ length: 5000 }, (_, i) => `t${i}`) };
    const place = { filter: many, page: 1, task: null };
    const state = { taskIds: many.taskIds };
    expect(hashOf(place)).toEqual({ hash: "user=alice", state });
    expect(placeOf("#user=alice", state)).toEqual(place);
  });
});
