import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { namesIn, useFolder } from "../../helpers/files.ts";
import { readStore } from "../../store/file/read-store.ts";
import { type Rec, rec } from "../../store/file/service.ts";
import { imported } from "./setup.ts";

const path = useFolder();
const lines = (...records: Rec[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");
const stored = async () => (await readStore(path("s.json"))).tasks.map(({ taskId, score }) => `${taskId}@${score}`);
const csv = (...cells: string[]) =>
  `user_id,record\n${cells.map((cell) => `x,"${cell.replaceAll('"', '""')}"\n`).join("")}`;
const one = JSON.stringify(rec("a"));

test.each([
  ["JSON Lines the last", lines(rec("a", 5), rec("b"), rec("a", 3)), ["b@1", "a@3"]],
  [
    "JSON Lines none, where the last is a tombstone",
    `${lines(rec("a", 5), rec("b"))}{"user_id":"alice","task_id":"a","deleted":true}\n`,
    ["b@1"],
  ],
  ["an array the newer", JSON.stringify([rec("a", 5), rec("b"), rec("a", 3)]), ["a@5", "b@1"]],
  [
    "CSV the newer",
    csv(...[rec("a", 5), rec("b"), rec("a", 3)].map((record) => JSON.stringify(record))),
    ["a@5", "b@1"],
  ],
])("of two records of one task counts in %s", async (_, stdin, expected) => {
  await imported(path("s.json"), { stdin });
  expect(await stored()).toEqual(expected);
});

test("a store file that isn't there is made of lines if it is named .jsonl, else as an array", async () => {
  for (const [name, form] of Object.entries({ "new.jsonl": /^\{.*\}\n$/, "new.json": /^\[/ })) {
    await imported(path(name), { stdin: one });
    expect(readFileSync(path(name), "utf8")).toMatch(form);
  }
});

test("a record with a field deleted isn't put into JSON Lines, where it would delete its task", async () => {
  writeFileSync(path("s.jsonl"), lines(rec("b")));
  const stdin = JSON.stringify([{ ...rec("a", 5), deleted: true }, rec("b", 5)]);
  const { result } = await imported(path("s.jsonl"), { stdin });
  expect(result).toMatchObject({ added: 0, replaced: 1, refused: 1 });
  expect((await readStore(path("s.jsonl"))).tasks.map(({ taskId }) => taskId)).toEqual(["b"]);
});

const cut = lines(rec("a"), rec("b")).slice(0, -9);
test.each<[string, string, number[], RegExp]>([
  ["no JSON", `${one}\n{"user_id":\n${lines(rec("b"))}nonsense\n`, [2, 4], /ends too early/],
  ["records without a time", `${one}\n\n{"user_id":"alice","task_id":"x"}\n`, [3], /updated_at is missing/],
  ["a first line that is broken", `{"user_id": "al\n${one}\n`, [1], /control character/],
  ["an unfinished line after a broken one", `x\n${cut}`.replace("x", "{"), [1, 3], /./],
  ["an array", `[\n${one},\n{"user_id": 5},\n7]`, [3, 4], /user_id is not a string/],
  ["an array that is cut behind a record", `[${one}`, [1], /ends inside this array/],
  ["an array with text after its end", `[${one}]\n, {`, [2], /text after the end of the array/],
  ["a map that is cut", `{"alice:a": ${one},\n"alice:b": {"us`, [1], /ends inside this map/],
  ["CSV", csv(one, "nonsense", '{"user_id":"a:b"}', ""), [3, 4, 5], /not JSON/],
  ["CSV with a quote that is not closed", `${csv(one)}x,"{`, [3], /invalid CSV/],
])("an input with bad lines is not imported, each is named: %s", async (_, stdin, numbers, reason) => {
  for (const policy of ["newer", "replace"] as const) {
    const error = await imported(path("s.json"), { stdin }, { policy }).catch((error) => error);
    expect(error).toMatchObject({ code: "IMPORT_INVALID", message: expect.stringMatching(reason) });
    expect(error.message).toContain(`stdin line ${numbers[0]}: `);
    expect(namesIn(path())).toEqual([]);
  }
  const { result, reporter } = await imported(path("s.json"), { stdin }, { skipInvalid: true });
  expect([result.invalid, result.added > 0]).toEqual([numbers.length, true]);
  expect(reporter.warnings.map((line) => Number(/^stdin line (\d+): ./.exec(line)?.[1]))).toEqual(numbers);
  expect(await stored()).toContain("a@1");
});

test.each<[string, string | Buffer]>([
  ["empty", " \n"],
  ["CSV without records", "user_id,task_id\nalice,t1\n"],
  ["JSON with a byte-order mark", `\ufeff${one}\n`],
  ["compressed", gzipSync(one)],
  ["a list as printed", JSON.stringify({ total: 1, items: [rec("a")] })],
])("an unrecognized input is refused, and nothing written: %s", async (_, content) => {
  writeFileSync(path("input"), content);
  await expect(imported(path("s.json"), path("input"))).rejects.toMatchObject({ code: "IMPORT_INVALID" });
  expect(namesIn(path())).toEqual(["input"]);
});
