import { closeSync, constants, fstatSync, open as openCallback } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";
import { promisify } from "node:util";
import { closeQuietly, describeSystemError, TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { appendTo, openTemporary } from "../merge/spool.ts";

const openDescriptor = promisify(openCallback);
export const NOTHING_IMPORTED = "nothing was imported";
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

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
  const spool = { storePath, signal };
  if (path === null) return { name: "stdin", handle: await copied(stdin, "stdin", spool) };
  const pipe = await openIfPipe(path);
  if (pipe !== null) return { name: path, handle: await copied(pipe, path, spool) };
  const handle = await openFile(path);
  try {
    if ((await handle.stat()).isFile()) return { name: path, handle };
    const copy = await copied(handle.createReadStream({ autoClose: false }), path, spool);
    await closeQuietly(handle);
    return { name: path, handle: copy };
  } catch (error) {
    await closeQuietly(handle);
    throw error instanceof TtsctlError ? error : unreadable(path, error);
  }
}

/**
 * A named pipe as a stream that waits in the event loop: a thread that waits in read(2) can't be stopped, so the process
 * couldn't exit. It is opened once, because a second descriptor wouldn't see that the writer has closed it.
 */
async function openIfPipe(path: string): Promise<Socket | null> {
  try {
    const fd = await openDescriptor(path, WITHOUT_WAITING);
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
    closeSync(fd);
    return null;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Tells the format by the first bytes. @throws TtsctlError IMPORT_INVALID if it can't hold records */
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

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, WITHOUT_WAITING);
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

async function copied(
  stream: Readable,
  name: string,
  { storePath, signal }: { readonly storePath: string; readonly signal: AbortSignal },
): Promise<FileHandle> {
  const handle = await openTemporary(storePath);
  try {
    for await (const chunk of addAbortSignal(signal, stream)) await appendTo(handle, chunk as Uint8Array, storePath);
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    return handle;
  } catch (error) {
    await closeQuietly(handle);
    throwIfInterrupted(signal, NOTHING_IMPORTED);
    throw error instanceof TtsctlError ? error : unreadable(name, error);
  }
}
