import { closeSync, constants, createReadStream, fstatSync, open as openCallback } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import { promisify } from "node:util";
import { closeQuietly, describeSystemError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { appendTo, openTemporary } from "../merge/spool.ts";

const openDescriptor = promisify(openCallback);
export const NOTHING_IMPORTED = "nothing was imported";

/** A file that can be read at any position, and its name in messages. */
export interface Input {
  readonly name: string;
  readonly handle: FileHandle;
}

/**
 * Opens an input. A stream is copied into a temporary file first, because it is read more than once.
 * @param path null for stdin
 * @param signal ends the wait for a slow writer
 * @throws TtsctlError IMPORT_UNREADABLE, SPOOL_FAILED, INTERRUPTED
 */
export async function openInput(
  path: string | null,
  stdin: Readable,
  storePath: string,
  signal: AbortSignal,
): Promise<Input> {
  const name = path ?? "stdin";
  try {
    const opened = path === null ? stdin : await openFile(path);
    if (!(opened instanceof Readable)) return { name, handle: opened };
    return { name, handle: await copied(opened, storePath, signal) };
  } catch (error) {
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    throw error instanceof TtsctlError ? error : unreadable(name, error);
  }
}

/**
 * A regular file, or the stream of another. A named pipe is opened once, because a second descriptor wouldn't see that the
 * writer has closed it, and is read in the event loop: a thread that waits in read(2) can't be stopped, so the process
 * couldn't exit.
 */
async function openFile(path: string): Promise<FileHandle | Readable> {
  const fd = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = fstatSync(fd);
  if (stats.isFIFO()) return new Socket({ fd, readable: true, writable: false });
  if (!stats.isFile()) return createReadStream(path, { fd });
  closeSync(fd);
  return open(path);
}

async function copied(stream: Readable, storePath: string, signal: AbortSignal): Promise<FileHandle> {
  const handle = await openTemporary(storePath);
  try {
    for await (const chunk of addAbortSignal(signal, stream)) await appendTo(handle, chunk as Uint8Array, storePath);
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    return handle;
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

export function unreadable(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("IMPORT_UNREADABLE", `cannot read ${path}: ${describeSystemError(cause)}`, {
    hint: "name a file that ttsctl export or --backup wrote, a store file, or - for stdin",
    cause,
  });
}

/** The format, by the first bytes. @throws TtsctlError IMPORT_INVALID if it can't hold records */
export async function inputKind({ name, handle }: Input): Promise<"json" | "csv"> {
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
