import { describe, expect, test } from "vitest";
import { useFolder } from "../../helpers/files.ts";
import { everyNth } from "../../helpers/long.ts";
import { readStore, refusalOf, storeOf } from "./read-store.ts";

const path = useFolder();
const MIB = 1 << 20;

const rec = (userId: string, taskId: string, more = "") =>
  `{"user_id": "${userId}", "task_id": "${taskId}", "updated_at": 1${more}}`;
const A = rec("alice", "t01");
const B = rec("bob", "t02");
const idsOf = (tasks: readonly { userId: string; taskId: string }[]) =>
  tasks.map((task) => `${task.userId}:${task.taskId}`);
const BOTH = ["alice:t01", "bob:t02"];

const pretty = (value: unknown) => JSON.stringify(value, null, 2);
const [a, b] = [JSON.parse(A) as object, JSON.parse(B) as object];
const map = { "alice:t01": a, "bob:t02": b };

test.each<[string, string, string, string[]]>([
  ["a pretty array", pretty([a, b]), "array", BOTH],
  ["an array over lines, one record each", `[\n${A},\n${B}\n]\n`, "array", BOTH],
  ["an empty array with white space", " \r\n[ \n\t] \n\n", "array", []],
  ["an array of an array", `[[${A}], ${B}]`, "array", ["bob:t02"]],
  ["a pretty map", pretty(map), "map", BOTH],
  ["a map on one line", JSON.stringify(map), "map", BOTH],
  ["a map on one line with a newline after it", `${JSON.stringify(map)}\n`, "map", BOTH],
  ["a map of one record on one line", `{"alice:t01": ${A}}`, "map", ["alice:t01"]],
  ["an empty map with white space", "\n{ \n }\n", "map", []],
  ["a map whose keys are names of fields", `{"user_id": ${A}, "task_id": ${B}}`, "map", BOTH],
  ["a map with strings under names of fields", `{"a": "x", "task_id": "y", "k": ${A}}`, "map", ["alice:t01"]],
  ["a map with other values", `{"a": 1, "b": null, "c": [${A}], "d": ${B}}`, "map", ["bob:t02"]],
  ["lines", `${A}\n${B}\n`, "jsonl", BOTH],
  ["lines, the last one without a newline", `${A}\n${B}`, "jsonl", BOTH],
  ["lines with CRLF, blank lines and spaces", `\n  ${A} \r\n\r\n \t${B}\t\r\n\n`, "jsonl", BOTH],
  [
    "lines with escaped names of fields",
    `{"user\\u005fid":"alice","\\u0074ask_id":"t01","updated_at":1}\n`,
    "jsonl",
    ["alice:t01"],
  ],
  ["lines behind a record without ids", `{"x":1}\n{}\n{"user_id":5,"task_id":"t"}\n${A}\n${B}\n`, "jsonl", BOTH],
  ["lines after an invalid record whose value is a record", `{"x":${A}}\n${B}\n`, "jsonl", ["bob:t02"]],
  ["a tombstone alone", '{"user_id": "alice", "task_id": "t01", "deleted": true}\n', "jsonl", []],
  ["lines with other values among them", `${A}\n5\n[]\n"x"\nnull\n${B}\n`, "jsonl", BOTH],
])("the shape is recognised by content: %s", async (_, content, shape, ids) => {
  const store = await storeOf(path("s.json"), content);
  expect([store.shape, idsOf(store.tasks), store.size]).toEqual([shape, ids, ids.length]);
  expect(store.unfinished).toBeNull();
});

const CUT = Buffer.from(`${A.slice(0, -1)}, "a": "，`).subarray(0, -2);

test.each<[string, string | Uint8Array, number, number]>([
  ["an empty file", "", 1, 0],
  ["a blank file", " \n\n ", 3, 4],
  ["a byte-order mark", `\ufeff[${A}]`, 1, 0],
  ["UTF-16", Buffer.from(`[${A}]`, "utf16le"), 1, 1],
  ["a number", "12", 1, 0],
  ["a word", "garbage", 1, 0],
  ["NaN in a record", `[\n${A.replace(": 1", ": NaN")}\n]`, 2, A.length],
  ["Infinity in a line", `${A}\n${A.replace(": 1", ": -Infinity")}\n`, 2, 2 * A.length],
  ["NUL bytes after the end", `[${A}]\0\0`, 1, A.length + 2],
  ["text after an array", `[${A}]\n[]`, 2, A.length + 3],
  ["two maps on one line", `{"x": ${A}} {"x": ${A}}`, 1, A.length + 8],
  ["no comma", `[${A} ${B}]`, 1, A.length + 2],
  ["an array without an end", `[${A}`, 1, A.length + 1],
  ["a comma too many", `[${A},]`, 1, A.length + 2],
  ["a map that ends like an array", `{"x": ${A}]`, 1, A.length + 6],
  ["a map without a value", '{"x":}', 1, 5],
  ["a map with a bare key", `{x: ${A}}`, 1, 1],
  ["an array of members", `["x": ${A}]`, 1, 4],
  ["a single record over several lines", JSON.stringify(JSON.parse(A), null, 2), 3, 26],
  ["a line that is cut, another after it", `${A}\n${B.slice(0, -1)}\n${A}\n`, 2, A.length + B.length],
  ["two records on one line", `${A} ${B}\n`, 1, A.length + 1],
  ["an array and lines", `[${A}]\n${B}\n`, 2, A.length + 3],
  ["a line that is cut within a character", CUT, 1, A.length + 7],
  ["a raw newline in a string", `[{"a": "x\ny"}]`, 1, 9],
])("never guess: any other shape is an error with its line and byte: %s", async (_, content, line, byte) => {
  const refusal = await refusalOf(path("s.json"), content);
  expect([refusal.code, refusal.exitCode]).toEqual(["STORE_INVALID", 1]);
  expect(refusal.message).toMatch(`${path("s.json")} line ${line}, byte ${byte}: `);
});

