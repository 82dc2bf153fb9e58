import { type Clock, restAfter } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { type FileIdentity, sameIdentity } from "../../store/file/identity.ts";
import { statusCode } from "../../store/file/rows.ts";
import { readFirst, type SourceChoice, type Stores } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { lackIn } from "../../store/task-store.ts";
import { formatDuration } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import { SILENT } from "../reporter.ts";
import { readMirrorTasks, TaskList } from "../stats/task-list.ts";
import { type Reading, type TaskChange, TaskStates } from "./states.ts";

export type EventSource = "redis" | "file";

interface EventParts extends Stores {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Hears of changes in Redis, or returns why that isn't possible. */
  readonly hear: (heard: (id: TaskId) => void) => Promise<Pick<Mirror, "lost" | "close"> | string>;
  /** Returns false if the output was closed. */
  readonly onChanges: (changes: readonly TaskChange[], source: EventSource) => Promise<boolean>;
  readonly onNews: (level: "info" | "warn", line: string) => Promise<void>;
}

interface EventOptions {
  readonly source: SourceChoice;
  /** The one user whose tasks are followed, or undefined. */
  readonly userId: string | undefined;
  readonly every: number;
}

/** Notifications can be lost, and a flush sends none, so everything is compared at least so often. */
const HEARING_EVERY_S = 60;
/** Several changes of a task in this time are one. */
const GATHER_MS = 50;
/** If more tasks are waiting, all are compared instead. */
const MOST_HEARD = 10_000;
const AT_ONCE = 1000;

/** Hands over changes of tasks until the signal, or until the output is closed. */
export class EventFollower {
  readonly #states = new TaskStates();
  #hearing: Pick<Mirror, "lost" | "close"> | null = null;
  #deaf = "";
  readonly #heard = new Map<string, TaskId>();
  #source: EventSource | null = null;
  #seen: FileIdentity | null | undefined;
  #reported = "";
  #isUnread = false;
  #isDue = false;
  #wake = new AbortController();

  constructor(
    private readonly parts: EventParts,
    private readonly options: EventOptions,
  ) {}

  compareSoon(): void {
    this.#isDue = true;
    this.#wake.abort();
  }

