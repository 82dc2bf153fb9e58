import { isRedisError, ours, TtsctlError, valueIf } from "../errors.ts";
import { counted, firstOf } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import { givenName, needsRecord, ofUser, passes, type Sort, soleUser, type TaskFilter } from "../task/query-fields.ts";
import { createdScore, type Task } from "../task/task.ts";
import type { FileStore } from "./file/file-store.ts";
import { fileTasks, matchingRows } from "./file/file-tasks.ts";
import { glanceAt, type Snapshot } from "./file/snapshot.ts";
import { KeyTable } from "./key-table.ts";
import {
  behindWarning,
  fallbackWarning,
  type MirrorLink,
  mirrorFor,
  readFirst,
  type SourceChoice,
  type Stores,
} from "./mirror-link.ts";
import { lacksMembers, type Mirror, type Standing } from "./redis/mirror.ts";
import { mirrorTasks } from "./redis/mirror-tasks.ts";
import { otherLayout } from "./redis/shown-layout.ts";
import type { Stopped, TaskPage, TaskSource } from "./task-source.ts";

export interface ListQuery {
  readonly filter: TaskFilter;
  /** Null for a page of all that pass the filter. */
  readonly ids: readonly TaskId[] | null;
  /** Undefined for the order of the index. */
  readonly sort?: Sort | undefined;
  readonly page: number;
  readonly pageSize: number;
  readonly source: SourceChoice;
  /** Ends a long read. */
  readonly signal?: AbortSignal | undefined;
}

export interface ListResult extends TaskPage {
  readonly page: number;
  readonly pageSize: number;
  readonly source: "redis" | "file" | "mixed";
  readonly missing: string[];
  readonly warnings: string[];
}

/** How long an index that was found complete isn't checked again. */
const CHECKED_MS = 1000;

/** Reads from Redis first, else from the store file (docs/contract.md, Reading). */
export class TaskStore implements Stores {
  /** The connection whose indexes were found complete, since when, and of which users; and what is wrong with the file. */
  #checked: { mirror: Mirror; since: number; users: Set<string | undefined>; damage: Promise<string[]> } | null = null;

  constructor(
    readonly file: FileStore,
    readonly link: MirrorLink,
  ) {}

  /** One page, or the tasks of some ids. @throws TtsctlError as `readFirst` */
  async list(query: ListQuery): Promise<ListResult> {
    return readFirst(this, query.source, {
      fromFile: (warnings) => this.#fromFile(query, warnings),
      fromMirror: (mirror, warnings) => this.#fromMirror(mirror, query, warnings),
    });
  }

  /** Tasks of one user, newest first by `created_at` if the users' indexes in Redis are, else as they are. */
  inUserOrder(tasks: readonly Task[]): readonly Task[] {
    const { rules } = this.file;
    if (rules.userScoredBy !== "created_at") return tasks;
    const times = rules.times();
    return [...tasks].sort((a, b) => createdScore(b, times) - createdScore(a, times));
  }

  #recent(mirror: Mirror) {
    const now = this.file.clock.monotonic() * 1000;
    if (this.#checked?.mirror !== mirror || now - this.#checked.since >= CHECKED_MS) {
      this.#checked = { mirror, since: now, users: new Set(), damage: damageWarning(this.file.path, mirror) };
    }
    return this.#checked;
  }

  async #fromFile(query: ListQuery, warnings: string[]): Promise<ListResult> {
    await using snapshot = await this.file.read();
    const answer = await answerFrom(fileTasks(snapshot, query.signal), query);
    return { ...answer, source: "file", warnings: [...warnings, ...fileWarnings(snapshot), ...stopWarnings(answer)] };
  }

  async #fromMirror(mirror: Mirror, query: ListQuery, warnings: readonly string[]): Promise<ListResult> {
    await using behind = new FileBehind(this.file);
    const auto = query.source === "auto";
    const tasks = mirrorTasks(mirror, auto ? behind : null, query.signal);
    const userId = soleUser(query.filter);
    const needsIndex = auto && query.ids === null;
    const recent = auto ? this.#recent(mirror) : null;
    const isKept = needsIndex && recent!.users.has(userId);
    const [doubts, early] = await Promise.all([
      needsIndex && !isKept ? doubtsOf(mirror, userId) : null,
      workOf(query) === "page" ? answerFrom(tasks, query) : null,
    ]);
    if (needsIndex && doubts === null) recent!.users.add(userId);
    const lack = doubts === null ? null : await lackOf(mirror, doubts, userId, behind);
    if (lack !== null) return await this.#fromFile(query, [lack]);
    // After doubts, the early answer may be from before a sync.
    const answer = doubts === null && early !== null ? early : await answerFrom(tasks, query);
    // Redis may have been flushed since it was checked.
    if (isKept && answer.total === 0 && (await doubtsOf(mirror, userId)) !== null) {
      recent!.users.delete(userId);
      return this.#fromMirror(mirror, query, warnings);
    }
    const { problem } = behind;
    if (doubts === null && problem !== null && answer.tasks.length === 0 && (await mirror.syncedAt()) === null) {
      throw neither(problem, mirror);
    }
    const dangling = await danglingWarnings(mirror, answer);
    const damage = await recent?.damage;
    const all = [...warnings, ...behind.warnings, ...(damage ?? []), ...dangling, ...stopWarnings(answer)];
    return { ...answer, source: sourceOf(answer.tasks, tasks), warnings: [...new Set(all)] };
  }
}

