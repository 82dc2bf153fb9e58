import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { closeQuietly, describeSystemError, TtsctlError, writeAdvice } from "../../errors.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { openUnnamed } from "../../store/file/written-file.ts";
import type { RecordRules } from "../../task/rules.ts";

const HELD = 1 << 16;

/** By shape: the text before the first record, between two, and after the last. */
const SHAPES = { array: ["[", ",\n", "]"], lines: ["", "", ""] } as const;

/**
 * Records for the store file, in a temporary file beside it, since that disk has room. The caller closes the snapshot.
 * @param fill adds the records, each valid JSON; in lines with its newline
 * @param shape of two records of one task, the newer counts in an array, the last in lines @throws TtsctlError SPOOL_FAILED
 */
export async function spooled(
  storePath: string,
  rules: RecordRules,
  fill: (add: (json: string) => Promise<void>) => Promise<void>,
  shape: keyof typeof SHAPES = "array",
): Promise<Snapshot> {
  const [start, between, end] = SHAPES[shape];
  const handle = await openTemporary(storePath);
  let held: string = start;
  let count = 0;
  try {
    await fill(async (json) => {
      held += count++ === 0 ? json : between + json;
      if (held.length < HELD) return;
      const text = held;
      held = "";
      await appendTo(handle, text, storePath);
    });
    await appendTo(handle, held + end, storePath);
    return await Snapshot.readHandle(handle, `the temporary file in ${dirname(storePath)}`, rules);
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** A temporary file beside the store file, without a name: it is gone with the process. @throws TtsctlError SPOOL_FAILED */
export async function openTemporary(storePath: string): Promise<FileHandle> {
  return openUnnamed(storePath).catch(spoolFailed(storePath));
}

/** Writes to the end of such a file. @throws TtsctlError SPOOL_FAILED */
export async function appendTo(handle: FileHandle, data: string | Uint8Array, storePath: string): Promise<void> {
  await handle.appendFile(data).catch(spoolFailed(storePath));
}

function spoolFailed(storePath: string) {
  return (cause: unknown): never => {
    const what = `cannot write a temporary file in ${dirname(storePath)}: ${describeSystemError(cause)}`;
    const hint = `nothing was changed; ${writeAdvice(cause)}`;
    throw new TtsctlError("SPOOL_FAILED", what, { hint, cause });
  };
}
