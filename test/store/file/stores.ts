import fc from "fast-check";
import type { Shape } from "../../../src/store/file/scanner.ts";

/** One element of a random store, and what the model knows of it. */
export interface Element {
  /** Its JSON on one line, numbers as Python writes them. */
  readonly json: string;
  /** Trimmed; undefined where they cannot be read. */
  readonly userId?: string;
  readonly taskId?: string;
  readonly kind: "task" | "invalid" | "tombstone";
  readonly score: number;
  readonly status: string;
}

const plainIds = ["alice", "bob", "t01", "t02", "a-b"];
const oddIds = ["用户", "🙂", "a b", "é", "e\u0301", "__proto__", "\x7f", "\ufffd", '"', "\\", "../x", "0"];

/** An id with its JSON text, now and then with white space around it, or escaped. */
const id = fc
  .tuple(
    fc.oneof(fc.constantFrom(...plainIds), fc.constantFrom(...oddIds)),
    fc.constantFrom("", "", "", " ", "\u3000", "\x85"),
  )
  .map(([value, space]) => ({ value, json: JSON.stringify(space + value + space) }));

const status = fc.constantFrom("queued", "running", "Succeeded", " failed ", "paused", "完成");
const statusJson = fc.oneof(
  status.map((word) => ({ status: word, field: `"status": ${JSON.stringify(word)}` })),
  fc.constantFrom({ status: "", field: '"status": null' }, { status: "", field: '"a": 1.0' }),
);
/** Few values, for many ties. */
const time = fc.constantFrom(
  { score: 1_704_067_200, json: '"2024-01-01T00:00:00"' },
  { score: 1_704_067_200, json: "1704067200" },
  { score: 1_704_067_200.000_001, json: '"2024-01-01T08:00:00.000001+08:00"' },
  { score: 5.5, json: "5.5" },
  { score: -1, json: "-1.0" },
);
const rest = fc.constantFrom(
  "",
  ', "text": "你好 {[:,\\\\\\"\\n"',
  ', "top_p": 1.0, "n": 12345678901234567890',
  ', "o": {"list": [], "e": {}, "x": [1, {"y": null}]}',
);
/** `deleted` counts in JSON Lines alone, and only where it is true. */
const notDeleted = fc.constantFrom("", "", "", ', "deleted": false', ', "deleted": null', ', "deleted": "true"');

const task = fc.tuple(id, id, statusJson, time, rest, notDeleted).map(
  ([user, task, { status, field }, { score, json }, more, deleted]): Element => ({
    json: `{"user_id": ${user.json}, "task_id": ${task.json}, ${field}, "updated_at": ${json}${more}${deleted}}`,
    userId: user.value,
    taskId: task.value,
    kind: "task",
    score,
    status,
  }),
);

/** Records that aren't valid, with their ids if these can be read. */
const other = (kind: Element["kind"], json: string, ...[user, task]: { value: string }[]): Element => ({
  ...{ json, kind, score: 0, status: "" },
  ...(user && task && { userId: user.value, taskId: task.value }),
});

/** With both ids, but no time that can be read. */
const timeless = fc
  .tuple(id, id, fc.constantFrom("null", '"soon"', "1e+30", '"2024-02-30T00:00:00"', "true", "[1, 2]"))
  .map(([user, task, json]) => {
    return other("invalid", `{"user_id": ${user.json}, "task_id": ${task.json}, "updated_at": ${json}}`, user, task);
  });

const nameless = fc
  .constantFrom(
    '{"user_id": "alice", "updated_at": 1}',
    '{"user_id": "alice", "task_id": null, "updated_at": 1}',
    '{"user_id": " ", "task_id": "t01", "updated_at": 1}',
    '{"user_id": "\\ud800", "task_id": "t01", "updated_at": 1}',
    "{}",
  )
  .map((json) => other("invalid", json));
const noObject = fc
  .constantFrom("null", "17", "1.0", '"alice"', "[]", '[{"user_id": "alice", "task_id": "t01", "updated_at": 1}]')
  .map((json) => other("invalid", json));

const tombstone = fc
  .tuple(id, id)
  .map(([user, task]) =>
    other("tombstone", `{"user_id": ${user.json}, "task_id": ${task.json}, "deleted": true}`, user, task),
  );

const arbitraryOf = (all: { arbitrary: fc.Arbitrary<Element>; weight: number }[]) => fc.oneof(...all);
const taskOnly = [{ arbitrary: task, weight: 12 }];
const invalid = [timeless, nameless, noObject].map((arbitrary) => ({ arbitrary, weight: 1 }));
const sequenceElement = arbitraryOf([...taskOnly, ...invalid]);
const lineElement = arbitraryOf([...taskOnly, ...invalid, { arbitrary: tombstone, weight: 2 }]);

export interface RandomStore {
  readonly shape: Shape;
  readonly elements: Element[];
}

const size = { maxLength: 25, size: "max" } as const;
export const randomStore: fc.Arbitrary<RandomStore> = fc.oneof(
  fc.array(sequenceElement, size).map((elements) => ({ shape: "array" as const, elements })),
  fc.array(sequenceElement, size).map((elements) => ({ shape: "map" as const, elements })),
  // The first line has ids: that is what makes it JSON Lines.
  fc
    .tuple(arbitraryOf(taskOnly), fc.array(lineElement, size))
    .map(([first, more]) => ({ shape: "jsonl" as const, elements: [first, ...more] })),
);

/** The file that holds such a store. Keys of a map are of no account. */
export function textOf({ shape, elements }: RandomStore): string {
  if (shape === "jsonl") return elements.map(({ json }) => `${json}\n`).join("");
  if (shape === "array") return `[${elements.map(({ json }) => json).join(", ")}]`;
  return `{${elements.map(({ json }, i) => `"k${i}": ${json}`).join(", ")}}`;
}

/** The elements in force, by `user:task`: the live one, and whether an invalid record has the same ids. */
export function inForce({ shape, elements }: RandomStore): Map<string, { live: number; invalid: boolean }> {
  const lines = shape === "jsonl";
  const byMember = new Map<string, { live: number; invalid: boolean }>();
  for (const [index, { kind, userId, taskId, score }] of elements.entries()) {
    if (userId === undefined) continue;
    const member = `${userId}:${taskId}`;
    const before = byMember.get(member) ?? { live: -1, invalid: false };
    let now = before;
    if (kind === "tombstone") now = { live: -1, invalid: false };
    else if (kind === "invalid") now = { live: lines ? -1 : before.live, invalid: true };
    else if (lines) now = { live: index, invalid: false };
    else if (before.live < 0 || elements[before.live]!.score <= score) now = { ...before, live: index };
    byMember.set(member, now);
  }
  return byMember;
}
