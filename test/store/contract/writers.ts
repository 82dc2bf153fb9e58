import { expect } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { TtsctlError } from "../../../src/errors.ts";
import { planBatch } from "../../../src/store/file/batch-plan.ts";
import { Changes, NO_PUTS } from "../../../src/store/file/changes.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import type { RedisCopy } from "../../../src/store/layout/copy.ts";
import type { Outcome } from "../../../src/store/redis/copies.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { keyOf, type TaskId } from "../../../src/task/ids.ts";
import type { RecordRules } from "../../../src/task/rules.ts";
import { type Ids, taskIn } from "../../helpers/records.ts";
import { type RecordJson, ServiceRoot } from "../../helpers/root.ts";
import { lines } from "../../helpers/ttsctl.ts";
import { RedisBackend } from "./backends.ts";

export type TestRecord = RecordJson & Ids;
/** What a store showed of a task, for a change that depends on it: opaque. */
export type Sight = unknown;

/** What the contract asks of every place that tasks are written to. Only this file knows how the stores are called. */
export interface Writer {
  readonly name: string;
  readonly rules: RecordRules;
  /** What becomes of a record at the time of the one that is there. */
  readonly atEqualTime: "written" | "unchanged";
  /** Holds exactly these records from now on. */
  fill(records: readonly TestRecord[]): Promise<void>;
  /** Each is written unless a newer one is there: `written`, `unchanged`, `newer`, or the code of an error. */
  upsert(records: readonly TestRecord[]): Promise<string[]>;
  see(ids: readonly TaskId[]): Promise<Sight[]>;
  /** Each is removed if it is as it was seen: `removed`, `changed`, or the code of an error. */
  remove(ids: readonly TaskId[], seen: readonly Sight[]): Promise<string[]>;
  /** Another program writes a task, or removes it (null). */
  foreign(id: TaskId, record: TestRecord | null): Promise<void>;
  /** The records by `user:task`, read with nothing of what is tested. Throws if a task is only half there. */
  held(): Promise<Record<string, RecordJson>>;
  close(): Promise<void>;
}

export const nameOf = ({ user_id, task_id }: Ids) => `${user_id}:${task_id}`;

/** In lines, what is left of a file without tasks. */
const GONE = { user_id: "nobody", task_id: "gone", deleted: true };

export const SHAPES = {
  array: (records: readonly RecordJson[]) => JSON.stringify(records, null, 2),
  map: (records: readonly RecordJson[]) =>
    JSON.stringify(Object.fromEntries(records.map((record, i) => [`key ${i}`, record])), null, 2),
  lines: (records: readonly RecordJson[]) =>
    (records.length > 0 ? records : [GONE]).map((record) => `${JSON.stringify(record)}\n`).join(""),
};

/** The records in force: of lines the last, of an array or a map the newest. */
export function recordsIn(text: string, shape: keyof typeof SHAPES): TestRecord[] {
  const held = new Map<string, TestRecord>();
  const all = shape === "lines" ? lines(text).map((line) => JSON.parse(line)) : Object.values(JSON.parse(text));
  for (const record of all as TestRecord[]) {
    const before = held.get(nameOf(record));
    if (record.deleted === true) held.delete(nameOf(record));
    else if (shape === "lines" || `${record.updated_at}` >= `${before?.updated_at ?? ""}`)
      held.set(nameOf(record), record);
  }
  return [...held.values()];
}

export class FileWriter implements Writer {
  readonly atEqualTime = "written";
  readonly shape: keyof typeof SHAPES;
  readonly rules: RecordRules;
  readonly name: string;
  readonly #root = new ServiceRoot();
  readonly #seen: Snapshot[] = [];

  constructor(shape: keyof typeof SHAPES, rules: RecordRules) {
    this.shape = shape;
    this.rules = rules;
    this.name = `the file, ${shape} (${rules.layout})`;
  }

  async fill(records: readonly RecordJson[]): Promise<void> {
    this.write(SHAPES[this.shape](records));
  }

  /** As a service that did so long ago. */
  write(text: string): void {
    this.#root.replaceStore(text);
  }

  get text(): string {
    return this.#root.storeText();
  }

