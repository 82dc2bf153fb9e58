import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { matchingRows, rowFilter } from "../../store/file/file-tasks.ts";
import { Snapshot } from "../../store/file/snapshot.ts";
import { KeySet, KeyTable } from "../../store/key-table.ts";
import { isOwed, MirrorUse, OWED, redisDisabled, type SourceChoice } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { readRecords } from "../../store/redis/records.ts";
import { membersOf } from "../../store/redis/walk.ts";
import { fileWarnings, lackText } from "../../store/task-store.ts";
import type { TaskId } from "../../task/ids.ts";
import { givenName, NO_FILTER, passes } from "../../task/query-fields.ts";
import { saysDeleted, type Task } from "../../task/task.ts";
import { newer, sameInstant } from "../../task/version.ts";
import type { Parts } from "../parts.ts";
import { NamedWarnings } from "../reporter.ts";
import { checkFileLayout, storeMismatch } from "../safety.ts";
import type { Selection } from "../select.ts";

interface ExportParts extends Parts<"file" | "mirror" | "reporter" | "signal"> {
  write(tasks: readonly Task[]): Promise<void>;
}

export interface ExportOptions extends Pick<Selection, "filter" | "ids"> {
  readonly source: SourceChoice;
  /** As JSON Lines, in which a record with `deleted` would delete its task. */
  readonly asLines: boolean;
}

/**
 * Writes the newer copy of each task, in batches: tasks of the file in its order, then Redis-only tasks, oldest first; ids as given.
 * @throws TtsctlError LAYOUT_MISMATCH, INTERRUPTED, STORE_*, REDIS_* if Redis is the forced source
 */
