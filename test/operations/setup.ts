import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Artifacts, openArtifacts } from "../../src/artifacts/artifacts.ts";
import type { BackupFile } from "../../src/operations/backup.ts";
import { type CleanupOptions, cleanupOnce } from "../../src/operations/cleanup.ts";
import { type DeleteOptions, deleteTasks } from "../../src/operations/delete.ts";
import { type Explanation, explainTask } from "../../src/operations/explain.ts";
import { type ExportOptions, exportTasks } from "../../src/operations/export/export.ts";
import type { Ledger } from "../../src/operations/ledger.ts";
import { type MarkOptions, markTasks } from "../../src/operations/mark/mark.ts";
import { cleanUpOrphans, type OrphanOptions, type OrphanResult } from "../../src/operations/orphans.ts";
import { policyOf } from "../../src/operations/purge/rules.ts";
import type { Selection } from "../../src/operations/select.ts";
import { type SyncOptions, type SyncOutcome, sync } from "../../src/operations/sync.ts";
import { type RepairOptions, type VerifyOutcome, verify, verifyAndRepair } from "../../src/operations/verify/verify.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import type { MirrorState } from "../../src/store/mirror-link.ts";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { writeToMirror } from "../../src/store/redis/write.ts";
import { type Writable, writable } from "../../src/store/writable.ts";
import { NO_FILTER, ofUser } from "../../src/task/query-fields.ts";
import type { Task } from "../../src/task/task.ts";
import { resolved } from "../config/inputs.ts";
import { TestClock } from "../helpers/clock.ts";
import { connectMirror, FlakyMirror, RecordingReporter } from "../helpers/doubles.ts";
import { RULES, record, taskOf } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";

const DAY = 86_400;

/** Of `sync` and `verify --repair`. */
const DEFAULTS = { dryRun: false, prune: false, allowEmpty: false, allowMismatch: false };

export const EVERYTHING: Selection = { filter: NO_FILTER, ids: null, age: null };

/** Filters and selections of a user's tasks, or of a's. */
export const of = (userId: string, statuses: string[] = []) => ({ ...ofUser(userId), statuses: new Set(statuses) });
export const ofA = (...wanted: string[]) => wanted.map((taskId) => ({ userId: "a", taskId }));
export const ids = (...wanted: string[]) => ({ filter: of("a"), ids: ofA(...wanted) });

/** A task of alice in the second of a minute. */
export const at = (task: string, second: number, more: RecordJson = {}) =>
  record("alice", task, { updated_at: `2020-01-01T08:00:0${second}`, ...more });

/** By default: a retention of a week, and nothing else. */
export const POLICY = policyOf(resolved({}).cleanup);

/** A service root with its Redis, and the operations on them. */
export class Site {
  readonly root = new ServiceRoot();
  readonly clock = new TestClock();
  readonly reporter = new RecordingReporter();
  readonly stop = new AbortController();
  ledger: Ledger | null = null;
  readonly purged = this.reporter.items.cleanup;
  readonly marked = this.reporter.items.mark;
  orphans: string[] = [];
  /** What happens while the operator is asked. */
  whileAsked = () => {};
  readonly server: RedisServer;
  readonly flaky: FlakyMirror;
  /** What the operation gets for a mirror. */
  state: MirrorState;
  /** Stands between the operation and the real artifacts. */
  wrapArtifacts: (real: Artifacts) => Artifacts = (real) => real;

  private constructor(server: RedisServer, mirror: Writable<Mirror>) {
    this.server = server;
    this.flaky = new FlakyMirror(mirror);
    this.state = { kind: "on", mirror: this.flaky.mirror };
  }

  static async open(server: RedisServer): Promise<Site> {
    await server.call("FLUSHALL");
    return new Site(server, await connectMirror(server));
  }

  get mirror(): Writable<Mirror> {
    return this.flaky.mirror;
  }

  get file(): Writable<FileStore> {
    return writable(new FileStore(this.root.store, RULES, this.clock));
  }

  /** Puts records into Redis alone. */
  async writeRedis(...records: RecordJson[]): Promise<void> {
    await writeToMirror(this.mirror, records.map(taskOf));
  }

  /** Puts records into both stores. */
  async writeBoth(...records: RecordJson[]): Promise<void> {
    this.root.writeStore(records);
    await this.writeRedis(...records);
  }

  /** What the service does at a transition: the file replaced, then the mirror. */
  async serviceWrites(record: RecordJson): Promise<void> {
    const others = this.root.readStore().filter(({ user_id, task_id }) => {
      return user_id !== record.user_id || task_id !== record.task_id;
    });
    this.root.write("voice_task.tmp", JSON.stringify([record, ...others], null, 2));
    this.root.rename("voice_task.tmp", "voice_task.json");
    await this.writeRedis(record);
  }

