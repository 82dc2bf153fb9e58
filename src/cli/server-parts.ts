import { access, constants } from "node:fs/promises";
import { resolve } from "node:path";
import { openArtifacts } from "../artifacts/artifacts.ts";
import { within } from "../clock.ts";
import { maskUrl } from "../config/address.ts";
import { isRedisError, systemErrorCode, TtsctlError, throwIfInterrupted } from "../errors.ts";
import { Hosts } from "../http/guard.ts";
import { newMetrics, type Observed } from "../http/metrics.ts";
import type {
  Changed,
  ChangeRequest,
  Deletion,
  DriftCheck,
  Health,
  Marking,
  ServerParts,
  StatsRequest,
} from "../http/parts.ts";
import type { DeleteResult } from "../operations/delete.ts";
import { TaskState } from "../operations/follow.ts";
import type { MarkResult } from "../operations/mark/mark.ts";
import type { Selection } from "../operations/select.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import { audited, type LedgerRun } from "../parts/ledger.ts";
import { shellWord } from "../printable.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { identityText } from "../store/file/identity.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import type { TaskId } from "../store/task-source.ts";
import { BODY_NAMES, CHOOSING_PARTS } from "../task/query-fields.ts";
import { formatUtc } from "../task/time.ts";
import { VERSION } from "../version.ts";
import type { CleanupRecord } from "./cleanup-record.ts";
import { deleteChosen, deletionExitCode } from "./commands/delete.ts";
import { checkNewStatus, markChosen, markExitCode, optionsOf } from "./commands/mark.ts";
import { statsOf } from "./commands/stats.ts";
import type { Context } from "./context.ts";
import { sourceStack } from "./report-error.ts";
import { foundIds, requireSelection, selectionIn } from "./selection.ts";
import type { Syncing } from "./syncing.ts";

interface ServeState {
  readonly syncing: Syncing;
  readonly record: CleanupRecord;
  readonly readOnly: boolean;
}

export async function serverParts(context: Context, { syncing, record, readOnly }: ServeState): Promise<ServerParts> {
  const settings = await context.settings();
  const { http, paths, cleanup } = settings;
  const rules = await context.rules();
  const [file, link] = [await context.fileStore(), await context.mirrorLink()];
  const { clock, signal } = context;
  return {
    store: await context.taskStore(),
    rules,
    clock,
    stuckAfter: cleanup.stuckAfter.value,
    hosts: new Hosts(http.host.value, http.allowedHosts.value),
    token: http.token.value,
    basePath: http.basePath.value,
    dialect: http.dialect.value,
    pageFolder: context.surroundings.pageFolder,
    withArtifacts: async (work) => {
      const artifacts = await openArtifacts({ output: paths.output.value, logs: paths.logs.value, names: rules });
      return work(artifacts).finally(() => artifacts.close());
    },
    taskState: async (id) => new TaskState({ file, link, clock }, id, "auto"),
    signal,
    health: async () => {
      const stores = await healthOfStores(file, link);
      const server = { version: VERSION, timezone: rules.zone.name, readOnly, token: http.token.value !== null };
      return { ...stores, syncing: syncing.isRunning(), ...server };
    },
    mark: () => markOf(file, link, syncing.isRunning()),
    stats: (request) => countIn(context, request),
    drift: () => (syncing.isRunning() ? Promise.resolve(null) : driftIn(context)),
    cleanup: record.state,
    command: commandsOf(context),
    changes: readOnly ? null : changesOf(context, syncing),
    version: VERSION,
    metrics: newMetrics(VERSION),
    ended: accessLog(context),
    failed: (error) => {
      const msg = `an internal error: ${sourceStack(error instanceof Error ? (error.stack ?? error.message) : String(error))}`;
      void context.note("error", msg, { code: "INTERNAL" });
    },
  };
}

