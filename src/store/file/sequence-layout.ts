import { scanFields } from "../../json/record.ts";
import { COLON, COMMA, OPEN_BRACE, skipSpace } from "../../json/scan.ts";
import type { JsonLayout } from "../../json/text.ts";
import type { Snapshot } from "./snapshot.ts";

/** `json.dump(indent=2)`, as the service writes. */
export const PYTHON_INDENT: JsonLayout = { indent: "  ", itemSeparator: ",", keySeparator: ": " };

/** White space and separators of an array or map. */
export interface SequenceLayout {
  readonly first: string;
  readonly between: string;
  readonly last: string;
  readonly json: JsonLayout;
}

/** Where a row's element begins: at the value in an array, at the key in a map. */
export async function elementStart(snapshot: Snapshot, row: number): Promise<number> {
  if (snapshot.shape === "array") return snapshot.rows.start(row);
  const from = row === 0 ? snapshot.layout!.open + 1 : snapshot.rows.end(row - 1);
  const gap = await snapshot.readBytes(from, snapshot.rows.start(row));
  let at = skipSpace(gap, 0, gap.length);
  if (gap[at] === COMMA) at = skipSpace(gap, at + 1, gap.length);
  return from + at;
}

/** The layout of an array or map; of an empty one, that of the service. */
export async function readLayout(snapshot: Snapshot): Promise<SequenceLayout> {
  const { rows } = snapshot;
  const { open, close } = snapshot.layout!;
  if (rows.size === 0) {
    return { first: "\n  ", between: ",\n  ", last: "\n", json: PYTHON_INDENT };
  }
  const first = (await snapshot.readBytes(open + 1, await elementStart(snapshot, 0))).toString();
  const last = (await snapshot.readBytes(rows.end(rows.size - 1), close)).toString();
  const between =
    rows.size < 2 ? null : (await snapshot.readBytes(rows.end(0), await elementStart(snapshot, 1))).toString();
  const json = recordLayout(await firstRecord(snapshot), { first, between, colon: await firstColon(snapshot) });
  return { first, between: between ?? (first === "" ? json.itemSeparator : `,${first}`), last, json };
}

/** The first element that is an object with fields, if it comes early. */
async function firstRecord(snapshot: Snapshot): Promise<Buffer> {
  const { rows } = snapshot;
  for (let row = 0; row < Math.min(rows.size, 100); row++) {
    const bytes = await snapshot.readBytes(rows.start(row), rows.end(row));
    if (bytes[0] === OPEN_BRACE && bytes.includes(COLON)) return bytes;
  }
  return Buffer.from("{}");
}

/** The text between the first key of a map and its value; undefined in an array. */
async function firstColon(snapshot: Snapshot): Promise<string | undefined> {
  if (snapshot.shape !== "map") return undefined;
  const head = (await snapshot.readBytes(await elementStart(snapshot, 0), snapshot.rows.start(0))).toString();
  return head.slice(head.lastIndexOf('"') + 1);
}

/** The layout of a record. If it has too few fields to show it, it is derived from the rest of the file. */
function recordLayout(
  record: Buffer,
  { first, between, colon }: { first: string; between: string | null; colon: string | undefined },
): JsonLayout {
  const gaps: { inside?: string; item?: string; key?: string } = {};
  let before = 0;
  scanFields(record, 0, record.length, (keyFrom, keyEnd, valueFrom, valueEnd) => {
    if (before === 0) gaps.inside = record.toString("utf8", 1, keyFrom);
    else gaps.item ??= record.toString("utf8", before, keyFrom).split("\n", 1)[0]!;
    gaps.key ??= record.toString("utf8", keyEnd, valueFrom);
    before = valueEnd;
  });
  const indented = (gaps.inside ?? first).includes("\n") && first.includes("\n");
  const indent = indented ? first.slice(first.lastIndexOf("\n") + 1) : null;
  const keySeparator = gaps.key ?? colon ?? (between === "," ? ":" : ": ");
  const itemSeparator = gaps.item ?? (indented || keySeparator === ":" ? "," : ", ");
  return { indent, itemSeparator, keySeparator };
}
