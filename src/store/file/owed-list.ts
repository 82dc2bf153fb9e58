import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../../clock.ts";
import { describeSystemError, TtsctlError, writeAdvice } from "../../errors.ts";
import { jsonIn } from "../../json/value.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import { newer, newest } from "../../task/version.ts";
import { identityAt } from "./identity.ts";
import { LOCK_WAIT_S, takeLock } from "./lock.ts";
import { openAppended, readRegular, whyNotWritten } from "./written-file.ts";

/** A task whose record was deleted from the file, or replaced by an older one. */
export interface Owed {
  readonly id: TaskId;
  /** `updated_at` of the record, epoch seconds: a newer copy in Redis is kept. NaN without one. */
  readonly before: number;
  /** The file had an older record of it by then. */
  readonly isReplaced?: boolean;
}

export type OwedList = ReturnType<typeof owedList>;

/** Deletions that Redis may lack, in a file beside the store file: from before they reach that until Redis has them. @param targetOf links followed */
export function owedList(targetOf: () => Promise<string>, clock: Clock) {
  let known: string | undefined;

  async function alone(work: (path: string, target: string) => Promise<void>): Promise<void> {
    const target = await targetOf();
    const lock = await takeLock(target, "owed", { seconds: LOCK_WAIT_S, clock });
    const path = owedPath(target);
    try {
      await work(path, target);
    } catch (cause) {
      throw cause instanceof TtsctlError ? cause : failed(path, cause, "");
    } finally {
      await lock.release();
    }
  }

  return {
    /** Whether Redis may lack any. Each page asks, so links are followed only once. */
    async isThere(): Promise<boolean> {
      known ??= owedPath(await targetOf());
      return (await identityAt(known)) !== null;
    },

    /** They are on the disk when it returns; called under the write lock. @throws TtsctlError STORE_WRITE_FAILED */
    async add(owed: readonly Owed[]): Promise<void> {
      if (owed.length === 0) return;
      await alone((path, store) => append(path, store, owed.map(lineOf)));
    },

    /** One for each task. @throws TtsctlError STORE_UNREADABLE */
    async read(): Promise<Owed[]> {
      return readOwed(owedPath(await targetOf()));
    },

    /** Removes a list without a whole line, which a full disk or a killed run has left. */
    async tidy(): Promise<void> {
      await alone(async (path) => {
        if (!(await readRegular(path))?.includes("\n")) await rm(path, { force: true });
      });
    },

    /** Redis has these, as they were read. If a later deletion was added since, that is kept. */
    async settle(done: readonly Owed[]): Promise<void> {
      if (done.length === 0) return;
      const times = new Map(done.map(({ id, before }) => [keyOf(id), before]));
      await alone(async (path, store) => {
        const left = (await readOwed(path)).filter(({ id, before }) => {
          const time = times.get(keyOf(id));
          return time === undefined || newer(before, time);
        });
        if (left.length === 0) return rm(path, { force: true });
        await rm(`${path}.tmp`, { force: true });
        await append(`${path}.tmp`, store, [left.map(lineOf).join("")], "");
        await rename(`${path}.tmp`, path);
      });
    },
  };
}

async function append(path: string, store: string, texts: readonly string[], done?: string): Promise<void> {
  const file = await openAppended(path, 0o666, (cause) => failed(path, cause, done), store);
  await file.append(texts).finally(() => file.close());
}

function owedPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.ttsctl-owed`);
}

async function readOwed(path: string): Promise<Owed[]> {
  const text = await readRegular(path).catch((cause) => {
    throw new TtsctlError("STORE_UNREADABLE", `cannot read ${path}: ${whyNotWritten(cause)}`, { cause });
  });
  const owed = new Map<string, Owed>();
  for (const line of (text ?? "").split("\n")) {
    const one = jsonIn(line) as OwedJson | null | undefined;
    if (one == null) continue; // cut off: its deletion didn't reach the file
    const id = { userId: one.user_id, taskId: one.task_id };
    const before = newest(one.before ?? Number.NaN, owed.get(keyOf(id))?.before);
    owed.set(keyOf(id), { id, before, ...(one.replaced && { isReplaced: true }) });
  }
  return [...owed.values()];
}

type OwedJson = { readonly user_id: string; readonly task_id: string; readonly before: number | null; replaced?: true };

function lineOf({ id, before, isReplaced }: Owed): string {
  const more = isReplaced && { replaced: true as const };
  const one: OwedJson = { user_id: id.userId, task_id: id.taskId, before, ...more }; // in JSON, NaN is null
  return `${JSON.stringify(one)}\n`;
}

function failed(path: string, cause: unknown, done = "nothing was deleted; "): TtsctlError {
  return new TtsctlError("STORE_WRITE_FAILED", `cannot write ${path}: ${describeSystemError(cause)}`, {
    hint: `${done}${writeAdvice(cause)}`,
    cause,
  });
}
