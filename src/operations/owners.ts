import { type FolderName, folded } from "../artifacts/plain-name.ts";
import { Turns } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { fieldJson } from "../json/record.ts";
import { batches } from "../pool.ts";
import { INVALID, LIVE } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { keyOf, type TaskId, trimId, uniqueTasks } from "../task/ids.ts";
import { type RecordRules, unquotePlus } from "../task/rules.ts";
import type { Task } from "../task/task.ts";

export const NOBODY = -1;

/** A log by its name without `.log`: logs have no user. */
export function logName(name: string): FolderName {
  return { userId: "", taskId: name };
}

/** All that a record owns by its ids: the logs, and in `output/` its directories and the one that holds a nested one. */
function ownedBy(rules: RecordRules, id: TaskId): FolderName[] {
  return [...placesOf(rules, id), ...rules.namesOf(id.taskId).map(logName)];
}

/** Ids with slashes name nested directories, which are in one of two levels, if there is one. */
export function placesOf(rules: RecordRules, id: TaskId): FolderName[] {
  return rules.foldersOf(id).flatMap((folder) => {
    if (!folder.userId.includes("/") && !folder.taskId.includes("/")) return [folder];
    const [userId, taskId] = stepsOf(`${folder.userId}/${folder.taskId}`);
    return userId === undefined || taskId === undefined ? [] : [{ userId, taskId }];
  });
}

/** The names on a path, as the kernel resolves them without links. */
function stepsOf(path: string, separator: string | RegExp = "/"): string[] {
  const steps: string[] = [];
  for (const name of path.split(separator)) {
    if (name === "..") steps.pop();
    else if (name !== "" && name !== ".") steps.push(name);
  }
  return steps;
}

