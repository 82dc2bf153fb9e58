import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { maskUrl } from "../config/address.ts";
import type { TtsctlError } from "../errors.ts";
import type { Ledger, LedgerAction, LedgerEntry } from "../operations/ledger.ts";
import type { TaskId } from "../store/task-source.ts";
import type { LedgerFile } from "./ledger-file.ts";
import type { Caller } from "./parts.ts";

/** A line has at most so many tasks and, but for one of a monstrous id, so many characters. */
const MOST_TASKS = 500;
const MOST_CHARACTERS = 1 << 16;

/** The ledger of one run, and the counts that its last line will have. */
export class LedgerRun implements Ledger {
  readonly #file: LedgerFile;
  readonly #now: () => number;
  readonly #run = randomUUID();
  #announced = 0;
  #stayed = 0;
  #result: Record<string, number> | null = null;
  #failure: TtsctlError | undefined;

  constructor(file: LedgerFile, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  /** Gives the counts of the result, whatever else it holds, to the last line. */
  count(result: object): void {
    const counts = Object.entries(result).filter(([, value]) => typeof value === "number");
    this.#result = Object.fromEntries(counts) as Record<string, number>;
  }

  async begin(who: object): Promise<void> {
    await this.#file.append([this.#line("begin", who)]);
  }

  async announce(action: LedgerAction, entries: readonly LedgerEntry[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (entries.length === 0) return;
    await this.#file.append(this.#taskLines(action, entries));
    this.#announced += entries.length;
  }

  stayed(tasks: readonly TaskId[]): Promise<void> {
    this.#stayed += tasks.length;
    return this.#note("stayed", tasks);
  }

  returned(tasks: readonly TaskId[]): Promise<void> {
    return this.#note("returned", tasks);
  }

  /** @throws TtsctlError AUDIT_FAILED where this line, or one about what had been done, could not be written */
  async end(outcome: { exitCode: number; error: string | null }): Promise<void> {
    const counts = { announced: this.#announced, stayed: this.#stayed, result: this.#result };
    await this.#file.append([this.#line("end", { ...outcome, ...counts })]);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #note(event: string, tasks: readonly TaskId[]): Promise<void> {
    if (tasks.length === 0 || this.#failure !== undefined) return;
    const lines = pieces(tasks.map(named)).map((piece) => this.#line(event, { tasks: piece }));
    await this.#file.append(lines).catch((error) => {
      this.#failure = error;
    });
  }

  #taskLines(action: LedgerAction, entries: readonly LedgerEntry[]): object[] {
    const reasons = [...new Set(entries.map(({ reason }) => reason))];
    return reasons.flatMap((reason) => {
      const group = entries.filter((entry) => entry.reason === reason);
      return pieces(group.map(named)).map((tasks) => this.#line("tasks", { action, reason, tasks }));
    });
  }

  #line(event: string, fields: object): object {
    return { time: new Date(this.#now() * 1000).toISOString(), run: this.#run, event, ...fields };
  }
}

/** Who runs what, and where: the fields of the line that begins a run. */
export function who({ argv, cwd, env, request }: Caller): object {
  return {
    uid: process.getuid?.() ?? null,
    user: userName(),
    sudoUser: env.SUDO_USER || null,
    host: hostname(),
    pid: process.pid,
    cwd,
    argv: withoutSecrets(argv),
    ...(request === null ? {} : { request }),
  };
}

/** A user without an entry, as in a container that runs under a number, has no name. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

/** The arguments with the password of every url in them masked. */
export function withoutSecrets(argv: readonly string[]): string[] {
  return argv.map((arg, i) => {
    if (argv[i - 1] === "--redis-url") return maskUrl(arg);
    const [, flag = "", url] = /^(--redis-url=)(.*)$/s.exec(arg) ?? [];
    if (url !== undefined) return flag + maskUrl(url);
    return /:\/\/[^/]*@/.test(arg) ? maskUrl(arg) : arg;
  });
}

/** The named task or path of an entry, as a line has it. */
function named(entry: TaskId | { readonly path: string }): object {
  return "path" in entry ? { path: entry.path } : { user_id: entry.userId, task_id: entry.taskId };
}

/** Groups for a line each. */
function pieces(tasks: readonly object[]): object[][] {
  const groups: object[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const task of tasks) {
    const length = JSON.stringify(task).length;
    if (size + length > MOST_CHARACTERS || groups.at(-1)!.length === MOST_TASKS) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(task);
    size += length;
  }
  return groups;
}
