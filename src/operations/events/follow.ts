import { type Clock, restAfter } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { batches } from "../../pool.ts";
import { type FileIdentity, sameIdentity } from "../../store/file/identity.ts";
import { statusCode } from "../../store/file/rows.ts";
import { readFirst, type SourceChoice, type Stores } from "../../store/mirror-link.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { lackIn } from "../../store/task-store.ts";
import { formatDuration } from "../../task/amounts.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
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

/** Notifications can be lost, and a flush sends none, so everything is compared at least so often. */
const HEARING_EVERY_S = 60;
/** Several changes of a task in this time are one. */
const GATHER_MS = 50;
/** If more tasks are waiting, all are compared instead. */
const MOST_HEARD = 10_000;
const AT_ONCE = 1000;

/** `run` hands over changes of tasks until the signal, or until the output is closed. @param every seconds between two comparisons */
export function eventFollower(
  parts: EventParts,
  { source: choice, userId, every }: { source: SourceChoice; userId: string | undefined; every: number },
) {
  const { clock, file, link, signal, onNews } = parts;
  const states = new TaskStates();
  const heard = new Map<string, TaskId>();
  let hearing: Pick<Mirror, "lost" | "close"> | null = null;
  let [deaf, reported] = ["", ""];
  let source: EventSource | null = null;
  let seen: FileIdentity | null | undefined;
  let [isUnread, isDue] = [false, false];
  let wake = new AbortController();
  const isOver = () => signal.aborted || isUnread;
  const compareSoon = () => {
    isDue = true;
    wake.abort();
  };
  return { compareSoon, run };

  async function run(): Promise<void> {
    try {
      while (!isOver()) {
        isDue = false;
        const began = clock.monotonic();
        await tried(async () => {
          await listen();
          await compare();
        });
        const least = isHeard(source) ? Math.max(HEARING_EVERY_S, every) : every;
        await wait(clock.monotonic() + restAfter(began, least, clock));
      }
    } finally {
      hearing?.close();
    }
  }

  function isHeard(of: EventSource | null): boolean {
    return hearing !== null && of === "redis";
  }

  /** A store that can't be read now is reported, and the next comparison finds what changed. Returns whether it was read. */
  async function tried(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof TtsctlError) || error.exitCode === 2 || error.code === "REDIS_DISABLED") throw error;
      await reportOnce(error.message, () => onNews("warn", error.message));
      return false;
    }
  }

  /** Before the comparison, so no change falls between the two. */
  async function listen(): Promise<void> {
    if (hearing !== null || choice === "file" || (await link.open()).kind !== "on") return;
    const answer = await parts.hear((id) => {
      if (id.userId === "" || (userId !== undefined && id.userId !== userId)) return;
      if (heard.size < MOST_HEARD) heard.set(keyOf(id), id);
      else isDue = true;
      wake.abort();
    });
    if (typeof answer === "string") {
      deaf = answer;
      return;
    }
    hearing = answer;
    void answer.lost.then(() => {
      answer.close();
      if (hearing === answer) hearing = null;
      compareSoon();
    });
  }

  /** Looks at the tasks that Redis names, until it is time to compare all. */
  async function wait(until: number): Promise<void> {
    while (!isOver() && !isDue && clock.monotonic() < until) {
      wake = new AbortController();
      if (heard.size === 0) await clock.sleep((until - clock.monotonic()) * 1000, [signal, wake.signal]);
      if (heard.size === 0) continue;
      await clock.sleep(GATHER_MS, signal);
      if (!(await tried(lookAtHeard))) return;
    }
  }

  async function lookAtHeard(): Promise<void> {
    const ids = [...heard.values()];
    heard.clear();
    if (source !== "redis") return;
    const state = await link.open();
    if (state.kind !== "on") return compareSoon();
    for (const batch of batches(ids, BATCH)) {
      const tasks = await state.mirror.read(batch);
      const changes = batch.map((id, i) => {
        const task = tasks[i];
        if (task instanceof TtsctlError) return null;
        return states.update(id, task === undefined ? null : { ...task, status: statusCode(task.status) });
      });
      await handOver(changes.filter((change) => change !== null));
    }
  }

  async function compare(): Promise<void> {
    await readFirst(parts, choice, {
      fromFile: compareFile,
      fromMirror: async (mirror, warnings) => {
        const behind: string[] = [];
        const lack = choice === "redis" ? null : await lackIn(mirror, file, userId, behind);
        if (lack !== null) return compareFile([lack]);
        heard.clear(); // the reading has what was heard until now
        const { tasks } = await readMirrorTasks(mirror, userId, null, SILENT);
        if (source === "redis") await addMissed(mirror, tasks);
        const reading = readingOf("redis");
        await report("redis", `from Redis at ${mirror.where}`, [...warnings, ...behind]);
        await handOver(states.compare(tasks, reading));
      },
    });
  }

  /** @param warnings why Redis isn't used */
  async function compareFile(warnings: readonly string[]): Promise<void> {
    await using snapshot = await file.read();
    await report("file", `from ${file.path}`, warnings);
    const isUnchanged = seen !== undefined && sameIdentity(snapshot.identity, seen);
    if (source === "file" && isUnchanged) return;
    seen = snapshot.identity;
    const reading = readingOf("file");
    await handOver(states.compare(TaskList.ofFile(snapshot, userId), reading));
  }

  /** A walk over an index can miss a task that moves, and a new task's hash comes before its member. */
  async function addMissed(mirror: Mirror, tasks: TaskList): Promise<void> {
    for (const batch of batches(states.missingIn(tasks), BATCH)) {
      for (const task of await mirror.read(batch)) {
        if (task === undefined || task instanceof TtsctlError) continue;
        tasks.add(task.userId, task.taskId, statusCode(task.status), task.score);
      }
    }
  }

  function readingOf(now: EventSource): Reading {
    const before = source;
    source = now;
    return before === null ? "first" : before === now ? "same" : "switched";
  }

  async function handOver(changes: Iterable<TaskChange>): Promise<void> {
    for (const some of batches(changes, AT_ONCE)) isUnread ||= !(await parts.onChanges(some, source!));
  }

  async function report(of: EventSource, from: string, warnings: readonly string[]): Promise<void> {
    const why = of === "redis" && deaf !== "" ? `: ${deaf}` : "";
    const how = isHeard(of) ? "by keyspace notifications" : `compared every ${formatDuration(every)}${why}`;
    await reportOnce(`${from}, ${how}`, async () => {
      for (const line of warnings) await onNews("warn", line);
      await onNews("info", `changes come ${from}, ${how}`);
    });
  }

  async function reportOnce(what: string, report: () => Promise<void>): Promise<void> {
    if (reported === what) return;
    reported = what;
    await report();
  }
}