  sync(options: Partial<SyncOptions> = {}): Promise<SyncOutcome> {
    const defaults = { ...DEFAULTS, checksum: false };
    return sync({ ...this.#common(), mirror: this.mirror }, { ...defaults, ...options });
  }

  verify(options: Pick<RepairOptions, "userId"> = {}): Promise<VerifyOutcome> {
    return verify({ ...this.#common(), mirror: this.mirror }, options);
  }

  repair(options: Partial<RepairOptions> = {}): Promise<VerifyOutcome> {
    const defaults = { ...DEFAULTS, restore: false };
    const parts = { ...this.#common(), mirror: this.mirror, rules: RULES };
    return verifyAndRepair(parts, { ...defaults, ...options });
  }

  async export(options: Partial<ExportOptions> = {}) {
    const tasks: Task[] = [];
    const parts = {
      ...this.#common(),
      mirror: this.state,
      write: async (some: readonly Task[]) => void tasks.push(...some),
    };
    const all = { filter: NO_FILTER, ids: null, source: "auto", asLines: true, ...options } as const;
    return { result: await exportTasks(parts, all), tasks };
  }

  /** A pass with a retention of a week. */
  cleanup(options: Partial<CleanupOptions> = {}, backup: BackupFile | null = null) {
    const defaults = { ...POLICY, stuckAfter: DAY, dryRun: false, maxDelete: null, allowEmpty: false };
    return this.#withArtifacts((artifacts) => {
      return cleanupOnce({ ...this.#common(), mirror: this.state, artifacts, backup }, { ...defaults, ...options });
    });
  }

  /** Why a task would stay or go in such a pass. */
  explain(userId: string, taskId: string, options: Partial<CleanupOptions> = {}): Promise<Explanation> {
    return this.#withArtifacts(async (artifacts) => {
      const parts = { ...this.#common(), mirror: this.state, artifacts };
      const all = { ...POLICY, allowEmpty: false, ...options };
      return (await explainTask(parts, all, { userId, taskId })).explanation;
    });
  }

  /** Removes orphans older than a week, however many; the reported ones are in `orphans`. */
  cleanUpOrphans(options: Partial<OrphanOptions> = {}): Promise<OrphanResult> {
    this.reporter.items.orphan.length = 0;
    const all = { retention: 7 * DAY, dryRun: false, maxDelete: null, ...options };
    return this.#withArtifacts((artifacts) =>
      cleanUpOrphans({ ...this.#common(), mirror: this.mirror, artifacts }, all).finally(() => {
        this.orphans = this.reporter.items.orphan.map(({ path }) => path);
      }),
    );
  }

  delete(selection: Partial<Selection>, options: Partial<DeleteOptions> = {}) {
    const defaults = { dryRun: false, force: false, maxDelete: null, allowEmpty: false, retention: 7 * DAY };
    const chosen = { ...EVERYTHING, ...selection };
    return this.#withArtifacts((artifacts) => {
      const parts = { ...this.#common(), mirror: this.state, artifacts, backup: null };
      return deleteTasks(parts, chosen, { ...defaults, ...options });
    });
  }

  mark(selection: Partial<Selection>, options: Partial<MarkOptions> = {}) {
    const mark = { status: "failed", shown: "error", error: "the worker died" };
    const defaults = { ...mark, dryRun: false, maxMark: null, allowEmpty: false, isBackedUp: false };
    const parts = { ...this.#common(), mirror: this.state, rules: RULES, backup: null };
    return markTasks(parts, { ...EVERYTHING, ...selection }, { ...defaults, ...options });
  }

  purgedNames(): string[] {
    return this.purged.map(({ userId, taskId }) => `${userId}:${taskId}`).sort();
  }

  async close(): Promise<void> {
    this.flaky.mirror.close();
    this.root.remove();
  }

  #common() {
    const { file, clock, reporter, stop, ledger } = this;
    const confirm = async () => this.whileAsked();
    return { file, clock, reporter, signal: stop.signal, ledger, confirm };
  }

  async #withArtifacts<T>(work: (artifacts: Artifacts) => Promise<T>): Promise<T> {
    using real = openArtifacts({ output: this.root.at("output"), logs: this.root.at("Logs") });
    return await work(this.wrapArtifacts(real));
  }
}

/** A Redis for the tests of a file, and a new site for each of them. */
export function useSite(): { site: Site } {
  const here = {} as { site: Site };
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    here.site = await Site.open(server);
  });
  afterEach(() => here.site.close());
  return here;
}