async function countIn(context: Context, request: StatsRequest): Promise<StatsResult> {
  const fork = context.fork(await context.settings(), { sharesMirror: true });
  try {
    return await statsOf(fork, { ...request, source: "auto" });
  } finally {
    await fork.release();
  }
}

/** Compares some tasks; null if Redis may not be read, or one of the stores can't. */
async function driftIn(context: Context): Promise<DriftCheck | null> {
  const { clock, signal } = context;
  const state = await context.mirrorState();
  if (state.kind !== "on" || state.behind !== undefined) return null;
  try {
    const [{ compareSample }, file] = await Promise.all([import("../operations/drift-sample.ts"), context.fileStore()]);
    await using snapshot = await file.read();
    const { mirror } = state;
    const { compared, counts } = await compareSample({ mirror, clock, signal }, snapshot);
    const inRedis = await mirror.size(undefined);
    const sizes = { inFile: snapshot.size, inRedis };
    return { at: formatUtc(clock.now()), checked: compared, ...sizes, kinds: Object.fromEntries(counts) };
  } catch (error) {
    if (error instanceof TtsctlError) return null;
    throw error;
  }
}

/** A command line for a shell, with the flags that chose the configuration, but without a password. */
function commandsOf({ cwd, flags: { config, profile, store, redisUrl, redis } }: Context): (words: string) => string {
  const full = (path: string | undefined) => path && resolve(cwd, path);
  const url = redisUrl && maskUrl(redisUrl);
  const given = { "--config": full(config), "--profile": profile, "--store": full(store), "--redis-url": url };
  const own = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return (words) => ["ttsctl", words, ...own, ...(redis ? [] : ["--no-redis"])].join(" ");
}

const REDIS = { on: "ok", down: "down", off: "off" } as const;

/** If Redis answers, the file isn't read, because probes come every few seconds. */
async function healthOfStores(file: FileStore, link: MirrorLink): Promise<Pick<Health, "status" | "store" | "redis">> {
  const redis = REDIS[(await link.open()).kind];
  const store = await storeHealth(file, redis === "ok");
  const answering = [store !== "unreadable", redis === "ok"];
  const isWhole = store !== "unreadable" && redis !== "down";
  const status = isWhole ? "ok" : answering.includes(true) ? "degraded" : "down";
  return { status, store, redis };
}

/** Every write of a service moves the file's time, or puts its task at the top of the index. */
async function markOf(file: FileStore, link: MirrorLink, syncing: boolean): Promise<string> {
  const state = await link.open();
  const all = { userId: undefined, since: null, until: null };
  const index = state.kind === "on" ? state.mirror.page(all, 0, 1).catch(() => "lost") : null;
  const identity = await file.identity().then(identityText, () => "unreadable");
  return JSON.stringify([identity, state.kind, state.kind === "on" && state.behind, await index, syncing]);
}

async function storeHealth(file: FileStore, unread: boolean): Promise<Health["store"]> {
  try {
    if (unread) {
      await access(file.path, constants.R_OK);
      return "ok";
    }
    const snapshot = await file.read();
    await snapshot.close();
    return snapshot.exists ? "ok" : "missing";
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return "missing";
    if (error instanceof TtsctlError || unread) return "unreadable";
    throw error;
  }
}