/** A url may name a file in its query. */
const IN_URLS = /[/?#&=]/;

/** A text, or the start of a list or an object. */
const RESULTS = /"(result_(?:path|url))"\s*:\s*(?:("(?:[^"\\]|\\.)*")|[[{])/g;
const TEXTS = /"(?:[^"\\]|\\.)*"/g;
/** A path may be encoded for a url that is a parameter of another. */
const MOST_ENCODED = 3;
/** Of a path: it may lead elsewhere, or have another path in it. */
const NOT_PLAIN = /[?#&=]|\/\.\.\//;

/** The texts of `result_path` and `result_url`, of a list or an object all in it, also decoded. */
function resultsIn(json: string): string[] {
  const found: string[] = [];
  for (const [, name, text] of json.matchAll(RESULTS)) {
    for (const quoted of text === undefined ? (fieldJson(json, name!)?.match(TEXTS) ?? []) : [text]) {
      let path = JSON.parse(quoted) as string;
      found.push(path);
      for (let i = 0; i < MOST_ENCODED && path.includes("%"); i++) {
        path = unquotePlus(path.replaceAll("+", "%2B"));
        found.push(path);
      }
    }
  }
  return found;
}

/** Where the results of a record may be. The service's `output/` may have another path in its container, so any two names in a row count. */
function resultFolders(paths: readonly string[]): FolderName[] {
  const found: FolderName[] = [];
  for (const path of paths) {
    for (const separator of ["/", IN_URLS]) {
      const steps = stepsOf(path, separator);
      for (let i = 1; i < steps.length; i++) found.push({ userId: steps[i - 1]!, taskId: steps[i]! });
    }
  }
  return found;
}

/** All directories in which a task may have files: by its ids, or by its results. */
export function foldersOf(rules: RecordRules, id: TaskId, task: Task | null): FolderName[] {
  const own = `/${id.userId}/${id.taskId}/`;
  const elsewhere = (path: string) => !path.includes(own) || path.includes("/../");
  const paths = task === null ? [] : resultsIn(task.json).filter(elsewhere);
  return uniqueTasks([...rules.foldersOf(id), ...resultFolders(paths)]);
}

/** How many records own each name that is watched, and each that may be the same on the disk. Others take no memory. */
export class Owners {
  readonly #names = new KeyTable();
  readonly #counts: number[] = [];
  /** The folded names, and by each the name that isn't folded itself, or several: a list for each of a million takes 200 MB. */
  readonly #folded = new KeyTable();
  readonly #unfolded: (number | number[])[] = [];
  /** By record: the watched names that it owns only because its result is there. */
  readonly #results = new Map<string, FolderName[]>();
  /** What comes before `/task/` in results of tasks in their own directories, if no name of it is watched: nearly all have one of a few. */
  readonly #homes = new Set<string>();

  constructor(private readonly rules: RecordRules) {}

  /** Returns its number. */
  watch({ userId, taskId }: FolderName): number {
    const known = this.#names.size;
    const key = this.#names.addId(userId, taskId);
    if (key < known) return key;
    this.#counts.push(0);
    const [user, task] = [folded(userId), folded(taskId)];
    if (user === userId && task === taskId) return key;
    const fold = this.#folded.addId(user, task);
    const others = this.#unfolded[fold];
    this.#unfolded[fold] = others === undefined ? key : [others, key].flat();
    return key;
  }

  watchAllOf(id: TaskId): void {
    for (const name of ownedBy(this.rules, id)) this.watch(name);
  }

  watches(name: FolderName): boolean {
    return this.#names.find(name.userId, name.taskId) >= 0;
  }

  /** Adds copies in Redis with their results. Those of tasks in the file add only results: `addFile` has added their ids. */
  async addRedis(mirror: Mirror, ids: Iterable<TaskId>, snapshot: Snapshot): Promise<void> {
    for (const some of batches(ids, BATCH)) {
      const tasks = await mirror.read(some);
      for (const [i, id] of some.entries()) {
        const task = tasks[i];
        if (!snapshot.holds(id)) this.count(id);
        if (task !== undefined && !(task instanceof TtsctlError)) this.addResults(id, task.json);
      }
    }
  }

  /** Adds all records of the file, valid or not. @param withResults whether their results are looked for */
  async addFile(snapshot: Snapshot, withResults: boolean): Promise<void> {
    const { rows, invalid, rules } = snapshot;
    for (const name of [...invalid.ownerless].flatMap(rules.namesOf)) this.#countName(logName(name), 1);
    const turns = new Turns();
    for (let key = 0; key < rows.keys.size; key++) {
      if (rows.liveRow(key) >= 0 || rows.hasInvalid(key)) this.#addKey(rows.keys, key);
      if (key % BATCH === 0) await turns.next();
    }
    if (!withResults) return;
    function* recorded(): Generator<number> {
      for (let row = 0; row < rows.size; row++) {
        if (rows.state(row) === LIVE || rows.state(row) === INVALID) yield row;
      }
    }
    const read = snapshot.windowed();
    for (const { rows: some } of snapshot.windows(recorded(), 1 << 16)) {
      const from = rows.start(some[0]!);
      const bytes = await read(from, rows.end(some.at(-1)!));
      const latin1 = bytes.toString("latin1"); // once: a slice of it costs less than a text for each record
      for (const row of some) {
        const key = rows.key(row);
        const start = rows.start(row) - from;
        const end = rows.end(row) - from;
        const id = key < 0 ? { userId: "", taskId: "" } : rows.keys.id(key);
        if (latin1.slice(start, end).includes('"result_')) this.addResults(id, bytes.toString("utf8", start, end));
      }
      await turns.next();
    }
  }

  #addKey(keys: KeyTable, key: number): void {
    // Nearly all ids are like this: each has one name, which is found without making it a text.
    const isOwnFold = this.#folded.size === 0 && keys.isPlain(key);
    if (!isOwnFold) this.count(keys.id(key));
    else for (const name of [this.#names.findKeyOf(keys, key), this.#names.findTaskOf(keys, key)]) this.#tally(name, 1);
  }

  #tally(name: number, by: 1 | -1): boolean {
    if (name >= 0) this.#counts[name]! += by;
    return name >= 0;
  }

  /** Counts a record with its known results, or with `by` -1 no longer: it is purged. */
  count(id: TaskId, by: 1 | -1 = 1): void {
    for (const name of ownedBy(this.rules, id)) this.#countName(name, by);
    for (const name of this.#results.get(keyOf(id)) ?? []) this.#countName(name, by);
  }

  /** Whether a record owns a watched name, or one that differs in case or Unicode form and `isOne`. Unwatched names have an owner. */
  owns(name: FolderName, isOne: (other: FolderName) => boolean): boolean {
    const key = this.#names.find(name.userId, name.taskId);
    if (key < 0 || this.#counts[key]! > 0) return true;
    const alike = this.#alike(name).filter((other) => other !== key && this.#counts[other]! > 0);
    return alike.some((other) => isOne(this.#names.id(other)));
  }

  addResults(id: TaskId, json: string): void {
    const homes: string[] = [];
    const paths = resultsIn(json).flatMap((path) => {
      const at = path.indexOf(`/${id.userId}/${id.taskId}/`);
      if (at < 0 || NOT_PLAIN.test(path)) return [path];
      const home = path.slice(0, at + 1 + id.userId.length);
      if (this.#homes.has(home)) return [];
      homes.push(home);
      return [home];
    });
    if (paths.length === 0) return;
    const own = new Set(ownedBy(this.rules, id).map(keyOf));
    const results = resultFolders(paths).filter((name) => !own.has(keyOf(name)) && this.#countName(name, 1));
    if (results.length > 0) this.#results.set(keyOf(id), [...(this.#results.get(keyOf(id)) ?? []), ...results]);
    else for (const home of homes) this.#homes.add(home);
  }

  /** Returns whether the name is watched, but for case and Unicode form; then it is itself from now on. */
  #countName(name: FolderName, by: 1 | -1): boolean {
    let key = this.#names.find(name.userId, name.taskId);
    if (key < 0 && this.#alike(name).length > 0) key = this.watch(name);
    return this.#tally(key, by);
  }

  #alike({ userId, taskId }: FolderName): number[] {
    const [user, task] = [folded(userId), folded(taskId)];
    const [same, fold] = [this.#names.find(user, task), this.#folded.find(user, task)];
    return [...(same < 0 ? [] : [same]), ...(fold < 0 ? [] : [this.#unfolded[fold]!].flat())];
  }
}

/** Which users, by the names of their folders, have a record, valid or not. If `read` fails, all may have one. */
export async function usersWithRecords(read: () => Promise<Snapshot>, users: readonly string[]): Promise<Set<string>> {
  try {
    const { rows, invalid, rules } = await read();
    const known = new KeyTable();
    for (let key = 0; key < rows.keys.size; key++) {
      if (rows.liveRow(key) < 0 && !rows.hasInvalid(key)) continue;
      if (rules.isPublished) for (const name of rules.namesOf(rows.keys.userId(key))) known.addId(name, "");
      else known.addUserOf(rows.keys, key);
    }
    for (const name of [...invalid.taskless].flatMap(rules.namesOf)) known.addId(name, "");
    return new Set(users.filter((user) => known.find(trimId(user), "") >= 0));
  } catch (error) {
    if (error instanceof TtsctlError) return new Set(users);
    throw error;
  }
}
