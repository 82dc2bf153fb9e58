import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { MOST_IDS } from "../app/list-query.ts";
import { usage } from "../errors.ts";
import { jsonIn } from "../json/value.ts";
import { isPrintable, printableJson, quoted } from "../printable.ts";
import { memberOf, type TaskId, trimId } from "../task/ids.ts";

/** Enough for MOST_IDS ids of some hundred bytes. */
const MOST_BYTES = 64 << 20;

/** A task as `user:task`, on a line that `readNames` reads back: as a JSON string if it could be read as something else. */
export function nameLine(id: TaskId): string {
  const name = memberOf(id);
  return isPrintable(name) && !/^["[]/.test(name) ? name : printableJson(name);
}

/** Task ids or names on lines, as they are or as JSON strings, or in a JSON array. @throws TtsctlError USAGE */
export function readNames(text: string): string[] {
  const names = text.trimStart().startsWith("[") ? namesInArray(text) : namesOnLines(text);
  if (names.length <= MOST_IDS) return names;
  const hint = `give at most ${MOST_IDS} at a time; \`split -l ${MOST_IDS}\` splits a list`;
  throw usage(`stdin has ${names.length} task ids`, hint);
}

/** The ids of `--ids -`. @throws TtsctlError USAGE */
export async function namesOn(stdin: Readable & { readonly isTTY?: boolean }): Promise<string[]> {
  if (stdin.isTTY) throw usage("no task ids on stdin", "pipe them in, one per line, or give them with --ids");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const piece = Buffer.from(chunk);
    chunks.push(piece);
    size += piece.length;
    if (size > MOST_BYTES) throw usage("stdin is too large for task ids", `at most ${MOST_BYTES >> 20} MiB`);
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw usage("the task ids on stdin aren't UTF-8", ACCEPTED);
  return readNames(new TextDecoder().decode(bytes)); // without a byte-order mark
}

function namesInArray(text: string): string[] {
  const names = jsonIn(text);
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  throw usage("stdin begins with [ but isn't a JSON array of strings", ACCEPTED);
}

function namesOnLines(text: string): string[] {
  const lines = text.split("\n").map(trimId);
  return lines.flatMap((line, i) => {
    if (!line.startsWith('"')) return line === "" ? [] : [line];
    const name = jsonIn(line);
    if (typeof name === "string") return [name];
    throw usage(`stdin line ${i + 1} begins with a quote but isn't a JSON string: ${quoted(line)}`, ACCEPTED);
  });
}

const ACCEPTED = "accepted: one id per line, as it is or as a JSON string, or a JSON array of strings";