export async function exportTasks(
  { file, mirror: state, reporter, signal, write }: ExportParts,
  { source, filter, ids, asLines }: ExportOptions,
) {
  if (source === "redis" && state.kind === "off") throw redisDisabled();
  if (source === "redis" && state.kind === "down") throw state.error;
  const use = new MirrorUse(source === "file" ? { kind: "off" } : state);
  if (source === "auto" && use.mirror !== null && (await isOwed(file))) use.lose(new TtsctlError("REDIS_FAILED", OWED));
  const readsFile = source !== "redis";
  await using snapshot = readsFile ? await file.read() : Snapshot.none(file.path, file.rules);
  if (readsFile) {
    await checkFileLayout(snapshot, use.mirror);
    const mismatch = await use.ask((mirror) => storeMismatch(snapshot, mirror));
    if (mismatch) reporter.warn(`${mismatch.message}, so all of both are exported: choose one with --source`);
    for (const line of snapshot.exists ? fileWarnings(snapshot) : []) reporter.warn(line);
  }
  // An empty export isn't a backup of a missing file.
  const hint = "nothing was exported; check --store, [store] path and the mount";
  const isLost = readsFile && snapshot.size + snapshot.invalid.count === 0;
  const noFile = isLost ? new TtsctlError("STORE_EMPTY", lackText(snapshot), { hint }) : null;
  if (noFile !== null && !snapshot.exists && use.mirror === null) throw noFile;
  /** Missing: chosen ids that are in neither store; dangling: index members without a task. */
  const result = { fromFile: 0, fromRedis: 0, missing: [] as string[], dangling: 0, failed: 0 };
  const failures = new NamedWarnings(reporter, "was not exported");
  // Copies in Redis that can't be read: of a task that the file has, the file's record is exported.
  const unread = new NamedWarnings(reporter, "was not exported from Redis");
  const failed = () => failures.count + unread.count;

  await (ids === null ? exportAll() : exportIds(ids));
  failures.end();
  unread.end();
  throwIfInterrupted(signal, "the export is incomplete");
  const isWithoutFile = result.fromRedis > 0 || !snapshot.exists;
  const problem = use.lost ?? (isWithoutFile ? noFile : null); // why Redis-only or file-only tasks are missing
  if (noFile !== null && !snapshot.exists && result.fromRedis === 0) throw problem;
  return { ...result, failed: failed(), problem };

  /** After a failure of Redis only the file is exported, unless Redis is the forced source. */
  function ask<T>(work: (mirror: Mirror) => Promise<T>): Promise<T | undefined> {
    return readsFile ? use.ask(work) : work(use.mirror!);
  }

  /** Redis's copies; undefined if missing or unreadable, and after a failure of Redis. */
  async function read(ids: readonly TaskId[], ours: readonly (Task | null)[] = []): Promise<(Task | undefined)[]> {
    const copies = ids.length === 0 ? [] : await ask((mirror) => readRecords(mirror, ids, ours));
    return ids.map((id, i) => {
      const copy = copies?.[i];
      if (!(copy instanceof TtsctlError)) return copy;
      unread.add(id, copy.message);
      return undefined;
    });
  }

  /** Writes the newer of each pair of copies, if it passes. */
  async function writeNewer(pairs: readonly (readonly [file: Task | null | undefined, redis: Task | undefined])[]) {
    const chosen: Task[] = [];
    for (const [ours, theirs] of pairs) {
      const isNewer = ours == null || (theirs !== undefined && newer(theirs.score, ours.score));
      const task = isNewer ? theirs : ours;
      if (task === undefined || !passes(task, filter)) continue;
      if (asLines && saysDeleted(task.json)) {
        failures.add(task, 'its "deleted" field would delete the task in JSON Lines; use -o json or -o csv');
        continue;
      }
      chosen.push(task);
      result[task === ours ? "fromFile" : "fromRedis"]++;
    }
    await write(chosen);
  }

  async function exportIds(chosen: readonly TaskId[]): Promise<void> {
    for (const ids of batches(chosen, BATCH)) {
      const inFile = await snapshot.recordsOf(ids);
      const inRedis = await read(ids, inFile);
      const before = failed();
      await writeNewer(ids.map((_, i) => [inFile[i], inRedis[i]]));
      if (failed() > before) continue;
      const missing = ids.filter((_, i) => inFile[i] == null && inRedis[i] === undefined);
      result.missing.push(...missing.map((id) => givenName(id, filter)));
    }
  }

  async function exportAll(): Promise<void> {
    const { rows } = snapshot;
    const [listed, differing] = [new KeySet(rows.keys.size), new KeySet(rows.keys.size)];
    const onlyInRedis = new KeyTable(file.rules.memberOrder);
    const isOf = (row: number, time: number) => sameInstant(rows.score(row), time);
    /** Of the Redis-only tasks; a task that the index lacks comes last. */
    const times: number[] = [];
    /** @param score of its member @param time of its hash, which may be newer, if it is known */
    const see = (id: TaskId, score?: number, time = Number.NaN) => {
      const row = snapshot.rowOf(id);
      if (row < 0) {
        times[onlyInRedis.addId(id.userId, id.taskId)] ??= score ?? Number.POSITIVE_INFINITY;
        return;
      }
      const key = rows.key(row);
      if (score === undefined ? !listed.has(key) : !isOf(row, score) || !isOf(row, time)) differing.add(key);
      listed.add(key);
    };
    await ask(async (mirror) => {
      for (const userId of filter.users.size === 0 ? [undefined] : filter.users) {
        for await (const { flat, times } of mirror.walkCopies(userId)) {
          const members = membersOf(flat, userId, mirror.layout);
          const timed = times === null && userId !== undefined ? await mirror.withChangeTimes(members) : members;
          for (const [i, member] of timed.entries())
            see(member, member.score, mirror.parser.times.ofHash(times?.[i] ?? ""));
          if (signal.aborted) return;
        }
      }
      for await (const ids of mirror.walkHashes(filter.users)) {
        for (const id of ids) see(id);
        if (signal.aborted) return;
      }
    });
    const differs = (row: number) => differing.has(rows.key(row));
    let done = 0;
    const progress = (count: number) => {
      done += count;
      reporter.progress("exporting", done, snapshot.size + onlyInRedis.size);
    };
    // The rows that pass the filter, or whose other copy may pass.
    const wanted = rowFilter(snapshot, filter);
    const inFile = [...matchingRows(snapshot, { ...NO_FILTER, users: filter.users })];
    const due = inFile.filter((row) => wanted(row) || differs(row));
    for (const some of batches(due, BATCH)) {
      if (signal.aborted) return;
      const tasks = await snapshot.readTasks(some);
      const unsure = tasks.filter((_, i) => differs(some[i]!));
      const copies = await read(unsure, unsure);
      const copyOf = new Map(unsure.map((task, i) => [task, copies[i]]));
      await writeNewer(tasks.map((task) => [task, copyOf.get(task)]));
      progress(some.length);
    }
    const oldestFirst = Int32Array.from({ length: onlyInRedis.size }, (_, key) => key);
    oldestFirst.sort((a, b) => times[a]! - times[b]! || onlyInRedis.compare(a, b));
    for (const keys of batches(oldestFirst, BATCH)) {
      if (signal.aborted || use.mirror === null) return;
      const before = failed();
      const found = (await read(keys.map((key) => onlyInRedis.id(key)))).filter((task) => task !== undefined);
      if (use.mirror !== null) result.dangling += keys.length - found.length - (failed() - before);
      await writeNewer(found.map((task) => [null, task]));
      progress(keys.length);
    }
  }
}
