import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { maskUrl } from "../config/address.ts";
import { TtsctlError } from "../errors.ts";
import type { Ledger } from "../operations/ledger.ts";
import { groupedBy } from "../pool.ts";
import { isOneOf, openAppended, whyNotWritten } from "../store/file/written-file.ts";
import type { TaskId } from "../task/ids.ts";
import { VERSION } from "../version.ts";
import type { Ended } from "./ended.ts";
import type { Caller, RunParts } from "./parts.ts";

type Work<R, O> = (ledger: Ledger | null) => Promise<Ended<R, O>>;

/** Runs work that changes tasks between two lines of the audit ledger. @param work gets null without one @param about more for the last line @throws AUDIT_FAILED */
export async function audited<R extends object, O>(parts: RunParts, applies: boolean, work: Work<R, O>, about = {}) {
  const { audit, store, configPath } = await parts.settings();
  if (!applies || audit.path.value === null) return work(null);
  await using run = await openLedger(audit.path.value, store.path.value, configPath, () => parts.clock.now());
  await run.begin({ ...who(parts.caller), config: configPath, store: store.path.value, version: VERSION });
  const ended = await work(run).catch(async (error) => {
    const { code, exitCode } = error instanceof TtsctlError ? error : { code: "INTERNAL", exitCode: 1 };
    await run.end({ exitCode, error: code, ...about }, null).catch(() => {}); // the error of the work comes first
    throw error;
  });
  const { exitCode, error, result } = ended;
  return await run.end({ exitCode, error: error?.code ?? null, ...about }, result).then(
    () => ended,
    (cause) => ({ ...ended, exitCode: cause.exitCode, error: error ?? cause }),
  );
}

/** One run's lines in a file that several processes append to, which the store file and config.ini can't be. @throws AUDIT_FAILED, CONFIG_INVALID */
export async function openLedger(path: string, store: string, configPath: string | null, now: () => number) {
  if (await isOneOf(path, configPath === null ? [store] : [store, configPath])) {
    const hint = "choose another file: the ledger cannot be the store file or config.ini";
    throw new TtsctlError("CONFIG_INVALID", `[audit] path is ${path}, which ttsctl already uses`, { hint });
  }
  const failed = (cause: unknown) => {
    const hint = "ttsctl changes nothing without a ledger entry; fix [audit] path (TTSCTL_AUDIT), then run it again";
    const what = `cannot write the audit ledger ${path}: ${whyNotWritten(cause)}`;
    return new TtsctlError("AUDIT_FAILED", what, { hint, cause });
  };
  const file = await openAppended(path, 0o640, failed, store);
  const run = randomUUID();
  let [announced, stayed] = [0, 0];
  let failure: TtsctlError | undefined;

  const line = (event: string, fields: object) => {
    return { time: new Date(now() * 1000).toISOString(), run, event, ...fields };
  };

  /** Appends lines, each in one write, and returns when they are on the disk. @throws TtsctlError AUDIT_FAILED */
  function append(lines: readonly object[]): Promise<void> {
    return file.append(lines.map((line) => `${JSON.stringify(line)}\n`));
  }

  async function note(event: string, tasks: readonly TaskId[]): Promise<void> {
    if (tasks.length === 0 || failure !== undefined) return;
    await append(pieces(tasks).map((tasks) => line(event, { tasks }))).catch((error) => {
      failure = error;
    });
  }

  const ledger: Ledger = {
    async announce(action, entries) {
      if (failure !== undefined) throw failure;
      if (entries.length === 0) return;
      const lines = [...groupedBy(entries, ({ reason }) => reason)].flatMap(([reason, some]) =>
        pieces(some).map((tasks) => line("tasks", { action, reason, tasks })),
      );
      await append(lines);
      announced += entries.length;
    },

    stayed(tasks) {
      stayed += tasks.length;
      return note("stayed", tasks);
    },

    returned: (tasks) => note("returned", tasks),
  };

  return {
    ...ledger,
    append,
    begin: (who: object) => append([line("begin", who)]),

    /** @throws TtsctlError AUDIT_FAILED if this line, or one of `stayed` and `returned`, couldn't be written */
    async end(how: object, of: object | null): Promise<void> {
      const numbers = Object.entries(of ?? {}).filter(([, value]) => typeof value === "number");
      const result = of === null ? null : Object.fromEntries(numbers);
      await append([line("end", { ...how, announced, stayed, result })]);
      if (failure !== undefined) throw failure;
    },

    [Symbol.asyncDispose]: () => file.close(),
  };
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
    ...(request !== null && { request }),
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
    const [, flag = "", text = arg] = /^(--redis-url=)(.*)$/s.exec(arg) ?? [];
    const mayBeUrl = flag !== "" || argv[i - 1] === "--redis-url" || /:\/\/[^/]*@/.test(arg);
    return mayBeUrl ? flag + maskUrl(text) : arg;
  });
}

/** At most 500 tasks in a line and, unless one id is longer, 64 Ki characters. */
function pieces(entries: readonly (TaskId | { readonly path: string })[]): object[][] {
  const groups: object[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const task = "path" in entry ? { path: entry.path } : { user_id: entry.userId, task_id: entry.taskId };
    const length = JSON.stringify(task).length;
    if (size + length > 1 << 16 || groups.at(-1)!.length === 500) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(task);
    size += length;
  }
  return groups;
}
