import fc from "fast-check";
import "../../helpers/python.ts";
import type { FileHandle } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { FIELDS } from "../../../src/json/fields.ts";
import { StoreSyntaxError } from "../../../src/store/file/elements.ts";
import { recogniseShape, type ScanResult, scanStore } from "../../../src/store/file/scanner.ts";
import { jsonText } from "../../json/json-text.ts";

/** A file that returns a few bytes at a time; a real file can't be made to. */
function inPieces(bytes: Buffer, size: number): FileHandle {
  const read = async (buffer: Buffer, offset: number, length: number, position: number) => {
    const end = Math.min(position + Math.min(size, length), bytes.length);
    return { bytesRead: bytes.copy(buffer, offset, position, Math.max(position, end)), buffer };
  };
  return { read: read as FileHandle["read"] } satisfies Partial<FileHandle> as FileHandle;
}

interface Found {
  readonly result: ScanResult;
  readonly elements: { readonly text: string; readonly offset: number; readonly fields: readonly string[] }[];
}

async function scan(content: string | Buffer, size: number): Promise<Found> {
  const bytes = Buffer.from(content);
  const elements: Found["elements"] = [];
  const file = inPieces(bytes, size);
  const result = await scanStore(file, await recogniseShape(file), (chunk, from, end, offset, spans) => {
    const fields = FIELDS.filter((_, number) => spans.has(number));
    elements.push({ text: chunk.toString("utf8", from, end), offset, fields });
  });
  return { result, elements };
}

/** The byte at which a content is refused, however it is split into chunks. */
async function refusedAt(content: string | Buffer): Promise<number> {
  const offsets = new Set<number>();
  for (const size of [1, 2, 3, 7, 1000]) {
    const refusal = await scan(content, size).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(StoreSyntaxError);
    offsets.add((refusal as StoreSyntaxError).offset);
  }
  expect([...offsets]).toHaveLength(1);
  return [...offsets][0]!;
}

const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 3 });
const size = fc.oneof(fc.constantFrom(1, 2, 1000), fc.integer({ min: 1, max: 40 }));
const values = fc.array(
  jsonText.map(({ spaced }) => spaced.trim()),
  { maxLength: 6 },
);
const idsOf = (i: number) => `"user_id":"u","task_id":"t${i}"`;

/** A content built from its parts, with the position of each element. */
function build(parts: readonly (string | { readonly element: string })[]) {
  let content = "";
  const elements: { text: string; offset: number }[] = [];
  for (const part of parts) {
    if (typeof part !== "string") elements.push({ text: part.element, offset: Buffer.byteLength(content) });
    content += typeof part === "string" ? part : part.element;
  }
  return { content, elements };
}
const placed = ({ elements }: Found) => elements.map(({ text, offset }) => ({ text, offset }));

describe("the same elements are found, however the file is split into chunks", () => {
  test("an array", async () => {
    await fc.assert(
      fc.asyncProperty(values, space, size, async (all, gap, size) => {
        const items = all.map((text) => text.toWellFormed());
        const parts = items.flatMap((element, i) => [i === 0 ? gap : `${gap},${gap}`, { element }]);
        const { content, elements } = build([gap, "[", ...parts, gap, "]", gap]);
        const found = await scan(content, size);
        const bytes = Buffer.from(content);
        const [open, close] = [bytes.indexOf("["), bytes.lastIndexOf("]")];
        expect(placed(found)).toEqual(elements);
        expect(found.result).toEqual({ shape: "array", open, close, size: bytes.length, unfinished: null });
      }),
    );
  });

  test("a map", async () => {
    await fc.assert(
      fc.asyncProperty(values, space, size, async (all, gap, size) => {
        const items = all.map((text) => text.toWellFormed());
        const parts = items.flatMap((element, i) => [
          `${i === 0 ? "" : ","}${gap}"k\\"${i}"${gap}:${gap}`,
          { element },
        ]);
        const { content, elements } = build([gap, "{", ...parts, gap, "}", gap]);
        const found = await scan(content, size);
        const bytes = Buffer.from(content);
        const [open, close] = [bytes.indexOf("{"), bytes.lastIndexOf("}")];
        expect(placed(found)).toEqual(elements);
        expect(found.result).toEqual({ shape: "map", open, close, size: bytes.length, unfinished: null });
      }),
    );
  });

  test("lines, with an append at their end that was never finished", async () => {
    const tail = fc.constantFrom("", "{", '{"user_id": "u", "task_', "x", '{"a":1}{');
    await fc.assert(
      fc.asyncProperty(values, space, size, tail, async (all, gap, size, tail) => {
        const line = gap.replaceAll("\n", "");
        const first = { element: `{${idsOf(0)}}` };
        const rest = all.map((text) => ({ element: text.toWellFormed().replaceAll(/[\n\r]/g, " ") }));
        const parts = [first, ...rest].flatMap((element) => [line, element, `${line}\n${gap}`]);
        const { content, elements } = build(parts);
        const found = await scan(`${content}\n${tail}`, size);
        expect(placed(found)).toEqual(elements);
        const unfinished = tail === "" ? null : Buffer.byteLength(content) + 1;
        expect(found.result).toMatchObject({ shape: "jsonl", unfinished, open: 0, close: 0 });
      }),
    );
  });
});

test("an invalid file is refused at the same byte, however it is split into chunks", async () => {
  for (const [content, byte] of [
    ["", 0],
    [" \n ", 3],
    ["5", 0],
    ["[1,2", 4],
    ["[1 2]", 3],
    ["[1,]", 3],
    ["[1]]", 3],
    ['[{"a":1,}]', 8],
    ['[{"a" 1}]', 6],
    ['{"a":1 "b":2}', 7],
    ['{"a":1,5}', 7],
    ['{"a":{},\n"b"}', 12],
    ["{}\n{bad", 3],
    ['{"a":1}x', 7],
    ['{"user_id":"u",\n"task_id":"t"}', 16],
    [`{${idsOf(0)}}\n{"a":\n1}\n`, 36],
    [`{${idsOf(0)}} 5\n`, 31],
    [`{${idsOf(0)}}\n[1}\n5\n`, 33],
    ['["\\x"]', 3],
    ['["a\u0001"]', 3],
    ["[tru]", 1],
    ["[-]", 2],
    ["[1.]", 3],
  ] as const) {
    expect([content, await refusedAt(content)]).toEqual([content, byte]);
  }
});