/** Logs each request, with -v or in a JSON log. */
function accessLog({ terminal: { err }, flags }: Context): (request: Observed) => void {
  if (flags.verbose === 0 && !err.isJson) return () => {};
  return (request) => {
    const { method, status, bytes, remote, finished } = request;
    const url = request.url.replace(/(token=)[^&#]*/gi, "$1***");
    const ms = Math.round(request.seconds * 1000);
    const msg = `${remote} ${method} ${url} ${status}, ${bytes} bytes in ${ms} ms${finished ? "" : ", aborted"}`;
    void err.sayWhen({
      level: "info",
      msg,
      fields: { event: "request", remote, method, url, status, bytes, ms, finished },
    });
  };
}

type Changes = NonNullable<ServerParts["changes"]>;

/** How long a change may take to end its batch, and its lines in the ledger, after the server has stopped. */
const GRACE_MS = 1500;

/** Deletes and marks tasks like the commands with `--yes`. The caller makes one change at a time. */
function changesOf(context: Context, syncing: Syncing): Changes {
  let last: Promise<unknown> = Promise.resolve();
  const noted = <T>({ dryRun }: ChangeRequest, change: () => Promise<T>): Promise<T> => {
    throwIfInterrupted(context.signal, "nothing was changed");
    const changed = change();
    if (!dryRun) last = changed.catch(() => {});
    return changed;
  };
  context.onRelease(async () => void (await within(context.clock, GRACE_MS, last, () => {})));
  return {
    remove: async (deletion) => noted(deletion, () => remove(context, deletion, syncing)),
    mark: async (marking) => noted(marking, () => mark(context, marking, syncing)),
  };
}

async function remove(context: Context, deletion: Deletion, syncing: Syncing): Promise<Changed<DeleteResult>> {
  const { force, dryRun, max: maxDelete } = deletion;
  const flags = { force, dryRun, maxDelete, allowEmpty: false, yes: true };
  return change(context, deletion, async (fork, { selection, ledger }) => {
    await fork.requireConfig(true);
    const outcome = await deleteChosen(fork, flags, { selection, ledger, confirm: async () => {} });
    const { problem, result } = outcome;
    if (isRedisError(problem) && !dryRun) syncing.catchUp();
    return { result, exitCode: deletionExitCode(fork, outcome) };
  });
}

async function mark(context: Context, marking: Marking, syncing: Syncing): Promise<Changed<MarkResult>> {
  const { to, error, dryRun, max: maxMark } = marking;
  const status = checkNewStatus(to, { to: '"to"', statuses: BODY_NAMES.statuses });
  const options = optionsOf({ dryRun, maxMark, allowEmpty: false, ...(error === undefined ? {} : { error }) }, status);
  return change(context, marking, async (fork, { selection, ledger }) => {
    await fork.requireConfig(false);
    const outcome = await markChosen(fork, options, { selection, ledger, confirm: async () => {}, backup: null });
    if (outcome.problem !== null && !dryRun) syncing.mayLack();
    return { result: outcome.result, exitCode: markExitCode(fork, outcome) };
  });
}

const CHOOSE = `choose with ${CHOOSING_PARTS.map((part) => BODY_NAMES[part]).join(", ")}, or "all": true`;

interface Chosen {
  readonly selection: Selection;
  readonly ledger: LedgerRun | null;
}

/** Lines about tasks go to the log, except those of a plan. */
async function change<R>(
  context: Context,
  { query, all, dryRun, request }: ChangeRequest,
  work: (fork: Context, chosen: Chosen) => Promise<{ result: R; exitCode: number }>,
): Promise<Changed<R>> {
  const isGiven = CHOOSING_PARTS.some((part) => query[part] != null && query[part] !== false);
  requireSelection(isGiven, all, CHOOSE, '"all"');
  const warnings: string[] = [];
  const onWarning = (line: string) => void warnings.push(line);
  const flags = { output: "json", summary: dryRun, verbose: context.flags.verbose } as const;
  const fork = context.fork(await context.settings(), { flags, request, onWarning });
  try {
    const found = await selectionIn(fork, query, { names: BODY_NAMES, takesNames: true });
    const selection = { ...found, ids: await foundIds(fork, found.ids, "auto", bodyOfTask) };
    let result: R;
    await audited(fork, !dryRun, async (ledger) => {
      const outcome = await work(fork, { selection, ledger });
      result = outcome.result;
      return outcome.exitCode;
    });
    return { result: result!, warnings };
  } finally {
    await fork.release();
  }
}

function bodyOfTask({ userId, taskId }: TaskId): string {
  return JSON.stringify({ user_id: userId, task_ids: [taskId] });
}
