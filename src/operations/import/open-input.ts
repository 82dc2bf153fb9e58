import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { describeSystemError, TtsctlError } from "../../errors.ts";
import { openTemporary, spoolFailed } from "../merge/spool.ts";

/** What is imported: a file that can be read from any place, and how messages name it. */
export interface Input {
  readonly name: string;
  readonly handle: FileHandle;
}

/** How an input shows by its first bytes what it is. */
export type InputKind = "json" | "csv";

/**
 * Opens what is to be imported. A stream is copied into a temporary file first, since it is read more than once.
 * @param path null for stdin
 * @throws TtsctlError IMPORT_UNREADABLE, SPOOL_FAILED
 */
export async function openInput(
  path: string | null,
  stdin: AsyncIterable<Uint8Array>,
  storePath: string,
): Promise<Input> {
  if (path === null) return { name: "stdin", handle: await copied(stdin, "stdin", storePath) };
  const handle = await openFile(path);
  try {
    if ((await handle.stat()).isFile()) return { name: path, handle };
    const copy = await copied(handle.createReadStream({ autoClose: false }), path, storePath);
    await handle.close();
    return { name: path, handle: copy };
  } catch (error) {
    await handle.close();
    throw error instanceof TtsctlError ? error : unreadable(path, error);
  }
}

/** @throws TtsctlError IMPORT_INVALID for what holds no records at all */
export async function inputKind({ name, handle }: Input): Promise<InputKind> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, 0);
  const head = buffer.subarray(0, bytesRead);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw invalid(`${name} is compressed`, `unpack it first: gunzip -c FILE | ttsctl import -`);
  }
  const hasMark = head.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const first = head.toString("latin1", hasMark ? 3 : 0).trimStart()[0];
  if (first === undefined) throw invalid(`${name} is empty`, "an export that holds a task is not");
  if (first !== "[" && first !== "{") return "csv";
  if (hasMark) throw invalid(`${name} begins with a byte-order mark, which is no JSON`, "save it without one");
  return "json";
}

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

function invalid(message: string, hint: string): TtsctlError {
  return new TtsctlError("IMPORT_INVALID", message, { hint });
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

export function unreadable(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("IMPORT_UNREADABLE", `cannot read ${path}: ${describeSystemError(cause)}`, {
    hint: "name a file that ttsctl export or --backup wrote, a store file, or - for stdin",
    cause,
  });
}

async function copied(stream: AsyncIterable<Uint8Array>, name: string, storePath: string): Promise<FileHandle> {
  const handle = await openTemporary(storePath);
  const write = async (chunk: Uint8Array) => {
    await handle.appendFile(chunk).catch((cause) => {
      throw spoolFailed(dirname(storePath), cause);
    });
  };
  try {
    for await (const chunk of stream) await write(chunk);
    return handle;
  } catch (error) {
    await handle.close();
    throw error instanceof TtsctlError ? error : unreadable(name, error);
  }
}
