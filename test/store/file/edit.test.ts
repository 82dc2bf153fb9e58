import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { type Edit, putsOf } from "../../../src/store/file/changes.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { writable } from "../../../src/store/writable.ts";
import { isInvalid, RecordParser, type Task } from "../../../src/task/task.ts";
import { useFolder, writeOld } from "../../helpers/files.ts";
import { LONG } from "../../helpers/long.ts";
import { askPython, runs } from "../../helpers/python.ts";
import { API_MS_RULES, RULES, record, taskIn } from "../../helpers/records.ts";
import { readStore } from "./read-store.ts";
import { type Element, inForce, type RandomStore, randomStore } from "./stores.ts";

const path = useFolder();
const parser = new RecordParser(RULES);

interface Layout {
  indent: number | string | null;
  ascii: boolean;
  compact: boolean;
}

/** A random store, how Python lays it out, and a change of it. */
interface Case extends Layout {
  store: RandomStore;
  /** Members of tasks that go. */
  removed: Set<string>;
  /** What replaces the record in force of a task that stays, and what is new. */
  replaced: Map<number, string>;
  added: string[];
}

const layout: fc.Arbitrary<Layout> = fc.oneof(
  fc.record({ indent: fc.constantFrom(2, 4, 0, "\t", null), ascii: fc.constant(false), compact: fc.constant(false) }),
  fc.record({ indent: fc.constantFrom(2, null), ascii: fc.constant(true), compact: fc.constant(false) }),
  fc.record({ indent: fc.constant(null), ascii: fc.constant(false), compact: fc.constant(true) }),
);

const memberOf = ({ userId, taskId }: Element) => `${userId}:${taskId}`;
const more = ', "text": "新 \\"x\\": , ", "n": [1.0, {"a": []}], "e": {}';
const recordText = (userId: string, taskId: string) =>
  `{"user_id": ${JSON.stringify(userId)}, "task_id": ${JSON.stringify(taskId)}, "updated_at": 1700000000.5${more}}`;

/** A file in ASCII can only be as Python writes it where nothing is put in; surrogates are only in such files. */
function caseOf(store: RandomStore, layout: Layout, chance: (weight: number) => boolean): Case {
  const elements = store.elements.filter(({ json }) => layout.ascii || !json.includes("\\ud800"));
  const filtered = { ...store, elements };
  const removed = new Set<string>();
  const replaced = new Map<number, string>();
  const added: string[] = [];
  for (const [member, { live, invalid }] of inForce(filtered)) {
    const { userId, taskId } = elements[live] ?? {};
    if (live < 0) continue;
    if (!invalid && chance(2)) removed.add(member);
    else if (!layout.ascii && chance(4)) {
      if (store.shape === "jsonl") added.push(recordText(userId!, taskId!));
      else replaced.set(live, recordText(userId!, taskId!));
    }
  }
  if (!layout.ascii && chance(2)) added.push(recordText("new user", "新"));
  if (!layout.ascii && chance(4)) added.push(recordText("new user", 'second "task"'));
  return { ...layout, compact: layout.compact && showsLayout(filtered), store: filtered, removed, replaced, added };
}