/** Of a file that no list has to read: an index may lack some of what it had. */
export async function damageWarning(path: string, mirror: Mirror): Promise<string[]> {
  try {
    const seen = await glanceAt(path);
    if (seen === "whole" || (seen === "without tasks" && (await mirror.size(undefined)) === 0)) return [];
    if (seen === "damaged") return [`${path} is empty or damaged: \`ttsctl doctor\` shows where`];
    const what = seen === "missing" ? "does not exist" : "has no tasks";
    return [`${path} ${what}: reading only from Redis; check --store and the mount`];
  } catch (error) {
    return isRedisError(error) ? [] : [onlyRedis(ours(error))];
  }
}

function onlyRedis({ message }: Error): string {
  return `reading only from Redis: ${message}`;
}

/** What a list reads: its page only, all ids that pass (a million take some 100 MB), or all records. */
export function workOf({ filter, sort }: Pick<ListQuery, "filter" | "sort">): "page" | "ids" | "records" {
  if (filter.search !== undefined || sort !== undefined) return "records";
  return filter.statuses.size > 0 || filter.users.size > 1 || needsRecord(filter) ? "ids" : "page";
}

/** One piece of a long list. `total` is that of the whole. */
export type Piece = TaskPage & Pick<ListResult, "source" | "warnings">;

/**
 * The first `limit` tasks that pass a filter, in pieces of bounded size. Each comes once, even if the service moves tasks
 * during the run. If Redis is lost midway, the file gives the rest. @throws TtsctlError as `TaskStore.list`
 */
export async function* newestTasks({ file, link }: Stores, query: Query, limit: number): AsyncGenerator<Piece> {
  const given = givenUpTo(limit);
  const { mirror, behind: problem, warnings } = await mirrorFor({ file, link }, query.source);
  if (problem !== undefined) warnings.push(behindWarning(problem, file.path));
  else if (mirror !== null) {
    const isForced = query.source === "redis";
    await using behind = new FileBehind(file); // reads the file when a member without a hash is met
    try {
      const lack = isForced ? null : await lackIn(mirror, file, soleUser(query.filter), behind.warnings);
      if (lack === null) {
        if (!isForced) behind.warnings.push(...(await damageWarning(file.path, mirror)));
        return yield* newestInMirror(mirror, behind, query, given);
      }
      warnings.push(lack);
    } catch (error) {
      if (isForced || !isRedisError(error)) throw error;
      warnings.push(fallbackWarning(error, file.path));
    }
  }
  await using snapshot = await file.read();
  warnings.push(...fileWarnings(snapshot));
  let isFirst = true;
  for await (const page of fileTasks(snapshot).newest(query.filter, given.left, query.sort)) {
    if (isFirst) warnings.push(...stopWarnings(page));
    isFirst = false;
    yield { ...page, tasks: given.take(page.tasks), source: "file", warnings: warnings.splice(0) };
  }
}

/** Why the file must answer instead of an index, or null. Doesn't keep the file: the listing may take long. @param warnings gets more */
export async function lackIn(mirror: Mirror, file: FileStore, userId: string | undefined, warnings: string[]) {
  const doubts = await doubtsOf(mirror, userId);
  if (doubts === null) return null;
  await using behind = new FileBehind(file);
  const lack = await lackOf(mirror, doubts, userId, behind);
  warnings.push(...behind.warnings);
  return lack;
}

