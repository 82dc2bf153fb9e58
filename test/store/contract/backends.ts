import { systemClock } from "../../../src/clock.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { fileTasks } from "../../../src/store/file/file-tasks.ts";
import type { SourceChoice } from "../../../src/store/mirror-link.ts";
import { BATCH } from "../../../src/store/redis/copies.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import { mirrorTasks } from "../../../src/store/redis/mirror-tasks.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { TaskStore } from "../../../src/store/task-store.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { type TaskId, uniqueTasks } from "../../../src/task/ids.ts";
import { NO_FILTER, type Sort, type TaskFilter } from "../../../src/task/query-fields.ts";
import type { RecordRules } from "../../../src/task/rules.ts";
import type { Task } from "../../../src/task/task.ts";
import { type DeploymentKind, rulesOfKind, startRedis, type TestServer } from "../../helpers/deployments.ts";
import { connectMirror, linkTo } from "../../helpers/doubles.ts";
import { taskIn } from "../../helpers/records.ts";
import { type RecordJson, ServiceRoot } from "../../helpers/root.ts";

/** What the contract asks of every place that tasks are read from. */
export interface Reader {
  /** Page `page` from 1. */
  page(filter: TaskFilter, page: number, size: number, sort?: Sort): Promise<{ total: number; tasks: Task[] }>;
  find(ids: readonly TaskId[]): Promise<(Task | undefined)[]>;
}

export interface Backend {
  readonly name: string;
  readonly rules: RecordRules;
  /** Holds exactly these records from now on. */
  fill(records: readonly RecordJson[]): Promise<Reader>;
  close(): Promise<void>;
}

/** The store file alone. */
export class FileBackend implements Backend {
  readonly name: string;
  readonly rules: RecordRules;
  readonly #root = new ServiceRoot();
  #opened: { close(): Promise<void> }[] = [];

  constructor(rules: RecordRules) {
    this.rules = rules;
    this.name = `FileTasks over a file (${rules.layout})`;
  }

  async fill(records: readonly RecordJson[]): Promise<Reader> {
    this.#root.writeStore(records);
    const snapshot = await writable(new FileStore(this.#root.store, this.rules, systemClock)).read();
    this.#opened.push(snapshot);
    const tasks = fileTasks(snapshot);
    return {
      page: (filter, page, size, sort) => tasks.page(filter, (page - 1) * size, size, sort),
      find: (ids) => tasks.find(ids),
    };
  }

  async close(): Promise<void> {
    for (const snapshot of this.#opened) await snapshot.close();
    this.#root.remove();
  }
}

/** One of each kind: what uses them comes one after the other. */
const servers = new Map<DeploymentKind, Promise<TestServer>>();

/** Ends the servers of all backends. */
export async function removeServers(): Promise<void> {
  for (const server of servers.values()) await (await server).remove();
}

/** A mirror in one kind of Redis. */
export abstract class RedisBackend {
  readonly rules: RecordRules;
  protected readonly kind: DeploymentKind;
  #mirror: Promise<Writable<Mirror>> | undefined;

  constructor(kind: DeploymentKind) {
    this.kind = kind;
    this.rules = rulesOfKind(kind);
  }

  protected server(): Promise<TestServer> {
    const server = servers.get(this.kind) ?? startRedis(this.kind);
    servers.set(this.kind, server);
    return server;
  }

  protected mirror(): Promise<Writable<Mirror>> {
    this.#mirror ??= this.server().then((server) => connectMirror(server));
    return this.#mirror;
  }

  protected async filled(records: readonly RecordJson[]): Promise<Writable<Mirror>> {
    const [server, mirror] = [await this.server(), await this.mirror()];
    await server.call("FLUSHALL");
    const tasks = records.map((record) => taskIn(this.rules, record));
    for (let i = 0; i < tasks.length; i += BATCH) await writeToMirror(mirror, tasks.slice(i, i + BATCH));
    return mirror;
  }

  async close(): Promise<void> {
    (await this.#mirror)?.close();
  }
}

export class MirrorBackend extends RedisBackend implements Backend {
  readonly name: string;

  constructor(kind: DeploymentKind) {
    super(kind);
    this.name = `MirrorTasks over Redis (${kind})`;
  }

  async fill(records: readonly RecordJson[]): Promise<Reader> {
    const tasks = mirrorTasks(await this.filled(records), null);
    return {
      page: (filter, page, size, sort) => tasks.page(filter, (page - 1) * size, size, sort),
      find: (ids) => tasks.find(ids),
    };
  }
}

/** The dual store, with one source in charge. */
export class StoreBackend extends RedisBackend implements Backend {
  readonly name: string;
  readonly #root = new ServiceRoot();
  readonly #source: SourceChoice;

  constructor(kind: DeploymentKind, source: SourceChoice) {
    super(kind);
    this.#source = source;
    this.name = `TaskStore, --source ${source} (${kind})`;
  }

  async fill(records: readonly RecordJson[]): Promise<Reader> {
    this.#root.writeStore(records);
    const link = linkTo(await this.filled(records));
    const store = new TaskStore(writable(new FileStore(this.#root.store, this.rules, systemClock)), link);
    const common = { source: this.#source };
    return {
      page: (filter, page, pageSize, sort) => store.list({ ...common, filter, ids: null, page, pageSize, sort }),
      find: async (ids) => {
        const answer = await store.list({ ...common, filter: NO_FILTER, ids: uniqueTasks(ids), page: 1, pageSize: 20 });
        const found = new Map(answer.tasks.map((task) => [`${task.userId}:${task.taskId}`, task]));
        return ids.map(({ userId, taskId }) => found.get(`${userId}:${taskId}`));
      },
    };
  }

  override async close(): Promise<void> {
    await super.close();
    this.#root.remove();
  }
}