/** An array such as `[null]` shows no separator: records are inserted in Python's default layout. */
function showsLayout({ shape, elements }: RandomStore): boolean {
  return shape !== "array" || elements.length !== 1 || /^\{.*:/.test(elements[0]!.json);
}

const randomCase = fc
  .tuple(
    randomStore,
    layout,
    fc.array(fc.nat(11), { minLength: 60, maxLength: 60 }),
    fc.constantFrom("some", "all", "none"),
  )
  .map(([store, layout, dice, which]) => {
    let at = 0;
    return caseOf(store, layout, (weight) => (which === "some" ? dice[at++ % 60]! % weight === 0 : which === "all"));
  });

const keyOf = (i: number) => `key ${i} 键`;
const isRemoved = (element: Element, removed: ReadonlySet<string>) =>
  element.userId !== undefined && removed.has(memberOf(element));

function askedOf({ store, removed, replaced, added, ...layout }: Case) {
  const { shape, elements } = store;
  return {
    ...layout,
    shape,
    elements: elements.map(({ json }) => json),
    keys: elements.map((_, i) => keyOf(i)),
    keep: elements.map((element) => !isRemoved(element, removed)),
    replace: Object.fromEntries(replaced),
    add: added,
    addKeys: added.map((json) => {
      const { user_id, task_id } = JSON.parse(json);
      return `${user_id}:${task_id}`;
    }),
  };
}

function taskFrom(json: string): Task {
  const task = parser.parse(json);
  if (isInvalid(task)) throw new Error(task.reason);
  return task;
}

function editOf(snapshot: Snapshot, { store, removed, replaced, added }: Case): Edit {
  const gone = store.elements.filter((element) => isRemoved(element, removed));
  const keys = gone.map(({ userId, taskId }) => snapshot.rows.keys.find(userId!, taskId!));
  return { removed: new Set(keys), puts: putsOf([...replaced.values(), ...added].map(taskFrom)) };
}

/** Makes an edit of a file that was written long ago; the text after it. */
async function textAfter(name: string, content: string, edit: (snapshot: Snapshot) => Edit) {
  writeOld(path(name), content);
  const outcome = await writable(new FileStore(path(name), RULES, systemClock)).apply(edit);
  return { outcome, text: readFileSync(path(name), "utf8") };
}

/** JSON Lines begin with a tombstone where no line with ids would come first any more. */
function headsOf({ store, removed }: Case): string[] {
  const firstKept = store.elements.find((element) => !isRemoved(element, removed));
  if (store.shape !== "jsonl" || removed.size === 0 || firstKept?.userId !== undefined) return [""];
  const gone = store.elements.filter((element) => isRemoved(element, removed));
  return gone.map(
    ({ userId, taskId }) =>
      `{"user_id": ${JSON.stringify(userId)}, "task_id": ${JSON.stringify(taskId)}, "deleted": true}\n`,
  );
}

test("the rest of a random store equals Python's dump of the changed list, to the byte", async () => {
  const cases = fc.sample(randomCase, runs(300));
  const written = askPython<{ before: string; after: string }[]>(
    new URL("dumps.py", import.meta.url),
    cases.map(askedOf),
  );
  const seen = { removed: 0, replaced: 0, added: 0, emptied: 0, heads: 0 };
  for (const [i, one] of cases.entries()) {
    const { before, after } = written[i]!;
    const { outcome, text: result } = await textAfter("s.json", before, (snapshot) => {
      expect(snapshot.shape).toBe(one.store.shape);
      return editOf(snapshot, one);
    });
    const isChange = one.removed.size + one.replaced.size + one.added.length > 0;
    expect(outcome).toMatchObject({ rewrites: isChange ? 1 : 0, returned: [] });
    const expected = headsOf(one).map((head) => head + after);
    if (!expected.includes(result)) expect(result, `case ${i} of ${JSON.stringify(before)}`).toBe(expected[0]);
    const left = await readStore(path("s.json"));
    const live = [...inForce(one.store)].filter(([member, { live }]) => live >= 0 && !one.removed.has(member));
    const fresh = one.added.filter((json) => json.includes("new user")).length;
    expect([left.shape, left.size]).toEqual([one.store.shape, live.length + fresh]);
    expect(left.invalid.count).toBe(
      one.store.elements.filter((element) => element.kind === "invalid" && !isRemoved(element, one.removed)).length,
    );
    seen.removed += one.removed.size;
    seen.replaced += one.replaced.size;
    seen.added += one.added.length;
    if (["[]", "{}"].includes(result)) seen.emptied++;
    if (expected[0] !== after) seen.heads++;
  }
  // What hardly ever happened was not tested.
  const least = LONG ? { removed: 100, replaced: 10, added: 30, emptied: 1, heads: 1 } : { removed: 1, replaced: 1 };
  for (const [what, count] of Object.entries(least)) {
    expect(seen[what as keyof typeof seen], what).toBeGreaterThanOrEqual(count);
  }
});

/** The file after an edit of it. */
async function edited(content: string, change: { remove?: [string, string][]; put?: Task[] }, name = "s.json") {
  const { text } = await textAfter(name, content, ({ rows }) => {
    const removed = new Set((change.remove ?? []).map(([user, task]) => rows.keys.find(user, task)));
    return { removed, puts: putsOf(change.put ?? []) };
  });
  return text;
}

const rec = (user: string, task: string, more = "") =>
  `{"user_id": "${user}", "task_id": "${task}", "updated_at": 1${more}}`;
const [A, B, C] = [rec("a", "1"), rec("b", "2"), rec("c", "3")] as [string, string, string];
const a: [string, string] = ["a", "1"];
const b: [string, string] = ["b", "2"];
const c: [string, string] = ["c", "3"];
const NEW = taskFrom(rec("n", "9"));
const [N, N2, N3] = [rec("n", "9"), rec("n", "9#2"), rec("n", "9#3")] as [string, string, string];

test.each<[string, string, Parameters<typeof edited>[1], string]>([
  ["a record a line", `[\n${A},\n${B},\n${C}\n]\n`, { remove: [b] }, `[\n${A},\n${C}\n]\n`],
  ["a record a line: one added", `[\n${A},\n${B}\n]\n`, { put: [NEW] }, `[\n${A},\n${B},\n${N}\n]\n`],
  [
    "a space after colons alone",
    `[${A.replaceAll(", ", ",")}]`,
    { put: [NEW] },
    `[${A.replaceAll(", ", ",")},${N.replaceAll(", ", ",")}]`,
  ],
  [
    "a text that looks like a separator",
    `[{"t":"\\": , ","user_id":"a","task_id":"1","updated_at":1}]`,
    { put: [NEW] },
    `[{"t":"\\": , ","user_id":"a","task_id":"1","updated_at":1},${N.replaceAll(" ", "")}]`,
  ],
  ["commas before", `[ ${A}\n, ${B}\n, ${C} ]`, { remove: [b, c] }, `[ ${A} ]`],
  ["all go", `\n[ ${A}\n, ${B} ]\n\n`, { remove: [a, b] }, "\n[]\n\n"],
  ["all go, one comes", `[ ${A}\n, ${B} ]`, { remove: [a, b], put: [NEW] }, `[ ${N} ]`],
  ["a map on one line", `{"x": ${A}, "y": ${B}, "z": ${C}}`, { remove: [a, c] }, `{"y": ${B}}`],
  [
    "a map: an invalid record keeps its name, a new one does not take it",
    '{"n:9": {"user_id": "n", "task_id": "9"}, "a:1": null}',
    { put: [NEW, taskFrom(A)] },
    `{"n:9": {"user_id": "n", "task_id": "9"}, "a:1": null, "n:9#2": ${N}, "a:1#2": ${A}}`,
  ],
  [
    "a map: so does another task's record, and an escaped name",
    `{"\\u006e:9": ${A}, "n:9#2": ${B}}`,
    { put: [NEW] },
    `{"\\u006e:9": ${A}, "n:9#2": ${B}, "n:9#3": ${N}}`,
  ],
  [
    "a map: nor the name of a task whose id ends in a number, there or new",
    `{"n:9": 5, "n:9#2": ${N2}}`,
    { put: [NEW, taskFrom(N3)] },
    `{"n:9": 5, "n:9#2": ${N2}, "n:9#4": ${N}, "n:9#3": ${N3}}`,
  ],
  [
    "a map: the name of a record that goes is free",
    `{"n:9": ${A}, "y": ${B}}`,
    { remove: [a], put: [NEW] },
    `{"y": ${B}, "n:9": ${N}}`,
  ],
  ["a map: what is replaced keeps its key", `{"x": ${N}, "y": ${B}}`, { put: [NEW] }, `{"x": ${N}, "y": ${B}}`],
])("arrays and maps that Python did not write keep their own layout: %s", async (_, content, change, expected) => {
  expect(await edited(content, change)).toBe(expected);
});

test("in a map, two tasks with similar ids get separate names, and none is lost", async () => {
  const similar = (user: string, id: string) => record(user, id, { updated_at: 1_600_000_000 });
  writeFileSync(path("s.json"), JSON.stringify({ "a:b:c": similar("a:b", "c") }, null, 2));
  const added = [similar("a", "b:c"), similar("x:y", "z"), similar("x", "y:z")];
  const puts = putsOf(added.map((json) => taskIn(API_MS_RULES, json)));
  await writable(new FileStore(path("s.json"), API_MS_RULES, systemClock)).apply(() => ({ removed: new Set(), puts }));
  const map = JSON.parse(readFileSync(path("s.json"), "utf8")) as Record<string, { user_id: string; task_id: string }>;
  const names = Object.entries(map).map(([name, { user_id, task_id }]) => `${name} ${user_id}|${task_id}`);
  expect(names).toEqual(["a:b:c a:b|c", "a:b:c#2 a|b:c", "x:y:z x:y|z", "x:y:z#2 x|y:z"]);
});

const tombstone = '{"user_id": "a", "task_id": "1", "deleted": true}\n';
test.each<[string, string, Parameters<typeof edited>[1], string]>([
  ["all lines of a task go", `${A}\n${B}\n${A}\n`, { remove: [a] }, `${B}\n`],
  ["also the last one, which has no newline", `${B}\n${A}\n${A}`, { remove: [a] }, `${B}\n`],
  ["an emptied store that gets a line has both", `${A}\n`, { remove: [a], put: [NEW] }, `${tombstone}${N}\n`],
  ["other lines are kept, behind a tombstone", `${A}\n5\n${B}\n`, { remove: [a] }, `${tombstone}5\n${B}\n`],
  ["one is appended", `${A}\n`, { put: [NEW] }, `${A}\n${N}\n`],
  ["one is appended where no newline was", A, { put: [NEW] }, `${A}\n${N}\n`],
  ["an unfinished append is cut off by the next", `${A}\n{"user_id": "x`, { put: [NEW] }, `${A}\n${N}\n`],
  ["but not by a removal", `${A}\n${B}\n{"user_id": "x`, { remove: [a] }, `${B}\n{"user_id": "x`],
  ["also where the last whole line goes", `${A}\n${B}\n{"user_id": "x`, { remove: [b] }, `${A}\n{"user_id": "x`],
  ["blank lines and CRLF are kept", `${A}\r\n\r\n${B}\r\n${C}\r\n`, { remove: [b] }, `${A}\r\n\r\n${C}\r\n`],
  ["compact lines stay compact", `${A.replaceAll(" ", "")}\n${B}\n`, { remove: [b] }, `${A.replaceAll(" ", "")}\n`],
])("JSON Lines: %s", async (_, content, change, expected) => {
  const result = await edited(content, change);
  expect(result).toBe(expected);
  writeFileSync(path("s.json"), result);
  expect((await readStore(path("s.json"))).shape).toBe("jsonl");
});
