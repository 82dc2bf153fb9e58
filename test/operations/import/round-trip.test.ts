import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { useFolder, writeOld } from "../../helpers/files.ts";
import { objectText } from "../../json/json-text.ts";
import { readStore } from "../../store/file/read-store.ts";
import { exported, imported } from "./setup.ts";

const path = useFolder();

const ids = ["alice", "=HYPERLINK(1)", "@x", "+1", "-1", "a,b", 'a"b', "a\nb", "a\tb", "用户", "🙂", "'", "\x7f", "\r"];
const id = fc.oneof(
  fc.constantFrom(...ids),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 5 }),
  fc.constantFrom("x".repeat(300), "字".repeat(100)),
);
const user = id.map((text) => text.replaceAll(":", "")).filter((text) => text.trim() !== "" && text.isWellFormed());
const task = id.filter((text) => text.trim() !== "" && text.isWellFormed());
const deep = `"deep":${"[".repeat(200)}${"]".repeat(200)}`;
const more = fc.oneof(
  {
    arbitrary: objectText.map(({ compact, spaced }) => [compact.slice(1, -1), spaced.trim().slice(1, -1)]),
    weight: 30,
  },
  { arbitrary: fc.constant([deep, deep]), weight: 1 },
);

/** A record, compact and as in some file; known fields are last, so they override. */
const record = fc
  .tuple(user, task, more, fc.constantFrom('"2024-01-01T00:00:00.123456"', "1704067200.10", "1704067200"))
  .map(([user, task, [compact, spaced], time]) => {
    const known = `"user_id":${JSON.stringify(user)},"task_id":${JSON.stringify(task)},"deleted":null,"updated_at":${time}`;
    const join = (fields: string) => `{${fields.trim() === "" ? "" : `${fields},`}${known}}`;
    return { member: `${user.trim()}:${task.trim()}`, compact: join(compact!), spaced: join(spaced!) };
  });
/** Some hundred records of different tasks. */
function someRecords() {
  return [...new Map(fc.sample(record, 250).map((one) => [one.member, one])).values()];
}

/** A store file of these records in each shape; JSON Lines begin with a line whose ids come plainly. */
const stores: Record<string, (all: readonly { compact: string; spaced: string }[]) => string> = {
  array: (all) => `[${all.map(({ spaced }) => spaced).join(",\n")}]`,
  map: (all) => `{${all.map(({ spaced }, i) => `"key ${i}": ${spaced}`).join(",")}}`,
  lines: (all) => all.map(({ compact }) => `${compact}\n`).join(""),
};
/** Each is imported into a store that is not there, of either name, or is empty. */
const targets = [["s.json"], ["s.jsonl"], ["array.json", "[]"], ["map.json", "{}"]] as const;

describe.each(["jsonl", "json", "csv"] as const)("an export as %s, imported into an empty store", (format) => {
  test.each(Object.keys(stores))("returns the same bytes of each record of an %s", async (shape) => {
    const all = someRecords();
    const [[target, content]] = fc.sample(fc.constantFrom(...targets), 1) as [(typeof targets)[number]];
    writeOld(path("from.json"), stores[shape]!(all));
    if (content !== undefined) writeOld(path(target), content);
    const text = await exported(path("from.json"), format);
    const { result } = await imported(path(target), { stdin: text });
    expect(result).toMatchObject({ records: all.length, added: all.length, invalid: 0 });
    const { tasks } = await readStore(path(target));
    expect(tasks.map(({ json }) => json)).toEqual(all.map(({ compact }) => compact));
    expect((await exported(path(target), format)) === text).toBe(true);
  });
});