type Query = Pick<ListQuery, "filter" | "source" | "sort">;

/** Counts tasks up to a limit, each once. */
function givenUpTo(limit: number) {
  const keys = new KeyTable();
  const left = () => limit - keys.size;
  const isDue = ({ userId, taskId }: Task) => left() > 0 && keys.size === keys.addId(userId, taskId);
  return { left, take: (tasks: readonly Task[]) => tasks.filter(isDue) };
}

async function* newestInMirror(
  mirror: Mirror,
  behind: FileBehind,
  { filter, source, sort }: Query,
  given: ReturnType<typeof givenUpTo>,
): AsyncGenerator<Piece> {
  const tasks = mirrorTasks(mirror, source === "auto" ? behind : null);
  let [dangling, unnamed] = [0, 0];
  let stopped: Stopped | undefined;
  for await (const page of tasks.newest(filter, given.left, sort)) {
    stopped = page.stopped;
    dangling += page.dangling;
    unnamed += page.unnamed ?? 0;
    const due = given.take(page.tasks);
    const piece = { ...page, tasks: due, source: sourceOf(due, tasks), warnings: behind.warnings.splice(0) };
    tasks.filled.clear();
    yield piece;
  }
  const warnings = [...(await danglingWarnings(mirror, { dangling, unnamed })), ...stopWarnings({ stopped })];
  if (warnings.length > 0) yield { total: 0, tasks: [], dangling: 0, source: "redis", warnings };
}

function sourceOf(tasks: readonly Task[], { filled }: { readonly filled: ReadonlySet<Task> }): ListResult["source"] {
  const fromFile = tasks.filter((task) => filled.has(task)).length;
  return fromFile === 0 ? "redis" : fromFile === tasks.length ? "file" : "mixed";
}

/** Names the layout of the tasks, if `[redis] layout` is another, in place of members that it can't read. */
async function danglingWarnings(mirror: Mirror, { dangling, unnamed = 0 }: Pick<ListResult, "dangling" | "unnamed">) {
  if (dangling === 0) return [];
  const name = await otherLayout(mirror).then((other) => other?.name, valueIf(isRedisError, undefined));
  if (name !== undefined) {
    const { layout } = mirror.parser.rules;
    return [`the tasks in Redis are in the layout ${name}, and [redis] layout is ${layout}: set \`layout = ${name}\``];
  }
  const left = (count: number, what: string) =>
    count === 0 ? [] : [`left out ${counted(count, "index member")} without a task${what}`];
  return [
    ...left(dangling - unnamed, "; `ttsctl sync` writes those that the file has, and with --prune removes the rest"),
    ...left(unnamed, ", with a name that isn't UTF-8; remove such members with redis-cli (docs/runbook.md)"),
  ];
}

function stopWarnings({ stopped }: Pick<ListResult, "stopped">): string[] {
  if (stopped === undefined) return [];
  const { looked, at } = stopped;
  const how = at === null ? "; narrow it by user, status or time" : `, at ${at}; continue until ${at}`;
  return [`the search stopped after the newest ${counted(looked, "task")}${how}`];
}

/** What no list shows of a file, a line each: that it is missing, invalid records, an unfinished append. */
export function fileWarnings({ path, exists, invalid, layout }: Snapshot): string[] {
  if (!exists) return [`${path} does not exist: treated as an empty store; check --store and the mount`];
  const lines: string[] = [];
  if (invalid.count > 0) {
    const names = invalid.named.slice(0, 3).map(({ userId, taskId, reason, offset }) => {
      const id = userId === undefined && taskId === undefined ? "" : ` (${userId ?? "?"}:${taskId ?? "?"})`;
      return `byte ${offset}${id}: ${reason}`;
    });
    const list = firstOf(names, invalid.count, "; ");
    lines.push(`${path} holds ${counted(invalid.count, "invalid record")}, left alone: ${list}`);
  }
  const unfinished = layout?.unfinished ?? null;
  if (unfinished !== null) lines.push(`${path} ends in an unfinished append at byte ${unfinished}, ignored`);
  return lines;
}

