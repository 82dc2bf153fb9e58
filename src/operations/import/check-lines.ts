import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { throwIfInterrupted } from "../../errors.ts";
import { JsonSyntaxError } from "../../json/scan.ts";
import { isBlank } from "../../json/text.ts";
import type { RecordParser } from "../../task/parse.ts";
import { isInvalid } from "../../task/task.ts";
import type { BadLines } from "./bad-lines.ts";
import { NOTHING_IMPORTED } from "./open-input.ts";

/**
 * Goes through JSON Lines one by one: hands on those that are valid, and notes the others. Returns how many are.
 * @throws TtsctlError INTERRUPTED
 */
export async function checkLines(
  handle: FileHandle,
  parser: RecordParser,
  bad: BadLines,
  signal: AbortSignal,
  onValid: (line: Buffer) => Promise<void>,
): Promise<number> {
  let number = 0;
  let valid = 0;
  for await (const line of linesOf(handle, signal)) {
    number++;
    if (isBlank(line, 0, line.length)) continue;
    const problem = problemOf(line, parser);
    if (problem !== undefined) bad.add(number, problem);
    else {
      valid++;
      await onValid(line);
    }
  }
  return valid;
}

/** Why a line, or a tombstone, is none; undefined where it is one. */
function problemOf(line: Buffer, parser: RecordParser): string | undefined {
  if (!isUtf8(line)) return "not valid UTF-8";
  try {
    const record = parser.parse(line);
    return isInvalid(record) && !parser.isTombstone(line) ? record.reason : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
}

/** The lines of a file, each with a newline at its end. */
async function* linesOf(handle: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    const bytes = chunk as Buffer;
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      held.push(bytes.subarray(from, at + 1));
      yield held.length === 1 ? held[0]! : Buffer.concat(held);
      held = [];
      from = at + 1;
    }
    if (from < bytes.length) held.push(bytes.subarray(from));
  }
  if (held.length > 0) yield Buffer.concat([...held, Buffer.from("\n")]);
}