/** Line and byte as the message gives them. */
function placeIn(message: string): [line: number, byte: number] {
  const [, line, byte] = /line (\d+), byte (\d+): /.exec(message)!;
  return [Number(line), Number(byte)];
}

const linesIn = (bytes: Uint8Array) => bytes.filter((byte) => byte === 0x0a).length;

describe("a file cut at every byte", { tags: ["slow"] }, () => {
  const records = [
    { user_id: "用户", task_id: "t01", status: "queued", updated_at: "2024-01-01T00:00:00", text: 'a "b" \\ 🙂' },
    { user_id: "bob", task_id: "t02", error: null, updated_at: 5.25, list: [1, [true, {}], -0.5e-7], ok: false },
  ];
  const map = Object.fromEntries(records.map((record) => [`${record.user_id}:${record.task_id}`, record]));

  test.each([
    ["a pretty array", JSON.stringify(records, null, 2)],
    ["an array on one line", JSON.stringify(records)],
    ["a pretty map", JSON.stringify(map, null, 2)],
    ["a map on one line", JSON.stringify(map)],
  ])("%s: an error at the place of the cut", async (_, content) => {
    const bytes = Buffer.from(content);
    expect((await storeOf(path("s.json"), bytes)).size).toBe(2);
    for (const cut of everyNth(5, 0, bytes.length)) {
      const part = bytes.subarray(0, cut);
      const refusal = await refusalOf(path("s.json"), part);
      expect(refusal.code).toBe("STORE_INVALID");
      expect([cut, placeIn(refusal.message)]).toEqual([cut, [1 + linesIn(part), cut]]);
    }
  });

  test("lines: never an invented record; an unfinished append is named, except as the only line", async () => {
    const lines = [...records, { user_id: "bob", task_id: "t02", deleted: true }].map(
      (line) => `${JSON.stringify(line)}\n`,
    );
    const bytes = Buffer.from(lines.join(""));
    const ends = lines.map((_, i) => Buffer.byteLength(lines.slice(0, i + 1).join("")));
    const expectedAfter = [[], ["用户:t01"], ["用户:t01", "bob:t02"], ["用户:t01"]];
    for (const cut of everyNth(3, 0, bytes.length + 1)) {
      // A line is whole with or without its newline.
      const whole = ends.filter((end) => end - 1 <= cut).length;
      const lastEnd = whole === 0 ? 0 : ends[whole - 1]!;
      if (whole === 0) {
        const refusal = await refusalOf(path("s.json"), bytes.subarray(0, cut));
        expect([cut, refusal.code]).toEqual([cut, "STORE_INVALID"]);
        continue;
      }
      const store = await storeOf(path("s.json"), bytes.subarray(0, cut));
      const unfinished = cut > lastEnd ? lastEnd : null;
      expect([cut, idsOf(store.tasks), store.unfinished]).toEqual([cut, expectedAfter[whole], unfinished]);
      expect([store.shape, store.invalid.count]).toEqual(["jsonl", 0]);
    }
  });
});

