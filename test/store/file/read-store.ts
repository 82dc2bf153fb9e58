import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import type { Shape } from "../../../src/store/file/scanner.ts";
import { Snapshot } from "../../../src/store/file/snapshot.ts";
import type { Task } from "../../../src/task/task.ts";
import { RULES } from "../../helpers/records.ts";

/** What a store file holds. */
export interface StoreContent {
  readonly shape: Shape | null;
  /** In file order. */
  readonly tasks: Task[];
  readonly size: number;
  readonly invalid: Pick<Snapshot["invalid"], "count" | "named">;
  readonly unfinished: number | null;
}

export async function withSnapshot<T>(path: string, use: (snapshot: Snapshot) => Promise<T> | T): Promise<T> {
  await using snapshot = await Snapshot.read(path, RULES);
  return await use(snapshot);
}

export function readStore(path: string): Promise<StoreContent> {
  return withSnapshot(path, async (snapshot) => ({
    shape: snapshot.shape,
    tasks: await snapshot.readTasks([...snapshot.liveRows()]),
    size: snapshot.size,
    invalid: snapshot.invalid,
    unfinished: snapshot.layout?.unfinished ?? null,
  }));
}

/** What a file with this content holds. */
export function storeOf(path: string, content: string | Uint8Array): Promise<StoreContent> {
  writeFileSync(path, content);
  return readStore(path);
}

/** Why a file with this content is refused. */
export async function refusalOf(path: string, content: string | Uint8Array): Promise<TtsctlError> {
  const outcome = await storeOf(path, content).catch((error: unknown) => error);
  expect(outcome, content.toString().slice(0, 200)).toBeInstanceOf(TtsctlError);
  return outcome as TtsctlError;
}