/** A page, or the tasks of some ids with the filter over them. */
async function answerFrom(source: TaskSource, query: ListQuery): Promise<Omit<ListResult, "source" | "warnings">> {
  const { filter, ids, page, pageSize, sort } = query;
  if (ids === null) {
    return { ...(await source.page(filter, (page - 1) * pageSize, pageSize, sort)), page, pageSize, missing: [] };
  }
  const tasks = await source.find(ids);
  const found = tasks.filter((task) => task !== undefined && passes(task, filter)) as Task[];
  const missing = ids.filter((_, i) => tasks[i] === undefined).map((id) => givenName(id, filter));
  return { total: found.length, page: 1, pageSize: found.length, tasks: found, missing, dangling: 0 };
}

/** The store file as a fallback for Redis: read on first use, once. */
export class FileBehind implements Pick<TaskSource, "find"> {
  #reading: Promise<Snapshot | null> | undefined;
  /** Why the file couldn't be read. */
  problem: TtsctlError | null = null;
  readonly warnings: string[] = [];

  constructor(readonly file: FileStore) {}

  async find(ids: readonly TaskId[]): Promise<(Task | undefined)[]> {
    const snapshot = await this.snapshot();
    return snapshot === null ? ids.map(() => undefined) : fileTasks(snapshot).find(ids);
  }

  /** Waits for a read in progress. Nothing is read afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reading = this.#reading;
    this.#reading = Promise.resolve(null);
    await (await reading)?.close();
  }

  /** An unreadable file is a warning: Redis can still answer. */
  snapshot(): Promise<Snapshot | null> {
    this.#reading ??= this.file.read().catch((error) => {
      if (!(error instanceof TtsctlError)) throw error;
      this.problem = error;
      this.warnings.push(onlyRedis(error));
      return null;
    });
    return this.#reading;
  }
}

const UNSYNCED =
  "Redis was never synced, or was flushed since, and has fewer tasks than the file: reading the file instead; run `ttsctl sync`";

/** The state of an index that was never synced or is incomplete (`lacksMembers`); else null. */
export async function doubtsOf(mirror: Mirror, userId: string | undefined): Promise<Standing | null> {
  const standing = (await mirror.standings([userId]))[0]!;
  return standing.syncedAt === null || lacksMembers(standing) ? standing : null;
}

/** Compares a doubtful index with the file: why the file must answer, or null. @throws TtsctlError STORE_* if neither can */
export async function lackOf(
  mirror: Mirror,
  { syncedAt, counted, members: seen }: Standing,
  userId: string | undefined,
  behind: FileBehind,
): Promise<string | null> {
  const snapshot = await behind.snapshot();
  if (snapshot === null || snapshot.size === 0) {
    const lists = `lists only ${seen} of its ${counted === null ? "" : `${counted} `}tasks`;
    if ((counted === null || seen < counted) && (await mirror.hasMore(userId, seen))) {
      const problem = behind.problem ?? new TtsctlError("STORE_EMPTY", lackText(snapshot!));
      throw neither(problem, mirror, `${mirror.layout.indexKey(userId)} ${lists}`, LOST_BOTH);
    }
    if (snapshot === null && seen === 0 && (syncedAt === null || counted !== 0)) throw neither(behind.problem!, mirror);
    if (!snapshot?.exists && seen < (counted ?? 0))
      behind.warnings.push(`Redis ${lists}, and the file doesn't show the others`);
    return null;
  }
  const inFile = userId === undefined ? snapshot.size : [...matchingRows(snapshot, ofUser(userId))].length;
  const members = await mirror.size(userId); // a sync may have filled it since
  if (members >= inFile) return null;
  if (syncedAt === null) return UNSYNCED;
  const whose = userId === undefined ? "" : ` of ${JSON.stringify(userId)}`;
  return `Redis lists only ${members} of the file's ${inFile} tasks${whose}: reading the file instead; run \`ttsctl sync\``;
}

/** What a store file without tasks is. */
export function lackText({ path, exists }: Snapshot): string {
  return `${path} ${exists ? "has no tasks" : "is missing"}`;
}

const LOST_BOTH =
  "make the store file readable, or move a damaged one aside; then `ttsctl verify --repair --restore` restores both";

function neither(
  { code, message }: TtsctlError,
  { where }: Mirror,
  why = "it was flushed, or never synced",
  hint = "make the store file readable or restore it from a backup, then run `ttsctl sync`",
): TtsctlError {
  return new TtsctlError(code, `${message}; Redis at ${where} can't be used instead: ${why}`, { hint });
}