  async run(): Promise<void> {
    const { clock } = this.parts;
    try {
      while (!this.#isOver) {
        this.#isDue = false;
        const began = clock.monotonic();
        await this.#tried(async () => {
          await this.#listen();
          await this.#compare();
        });
        const { every } = this.options;
        const least = this.#hearing !== null && this.#source === "redis" ? Math.max(HEARING_EVERY_S, every) : every;
        await this.#wait(clock.monotonic() + restAfter(began, least, clock));
      }
    } finally {
      this.#hearing?.close();
    }
  }

  /** A store that can't be read now is reported, and the next comparison finds what changed. Returns whether it was read. */
  async #tried(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof TtsctlError) || error.exitCode === 2 || error.code === "REDIS_DISABLED") throw error;
      await this.#reportOnce(error.message, () => this.parts.onNews("warn", error.message));
      return false;
    }
  }

  get #isOver(): boolean {
    return this.parts.signal.aborted || this.#isUnread;
  }

  /** Before the comparison, so no change falls between the two. */
  async #listen(): Promise<void> {
    if (this.#hearing !== null || this.options.source === "file") return;
    const state = await this.parts.link.open();
    if (state.kind !== "on") return;
    const { userId } = this.options;
    const hearing = await this.parts.hear((id) => {
      if (id.userId === "" || (userId !== undefined && id.userId !== userId)) return;
      if (this.#heard.size < MOST_HEARD) this.#heard.set(keyOf(id), id);
      else this.#isDue = true;
      this.#wake.abort();
    });
    if (typeof hearing === "string") {
      this.#deaf = hearing;
      return;
    }
    this.#hearing = hearing;
    void hearing.lost.then(() => {
      hearing.close();
      if (this.#hearing === hearing) this.#hearing = null;
      this.compareSoon();
    });
  }

  /** Looks at the tasks that Redis names, until it is time to compare all. */
  async #wait(until: number): Promise<void> {
    const { clock, signal } = this.parts;
    while (!this.#isOver && !this.#isDue && clock.monotonic() < until) {
      this.#wake = new AbortController();
      if (this.#heard.size === 0) await clock.sleep((until - clock.monotonic()) * 1000, [signal, this.#wake.signal]);
      if (this.#heard.size === 0) continue;
      await clock.sleep(GATHER_MS, signal);
      if (!(await this.#tried(() => this.#lookAtHeard()))) return;
    }
  }

  async #lookAtHeard(): Promise<void> {
    const ids = [...this.#heard.values()];
    this.#heard.clear();
    if (this.#source !== "redis") return;
    const state = await this.parts.link.open();
    if (state.kind !== "on") return this.compareSoon();
    for (const batch of batches(ids, BATCH)) {
      const tasks = await state.mirror.read(batch);
      const changes = batch.map((id, i) => {
        const task = tasks[i];
        if (task instanceof TtsctlError) return null;
        return this.#states.update(id, task === undefined ? null : { ...task, status: statusCode(task.status) });
      });
      await this.#handOver(changes.filter((change) => change !== null));
    }
  }

  async #compare(): Promise<void> {
    const { source, userId } = this.options;
    await readFirst(this.parts, source, {
      fromFile: (warnings) => this.#compareFile(warnings),
      fromMirror: async (mirror, warnings) => {
        const lack = source === "redis" ? null : await lackIn(mirror, this.parts.file, userId);
        if (lack !== null) return this.#compareFile([lack]);
        this.#heard.clear(); // the reading has what was heard until now
        const { tasks } = await readMirrorTasks(mirror, userId, null, SILENT);
        if (this.#source === "redis") await this.#addMissed(mirror, tasks);
        const reading = this.#readingOf("redis");
        await this.#report("redis", `from Redis at ${mirror.where}`, warnings);
        await this.#handAll(this.#states.compare(tasks, reading));
      },
    });
  }

  /** @param warnings why Redis isn't used */
  async #compareFile(warnings: readonly string[]): Promise<void> {
    const { file } = this.parts;
    await using snapshot = await file.read();
    await this.#report("file", `from ${file.path}`, warnings);
    const isUnchanged = this.#seen !== undefined && sameIdentity(snapshot.identity, this.#seen);
    if (this.#source === "file" && isUnchanged) return;
    this.#seen = snapshot.identity;
    const reading = this.#readingOf("file");
    await this.#handAll(this.#states.compare(TaskList.ofFile(snapshot, this.options.userId), reading));
  }

  /** A walk over an index can miss a task that moves, and a new task's hash comes before its member. */
  async #addMissed(mirror: Mirror, tasks: TaskList): Promise<void> {
    for (const batch of batches(this.#states.missingIn(tasks), BATCH)) {
      for (const task of await mirror.read(batch)) {
        if (task === undefined || task instanceof TtsctlError) continue;
        tasks.add(task.userId, task.taskId, statusCode(task.status), task.score);
      }
    }
  }

  #readingOf(source: EventSource): Reading {
    const before = this.#source;
    this.#source = source;
    return before === null ? "first" : before === source ? "same" : "switched";
  }

  async #handAll(changes: Iterable<TaskChange>): Promise<void> {
    for (const some of batches(changes, AT_ONCE)) await this.#handOver(some);
  }

  async #handOver(changes: readonly TaskChange[]): Promise<void> {
    if (changes.length === 0 || this.#isUnread) return;
    this.#isUnread = !(await this.parts.onChanges(changes, this.#source!));
  }

  async #report(source: EventSource, from: string, warnings: readonly string[]): Promise<void> {
    const { onNews } = this.parts;
    const why = source === "redis" && this.#deaf !== "" ? `: ${this.#deaf}` : "";
    const isHeard = source === "redis" && this.#hearing !== null;
    const how = isHeard ? "by keyspace notifications" : `compared every ${formatDuration(this.options.every)}${why}`;
    await this.#reportOnce(`${from}, ${how}`, async () => {
      for (const line of warnings) await onNews("warn", line);
      await onNews("info", `changes come ${from}, ${how}`);
    });
  }

  async #reportOnce(what: string, report: () => Promise<void>): Promise<void> {
    if (this.#reported === what) return;
    this.#reported = what;
    await report();
  }
}
