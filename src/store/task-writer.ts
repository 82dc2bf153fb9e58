import { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import { keyOf, type TaskId } from "../task/ids.ts";
import type { Task } from "../task/task.ts";
import type { ChangeOutcome, ChangeResult, Request, Update } from "./file/batch-plan.ts";
import { type FileWriterParts, fileWriter } from "./file/file-writer.ts";
import type { Watched } from "./file/undo-watch.ts";
import type { MirrorChange, MirrorOutcome, MirrorWriter } from "./mirror-writer.ts";
import type { WriterMark } from "./writer-mark.ts";

/** The outcome of a change in each store. If the file has a newer record, the mirror is left alone too. */
export interface Written {
  readonly file: ChangeOutcome;
  /** `skipped`: the file wasn't changed. */
  readonly mirror: MirrorOutcome | "skipped";
  /** The record that was to be written; of an update that wrote nothing, the one that it found. */
  readonly task: Task | null;
  /**
   * What the file has in the end, if another program undoes the change. `returned`: it keeps undoing it; `unknown`: the file
   * can't be read. Never fails.
   */
  readonly settled: Promise<ChangeOutcome | "returned" | "unknown">;
}

interface TaskWriterParts extends FileWriterParts {
  readonly mirror: MirrorWriter;
  /** Set before each change of the file; null without Redis. */
  readonly mark: WriterMark | null;
  /** Receives an error for changes that the file has and the mirror may lack. */
  onMirrorFailure(error: TtsctlError, count: number): void;
}

/** Changes that are written together, and what becomes of each. */
interface Batch {
  readonly requests: Request[];
  readonly written: Promise<readonly (Written & { readonly failure: ChangeResult["failure"] | undefined })[]>;
}

export type TaskWriter = ReturnType<typeof taskWriter>;

/** Writes of a long-lived process: those that wait together are written together, to the file and then to Redis. */
export function taskWriter(parts: TaskWriterParts) {
  const { mirror, mark, owes, warn } = parts;
  const writeFile = fileWriter(parts);
  /** The one that isn't begun yet. */
  let next: Batch | null = null;
  /** By `keyOf`: the tasks that the file may have as changed already, and the mirror not yet. */
  let inHand: ReadonlySet<string> = new Set();
  /** Ends when no batch is watched any more. */
  let settling: Promise<unknown> = Promise.resolve();

  /**
   * Resolves when the file has the change on the disk, and Redis has it or failed; an update of a missing task changes neither.
   * @throws TtsctlError STORE_*, LOCK_*: nothing was written to Redis, and nothing to the file as far as is known; what an update throws
   */
  async function write(request: Request): Promise<Written> {
    next ??= newBatch();
    const i = next.requests.push(request) - 1;
    const { failure, ...written } = (await next.written)[i]!;
    if (failure !== undefined) throw failure.error;
    return written;
  }

  function newBatch(): Batch {
    const requests: Request[] = [];
    const work = async () => {
      await new Promise((turn) => setImmediate(turn)); // for callers whose change was in the batch before
      next = null;
      return writeBatch(requests).finally(() => {
        inHand = new Set();
      });
    };
    return { requests, written: mirror.alone(work) };
  }

  async function writeBatch(requests: readonly Request[]): Promise<Awaited<Batch["written"]>> {
    inHand = new Set(requests.flatMap((request) => ("id" in request ? [keyOf(request.id)] : [])));
    await mark?.set();
    const { results, watched } = await writeFile(requests);
    const made = results.filter(isForMirror);
    inHand = new Set(made.map(({ id }) => keyOf(id)));
    const mirrored = mirror.work(made);
    const end = settle(watched, made, mirrored);
    settling = settling.then(() => end);
    const outcomes = await mirrored;
    const errors = [...outcomes.values()].filter((outcome) => outcome instanceof TtsctlError);
    if (errors.length > 0) parts.onMirrorFailure(errors[0]!, errors.length);
    return results.map((result) => {
      const { outcome: file, id, task, failure } = result;
      const isMade = file === "written" || file === "removed";
      const settled = isMade ? end.then((ended) => lastOf(id!, file, ended)) : Promise.resolve(file);
      return { file, mirror: outcomes.get(result) ?? (owes ? "skipped" : "off"), task, failure, settled };
    });
  }

  /** Returns how the changes of a batch ended in the file. Those that were made again there are made again in the mirror. */
  async function settle(watched: Promise<Watched>, made: readonly MirrorChange[], mirrored: Promise<unknown>) {
    const ended = await watched;
    const { repeated, returned, problem } = ended;
    if (problem !== null) warn(`it is unknown whether a change was undone: ${problem.message}`);
    const undone = made.find(({ id }) => returned.has(keyOf(id)));
    if (undone !== undefined) {
      const others = returned.size > 1 ? ` and ${counted(returned.size - 1, "other task")}` : "";
      const name = `${undone.id.userId}:${undone.id.taskId}${others}`;
      warn(`${name}: another program holds the store in memory and keeps undoing the change; restart it`);
    }
    await mirrored.catch(() => {});
    const again = made.filter(({ id }) => repeated.has(keyOf(id)));
    if (owes && again.length > 0) await mirror.renew(again);
    return ended;
  }

  return {
    upsert: (task: Task) => write({ id: task, task }),
    remove: (id: TaskId) => write({ id, task: null }),
    update: (update: Update) => write(update),

    /** How many changes of the file the mirror lacks. */
    get pending(): number {
      return mirror.pending + inHand.size;
    },
    isPending: (id: TaskId) => inHand.has(keyOf(id)) || mirror.isPending(id),

    /** Returns when all that was asked for is done. */
    async close(): Promise<void> {
      await mirror.ended();
      await settling;
      await mirror.ended();
    },
  };
}

function isForMirror(result: ChangeResult): result is ChangeResult & MirrorChange {
  return result.id !== null && ["written", "removed", "missing"].includes(result.outcome);
}

/** What the file has of a change that was watched. */
function lastOf(id: TaskId, outcome: ChangeOutcome, { returned, problem }: Watched) {
  if (problem !== null) return "unknown";
  return returned.has(keyOf(id)) ? "returned" : outcome;
}