describe("bytes that are not UTF-8 are refused where they are", { tags: ["slow"] }, () => {
  const BAD: [string, number[]][] = [
    ["a continuation byte alone", [0x80]],
    ["a character cut short", [0xe4, 0xb8]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["beyond the last code point", [0xf4, 0x90, 0x80, 0x80]],
    ["GBK", [0xc4, 0xe3, 0xba, 0xc3]],
  ];
  const before = Object.entries({ ASCII: "plain", Chinese: "你好，世界", emoji: "x🙂🙂", nothing: "" });
  const wholes: [string, string, string][] = [
    ["array", `[\n  ${A},\n  {"text": "`, `"}\n]`],
    ["map", `{"x": ${A},\n"y": {"text": "`, '"}}'],
    ["map key", `{"x": ${A},\n"`, '": {}}'],
    ["line", `${A}\n{"text": "`, `"}\n${B}\n`],
  ];

  test.each(wholes)("%s", async (_, head, tail) => {
    for (const [name, bad] of BAD) {
      for (const [place, text] of before) {
        const start = Buffer.from(head + text);
        const bytes = Buffer.concat([start, Buffer.from(bad), Buffer.from(`后${tail}`)]);
        const refusal = await refusalOf(path("s.json"), bytes);
        const found = [name, place, refusal.code, ...placeIn(refusal.message)];
        expect(found).toEqual([name, place, "STORE_INVALID", 1 + linesIn(start), start.length]);
      }
    }
  });
});

describe("chunks of 1 MiB", { tags: ["slow"] }, () => {
  /** The first read ends before this byte: one is left free for a newline. */
  const EDGE = MIB - 1;
  const multibyte = `{"task_id": "任务🙂", "user_id": "用户", "k\\u0041": "\\\\\\"é🙂", "updated_at": 1700000000.25, "n": [1.0, {"a": -1e-5}]}`;
  const shapes: Record<string, (filler: string, record: string) => string> = {
    array: (filler, record) => `[${filler}, ${record}, ${B}]`,
    map: (filler, record) => `{"f": ${filler}, "用户:任务🙂": ${record}, "b": ${B}}`,
    jsonl: (filler, record) => `${filler}\n${record}\n${B}\n`,
  };
  const filler = (length: number) => {
    const empty = rec("f", "filler", ', "text": ""');
    return `${empty.slice(0, -2)}${"x".repeat(length - empty.length)}"}`;
  };

  test.each(Object.entries(shapes))("%s: a record across the edge, wherever it is cut", async (_, build) => {
    const plain = Buffer.from(build(filler(200), multibyte));
    const from = plain.indexOf(multibyte);
    const length = Buffer.byteLength(multibyte);
    for (const cut of everyNth(6, -14, length + 9)) {
      const store = await storeOf(path("s.json"), build(filler(200 + EDGE - from - cut), multibyte));
      expect([cut, idsOf(store.tasks)]).toEqual([cut, ["f:filler", "用户:任务🙂", "bob:t02"]]);
      expect(store.tasks[1]!.json).toBe(
        '{"task_id":"任务🙂","user_id":"用户","k\\u0041":"\\\\\\"é🙂","updated_at":1700000000.25,"n":[1.0,{"a":-1e-5}]}',
      );
    }
  });

  test.each(Object.entries(shapes))(
    "%s: records of 5 MiB, full of characters that must not be split",
    async (_, build) => {
      const text = '\\"🙂\\\\你{[}],:'.repeat(320_000);
      const big = rec("big", "t", `, "text": "${text}"`);
      expect(Buffer.byteLength(big)).toBeGreaterThan(5 * MIB);
      const store = await storeOf(path("s.json"), build(big, big.replace("big", "other")));
      expect(idsOf(store.tasks)).toEqual(["big:t", "other:t", "bob:t02"]);
      expect(store.tasks[1]!.json === `{"user_id":"other","task_id":"t","updated_at":1,"text":"${text}"}`).toBe(true);
    },
  );
});

test.each([
  ["array", (deep: string) => `[${rec("alice", "t01", `, "deep": ${deep}`)}, ${deep}, ${B}]`],
  ["map", (deep: string) => `{"a": ${rec("alice", "t01", `, "deep": ${deep}`)}, "x": ${deep}, "b": ${B}}`],
  ["jsonl", (deep: string) => `${rec("alice", "t01", `, "deep": ${deep}`)}\n${deep}\n${B}\n`],
])("%s: 100,000 levels of nesting", { tags: ["slow"] }, async (_, build) => {
  for (const deep of [
    `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    `${'{"a":'.repeat(100_000)}0${"}".repeat(100_000)}`,
  ]) {
    const store = await storeOf(path("s.json"), build(deep));
    // Python can't read a record that is nested like this, so it is invalid, and the rest of the file is read.
    expect([idsOf(store.tasks), store.invalid.count]).toEqual([["bob:t02"], 2]);
    expect((await refusalOf(path("s.json"), build(deep.slice(0, -1)))).code).toBe("STORE_INVALID");
  }
});

test("fields twice, and escaped: the last counts, as in Python", async () => {
  const record =
    '{"user_id":"no","task_id":"t","user\\u005fid":"yes","updated_at":"x","updated\\u005fat":7,"status":"run","status":"done"}';
  for (const content of [`[${record}]`, `{"k":${record}}`, `${record}\n`]) {
    const [task] = (await storeOf(path("s.json"), content)).tasks;
    expect(task).toMatchObject({ userId: "yes", taskId: "t", score: 7, status: "done", json: record });
  }
});

test("a path that isn't a readable regular file is an error; a missing file is an empty store", async () => {
  expect(await readStore(path("missing.json"))).toMatchObject({ shape: null, tasks: [], size: 0 });
  await expect(readStore(path())).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
  await expect(readStore("/dev/null")).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
  await expect(readStore(path("missing.json/x"))).resolves.toMatchObject({ shape: null });
});
