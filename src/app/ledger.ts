import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { maskUrl } from "../config/address.ts";
import { TtsctlError } from "../errors.ts";
import type { Ledger, LedgerAction, LedgerEntry } from "../operations/ledger.ts";
import { AppendedFile, isOneOf, whyNotWritten } from "../store/file/written-file.ts";
import type { TaskId } from "../store/task-source.ts";
import { VERSION } from "../version.ts";
import type { Ended } from "./ended.ts";
import type { Caller, RunParts } from "./parts.ts";

/**
 * Runs work that changes tasks, between the lines of the audit ledger that begin and end it.
 * @param applies false for a dry run, which isn't recorded
 * @param work gets null if no ledger is kept
 * @throws TtsctlError AUDIT_FAILED before or in the work; and what the work throws
 */
export async function audited<R extends object, O>(
  parts: RunParts,
  applies: boolean,
  work: (ledger: LedgerRun | null) => Promise<Ended<R, O>>,
): Promise<Ended<R, O>> {
  const { audit, store, configPath } = await parts.settings();
  if (!applies || audit.path.value === null) return work(null);
  const notThese = configPath === null ? [store.path.value] : [store.path.value, configPath];
  const run = await LedgerRun.open(audit.path.value, notThese, () => parts.clock.now());
  try {
    await run.begin({ ...who(parts.caller), config: configPath, store: store.path.value, version: VERSION });
    const ended = await work(run).catch(async (error) => {
      const { code, exitCode } = error instanceof TtsctlError ? error : { code: "INTERNAL", exitCode: 1 };
      await run.end({ exitCode, error: code }).catch(() => {}); // the error of the work comes first
      throw error;
    });
    run.count(ended.result);
    const { exitCode, error } = ended;
    return await run.end({ exitCode, error: error?.code ?? null }).then(
      () => ended,
      (cause) => ({ ...ended, exitCode: cause.exitCode, error: error ?? cause }),
    );
  } finally {
    await run.close();
  }
}

/** A line has at most so many tasks and, unless one id is longer, so many characters. */
const MOST_TASKS = 500;
const MOST_CHARACTERS = 1 << 16;

/** The owner and its group may read it. */
const MODE = 0o640;

/** One run's lines in the ledger, a file of whole JSON lines that several processes append to. */
export class LedgerRun implements Ledger {
  readonly #file: AppendedFile;
  readonly #now: () => number;
  readonly #run = randomUUID();
  #announced = 0;
  #stayed = 0;
  #result: Record<string, number> | null = null;
  #failure: TtsctlError | undefined;

  private constructor(file: AppendedFile, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  /**
   * Opens it for one run: the next one notices a log rotation.
   * @param notThese files that must never be appended to
   * @throws TtsctlError AUDIT_FAILED, CONFIG_INVALID
   */
  static async open(path: string, notThese: readonly string[], now: () => number): Promise<LedgerRun> {
    if (await isOneOf(path, notThese)) {
      throw new TtsctlError("CONFIG_INVALID", `[audit] path is ${path}, which ttsctl already uses`, {
        hint: "choose another file: the ledger cannot be the store file or config.ini",
      });
    }
    return new LedgerRun(await AppendedFile.open(path, MODE, (cause) => ledgerFailed(path, cause)), now);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Puts the numbers of the result into the last line. */
  count(result: object): void {
    const counts = Object.entries(result).filter(([, value]) => typeof value === "number");
    this.#result = Object.fromEntries(counts) as Record<string, number>;
  }

  async begin(who: object): Promise<void> {
    await this.append([this.#line("begin", who)]);
  }

  async announce(action: LedgerAction, entries: readonly LedgerEntry[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (entries.length === 0) return;
    await this.append(this.#taskLines(action, entries));
    this.#announced += entries.length;
  }

  stayed(tasks: readonly TaskId[]): Promise<void> {
    this.#stayed += tasks.length;
    return this.#note("stayed", tasks);
  }

  returned(tasks: readonly TaskId[]): Promise<void> {
    return this.#note("returned", tasks);
  }

  /** @throws TtsctlError AUDIT_FAILED if this line, or one of `stayed` and `returned`, couldn't be written */
  async end(outcome: { exitCode: number; error: string | null }): Promise<void> {
    const counts = { announced: this.#announced, stayed: this.#stayed, result: this.#result };
    await this.append([this.#line("end", { ...outcome, ...counts })]);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #note(event: string, tasks: readonly TaskId[]): Promise<void> {
    if (tasks.length === 0 || this.#failure !== undefined) return;
    const lines = pieces(tasks.map(named)).map((piece) => this.#line(event, { tasks: piece }));
    await this.append(lines).catch((error) => {
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

  /** Appends lines, each in one write, and returns when they are on the disk. @throws TtsctlError AUDIT_FAILED */
  append(lines: readonly object[]): Promise<void> {
    return this.#file.append(lines.map((line) => `${JSON.stringify(line)}\n`));
  }
}

function who({ argv, cwd, env, request }: Caller): object {
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

/** Null for a user without an entry, as in a container with a numeric user. */
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

function named(entry: TaskId | { readonly path: string }): object {
  return "path" in entry ? { path: entry.path } : { user_id: entry.userId, task_id: entry.taskId };
}

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

function ledgerFailed(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("AUDIT_FAILED", `cannot write the audit ledger ${path}: ${whyNotWritten(cause)}`, {
    hint: "ttsctl changes nothing without a ledger entry; fix [audit] path (TTSCTL_AUDIT), then run it again",
    cause,
  });
}
