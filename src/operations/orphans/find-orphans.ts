import type { FoundLog } from "../../artifacts/walk.ts";
import { throwIfInterrupted } from "../../errors.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { Owners } from "./owners.ts";
import { NOTHING_REMOVED, type OrphanParts } from "./types.ts";

/** How many things that are left alone are named before the rest is only counted. */
const NAMED = 10;

/** Artifacts without a record that are old enough; names and sizes alone, for there may be a million. */
export class Orphans {
  readonly folders = new KeyTable();
  /** By number: files and bytes. */
  readonly folderSizes = new Sizes();
  /** The hour in place of the user. */
  readonly logs = new KeyTable();
  readonly logSizes = new Sizes();
  /** How many folders and logs there are in all, owned or not. */
  found = 0;
  /** Without a record, but changed within the retention. */
  young = 0;
  /** What is in `output/` and is no folder of a task, or cannot be looked at. */
  unknown = 0;
}

/** Files and bytes by number, in the order of adding. */
export class Sizes {
  readonly #files = new Column(new Uint32Array(1 << 8));
  readonly #bytes = new Column(new Float64Array(1 << 8));
  size = 0;

  add(files: number, bytes: number): void {
    this.#files.set(this.size, files);
    this.#bytes.set(this.size++, bytes);
  }

  at(i: number): { files: number; bytes: number } {
    return { files: this.#files.at(i), bytes: this.#bytes.at(i) };
  }
}

/** Walks over both roots once. @param olderThan epoch seconds: what holds anything newer is no orphan yet */
export async function findOrphans(
  { artifacts, reporter, signal }: Pick<OrphanParts, "artifacts" | "reporter" | "signal">,
  owners: Owners,
  olderThan: number,
): Promise<Orphans> {
  const orphans = new Orphans();
  const leave = (line: string) => {
    orphans.unknown++;
    if (orphans.unknown <= NAMED) reporter.warn(line);
  };
  await artifacts.walkFolders({
    folder: async (userId, taskId) => {
      throwIfInterrupted(signal, NOTHING_REMOVED);
      orphans.found++;
      if (orphans.found % 1000 === 0) reporter.progress("looking", orphans.found, orphans.found);
      if (owners.ownsFolder({ userId, taskId })) return;
      const folder = await artifacts.measureFolder(userId, taskId, olderThan);
      if (folder.kind === "removed") {
        orphans.folders.addId(userId, taskId);
        orphans.folderSizes.add(folder.files, folder.bytes);
      } else if (folder.kind === "kept" && folder.newer) orphans.young++;
      else if (folder.kind === "kept") leave(`left alone: ${folder.reason}`);
    },
    other: (path) => leave(`left alone: ${path} is no folder of a task`),
    unread: (reason) => leave(`not looked at: ${reason}`),
  });
  const skipped = await artifacts.walkLogs(
    () => true,
    (log) => {
      throwIfInterrupted(signal, NOTHING_REMOVED);
      addLog(orphans, owners, log, olderThan);
    },
  );
  for (const reason of skipped) leave(`not looked at: ${reason}`);
  if (orphans.unknown > NAMED) reporter.warn(`and ${orphans.unknown - NAMED} more things are left alone`);
  return orphans;
}

function addLog(
  orphans: Orphans,
  owners: Owners,
  { taskId, hour, bytes, changedAt }: FoundLog,
  olderThan: number,
): void {
  orphans.found++;
  if (owners.ownsLog(taskId)) return;
  if (changedAt > olderThan) orphans.young++;
  else {
    orphans.logs.addId(hour, taskId);
    orphans.logSizes.add(1, bytes);
  }
}