  async upsert(records: readonly TestRecord[]): Promise<string[]> {
    const changes = records.map((record) => taskIn(this.rules, record)).map((task) => ({ id: task, task }));
    let plan: Awaited<ReturnType<typeof planBatch>> | undefined;
    await this.#store.apply(async (now) => {
      plan = await planBatch(changes, now);
      return plan.edit;
    });
    return plan!.results.map(({ outcome }) => outcome);
  }

  async see(ids: readonly TaskId[]): Promise<Sight[]> {
    const snapshot = await this.#store.read();
    this.#seen.push(snapshot);
    return ids.map((id) => (snapshot.holds(id) ? snapshot : null));
  }

  async remove(ids: readonly TaskId[], seen: readonly Sight[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const base = seen.find((one) => one !== null) as Snapshot;
    const removed = new Set(ids.map((id) => base.keyOf(id)));
    const { changed } = await this.#store.apply(new Changes(base, { removed, puts: NO_PUTS }));
    const names = new Set(changed.map(keyOf));
    return ids.map((id) => (names.has(keyOf(id)) ? "changed" : "removed"));
  }

  async foreign({ userId, taskId }: TaskId, record: TestRecord | null): Promise<void> {
    const others = Object.values(await this.held()).filter((one) => one.user_id !== userId || one.task_id !== taskId);
    await this.fill(record === null ? others : [...others, record]);
  }

  async held(): Promise<Record<string, RecordJson>> {
    return Object.fromEntries(recordsIn(this.text, this.shape).map((record) => [nameOf(record), record]));
  }

  async close(): Promise<void> {
    for (const snapshot of this.#seen) await snapshot.close();
    this.#root.remove();
  }

  get #store(): Writable<FileStore> {
    return writable(new FileStore(this.#root.store, this.rules, systemClock));
  }
}

/** A mirror in one kind of Redis. Ids are ASCII letters and digits here, the same in keys of every layout. */
export class MirrorWriter extends RedisBackend implements Writer {
  readonly atEqualTime = "unchanged";

  get name(): string {
    return `Redis (${this.kind})`;
  }

  async fill(records: readonly TestRecord[]): Promise<void> {
    await this.filled(records);
  }

  async upsert(records: readonly TestRecord[]): Promise<string[]> {
    const outcomes = await writeToMirror(
      await this.mirror(),
      records.map((record) => taskIn(this.rules, record)),
    );
    return outcomes.map((outcome) => (outcome instanceof TtsctlError ? outcome.code : outcome));
  }

  async see(ids: readonly TaskId[]): Promise<Sight[]> {
    return (await this.mirror()).copies(ids, "state");
  }

  async remove(ids: readonly TaskId[], seen: readonly Sight[]): Promise<string[]> {
    const removals = ids.map((id, i) => ({ id, seen: seen[i] as RedisCopy }));
    const outcomes: Outcome<boolean>[] = await (await this.mirror()).remove(removals);
    return outcomes.map((flag) => (flag instanceof TtsctlError ? flag.code : flag ? "removed" : "changed"));
  }

  async foreign({ userId, taskId }: TaskId, record: TestRecord | null): Promise<void> {
    const server = await this.server();
    const member = `${userId}:${taskId}`;
    if (record === null) {
      for (const key of [`tts:task:${member}`, `tts:task_lookup:${taskId}`]) await server.call("DEL", key);
      await server.call("ZREM", "tts:tasks:index", member);
      await server.call("ZREM", `tts:user:${userId}:index`, taskId);
      return;
    }
    const task = taskIn(this.rules, record);
    const time = this.rules.layout === "plain" ? task.updatedAt : task.score;
    const fields = ["status", task.status, "updated_at", time, "payload", task.json];
    await server.call("HSET", `tts:task:${member}`, ...fields);
    await server.call("ZADD", "tts:tasks:index", task.score, member);
    await server.call("ZADD", `tts:user:${userId}:index`, task.score, taskId);
    if (this.rules.layout === "api_ms") await server.call("SET", `tts:task_lookup:${taskId}`, userId);
  }

  /** Each replaces what is there if that is as it was seen: `written` or `changed`. */
  async overwrite(records: readonly TestRecord[], seen: readonly Sight[]): Promise<string[]> {
    const mirror = await this.mirror();
    const upserts = records.map((record, i) => ({
      task: taskIn(this.rules, record),
      seen: seen[i] as RedisCopy,
    }));
    return (await mirror.upsert(upserts)).map((flag) => (flag === true ? "written" : "changed"));
  }

  /** Takes a task out of the global index, and gives it a wrong score in its user's. */
  async unindex({ userId, taskId }: TaskId): Promise<void> {
    await (await this.server()).call("ZREM", "tts:tasks:index", `${userId}:${taskId}`);
    await (await this.server()).call("ZADD", `tts:user:${userId}:index`, 1, taskId);
  }

  /** Makes every write and removal of a task fail. */
  async damage({ userId, taskId }: TaskId): Promise<void> {
    await (await this.server()).call("SET", `tts:task:${userId}:${taskId}`, "no hash");
  }

  async held(): Promise<Record<string, RecordJson>> {
    const server = await this.server();
    const keys = ((await server.call("KEYS", "tts:*")) as string[]).sort();
    const held: Record<string, RecordJson> = {};
    const expected = new Map<string, unknown>();
    const users = new Map<string, [string, string][]>();
    for (const key of keys.filter((key) => key.startsWith("tts:task:"))) {
      const { payload, status, updated_at } = await server.hash(key);
      const record = JSON.parse(payload!) as TestRecord;
      const task = taskIn(this.rules, record);
      const time = this.rules.layout === "plain" ? record.updated_at : `${task.score}`;
      if (key !== `tts:task:${nameOf(record)}` || status !== record.status || updated_at !== time)
        throw new Error(`${key} isn't its payload: ${payload}`);
      held[nameOf(record)] = record;
      const members = users.get(record.user_id) ?? [];
      users.set(record.user_id, [...members, [record.task_id, `${task.score}`]]);
      if (this.rules.layout === "api_ms") expected.set(`tts:task_lookup:${record.task_id}`, record.user_id);
    }
    const all = [...users].flatMap(([user, own]) => own.map(([task, score]) => [`${user}:${task}`, score]));
    if (all.length > 0) expected.set("tts:tasks:index", Object.fromEntries(all));
    for (const [user, own] of users) expected.set(`tts:user:${user}:index`, Object.fromEntries(own));
    const found = new Map<string, unknown>();
    for (const key of keys.filter((key) => !/^tts:(task|ttsctl):/.test(key))) {
      const isText = key.startsWith("tts:task_lookup:");
      found.set(key, isText ? await server.call("GET", key) : Object.fromEntries(await server.zset(key)));
    }
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
    return held;
  }
}
