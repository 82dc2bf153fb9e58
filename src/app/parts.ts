import { resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { targetOf } from "../config/redis.ts";
import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { Ledger } from "../operations/ledger.ts";
import type { Reporter } from "../operations/reporter.ts";
import { FileStore } from "../store/file/file-store.ts";
import { LOCK_WAIT_S } from "../store/file/lock.ts";
import type { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import {
  connectMirror,
  type LinkEvents,
  type MirrorLink,
  type MirrorState,
  redisDisabled,
  redisLink,
} from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { KnownNodes } from "../store/redis/target.ts";
import { TaskStore } from "../store/task-store.ts";
import type { TaskId } from "../task/ids.ts";
import { RecordRules } from "../task/rules.ts";
import { Zone } from "../task/time.ts";

export interface Outside {
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly log?: (line: string) => void;
  readonly signal: () => AbortSignal;
  readonly loadSettings: () => Promise<Settings>;
  readonly caller: Caller;
}

/** For the audit ledger. */
export interface Caller {
  /** Secrets included. */
  readonly argv: readonly string[];
  /** Relative paths of flags start here. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The HTTP request and its client. */
  readonly request: string | null;
}

interface StepUse extends Partial<Outside> {
  /** Default: it has its own connection. */
  readonly sharesMirror?: boolean;
}

interface LiveUse {
  readonly events: LinkEvents;
  /** Why the mirror may not be read now, or null. */
  readonly behindFor?: (mirror: Mirror) => string | null | Promise<string | null>;
  /** Refuses a connection to a mirror by throwing. */
  readonly admit?: (mirror: Mirror) => Promise<void>;
  /** Whether the store file is also appended to. */
  readonly grows?: boolean;
}

const NAMING =
  "name it with --config or TTSCTL_CONFIG, set TTSCTL_STORE, TTSCTL_OUTPUT and TTSCTL_LOGS, or run `ttsctl config init` (--force replaces an empty one)";

/** Builds the parts of a run on first use, and releases them in reverse order. Operations get those that they name, never all. */
export class RunParts {
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly caller: Caller;
  readonly #outside: Outside;
  readonly #releases: (() => Promise<void>)[] = [];
  #knownNodes: KnownNodes = new Map();
  #settings: Promise<Settings> | undefined;
  #rules: Promise<RecordRules> | undefined;
  #link: MirrorLink | undefined;
  #shared: SharedSnapshot | undefined;
  /** The settings of `#shared`. */
  #liveSettings: Settings | undefined;

  constructor(outside: Outside) {
    this.#outside = outside;
    this.clock = outside.clock;
    this.reporter = outside.reporter;
    this.caller = outside.caller;
  }

  /** Makes these the parts of one step of a run, with locks and, unless shared, its connection. */
  joins(run: RunParts, settings: Settings, sharesMirror: boolean): this {
    this.#settings = Promise.resolve(settings);
    this.#liveSettings = run.#liveSettings;
    // A watcher may have reloaded its settings.
    const reading = (of: Settings | undefined) =>
      [of?.store.path.value, of?.service.timezone.value, of?.redis.layout.value].join("\0");
    if (reading(run.#liveSettings) === reading(settings)) this.#shared = run.#shared;
    this.#knownNodes = run.#knownNodes;
    if (sharesMirror) this.#link = run.#link;
    return this;
  }

  /** The parts of one step of this run, with their own locks. The caller releases them. */
  async step({ sharesMirror = false, ...outside }: StepUse = {}): Promise<RunParts> {
    return new RunParts({ ...this.#outside, ...outside }).joins(this, await this.settings(), sharesMirror);
  }

  /** Work in one step of this run, which is released after it. */
  async inStep<T>(use: StepUse, work: (step: RunParts) => Promise<T>): Promise<T> {
    const step = await this.step(use);
    return work(step).finally(() => step.release());
  }

  /** The step that is one call of a program; it reads the file itself. */
  async forCall(name: string, signal: AbortSignal): Promise<RunParts> {
    const caller = { ...this.caller, argv: [...this.caller.argv, name] };
    const step = await this.step({ signal: () => signal, caller, sharesMirror: true });
    step.#shared = undefined;
    return step;
  }

  get signal(): AbortSignal {
    return this.#outside.signal();
  }

  settings(): Promise<Settings> {
    this.#settings ??= this.#outside.loadSettings();
    return this.#settings;
  }

  /** Shared by both stores, so the file's lists have the order that was detected in Redis. */
  rules(): Promise<RecordRules> {
    this.#rules ??= this.settings().then(recordRulesOf);
    return this.#rules;
  }

  async fileStore(options: ConstructorParameters<typeof FileStore>[3] = {}): Promise<FileStore> {
    const { store } = await this.settings();
    const all = { holder: this.caller.argv, shared: this.#shared, ...options };
    return new FileStore(store.path.value, await this.rules(), this.clock, all);
  }

  /** Warns of options of config.ini that have no effect, once: the passes of a watcher share its settings. */
  async warnOfMisspelt(): Promise<void> {
    for (const line of (await this.settings()).changeWarnings.splice(0)) this.reporter.warn(line);
  }

  /** The store file for a run that changes tasks: the signal ends its waits. */
  async changingFileStore(): Promise<FileStore> {
    await this.warnOfMisspelt();
    const onWait = (holder: string) => this.reporter.warn(`waiting for ${holder}, at most ${LOCK_WAIT_S} s`);
    return this.fileStore({ signal: this.signal, onWait });
  }

  /** The parts of operations that change tasks, with the run lock until the run ends, unless it is a dry run. @throws LOCK_* */
  async changeParts<L extends Ledger | null>(ledger: L, dryRun: boolean, opened?: FileStore) {
    const file = opened ?? (await this.changingFileStore());
    const lock = dryRun ? null : await file.lock("run");
    if (lock !== null) this.onRelease(() => lock.release());
    const { clock, reporter, signal } = this;
    return { file, clock, reporter, signal, ledger };
  }

  async mirrorLink(): Promise<MirrorLink> {
    if (this.#link !== undefined) return this.#link;
    const { log = () => {} } = this.#outside;
    this.#link = redisLink(await this.#connector(), {
      onUp: ({ where }) => log(`Redis at ${where} answered the ping`),
      onDown: ({ message }) => log(`Redis ping failed: ${message}`),
    });
    this.onRelease(() => this.#link!.close());
    return this.#link;
  }

  async mirrorState(): Promise<MirrorState> {
    return (await this.mirrorLink()).open();
  }

  /** Subscribes to changes of tasks, on a separate connection. @returns it, or why Redis doesn't send them @throws REDIS_* */
  async hearTasks(heard: (id: TaskId) => void): Promise<Mirror | string> {
    const { db } = (await this.settings()).redis;
    let why: string | null = null;
    const connect = await this.#connector(async (mirror) => {
      why = await mirror.hear(db.value, heard);
    });
    if (connect === null) throw redisDisabled();
    const mirror = await connect();
    if (why !== null) mirror.close();
    return why ?? mirror;
  }

  /** For a run that needs Redis. @throws TtsctlError REDIS_* (exit code 4) */
  async mirror(): Promise<Mirror> {
    const state = await this.mirrorState();
    if (state.kind !== "on") throw state.kind === "down" ? state.error : redisDisabled();
    return state.mirror;
  }

  /** For a long-running process, before the stores are used: readers share a snapshot of the file, lost connections are reopened. */
  async liveOn({ events, behindFor = () => null, admit, grows = false }: LiveUse) {
    const { sharedSnapshot } = await import("../store/file/shared-snapshot.ts");
    this.#liveSettings = await this.settings();
    const shared = sharedSnapshot(this.#liveSettings.store.path.value, await this.rules(), this.clock, { grows });
    this.#shared = shared;
    this.onRelease(() => shared.close());
    const link: MirrorLink = redisLink(await this.#connector(admit), { ...events, reconnects: this.clock });
    const open = async (): Promise<MirrorState> => {
      const state = await link.open();
      const behind = state.kind === "on" ? await behindFor(state.mirror) : null;
      return behind === null ? state : ({ ...state, behind } as MirrorState);
    };
    this.#link = { open, close: () => link.close() };
    this.onRelease(() => link.close());
    return { shared, link };
  }

  async #connector(admit?: (mirror: Mirror) => Promise<void>) {
    const settings = await this.settings();
    if (!settings.redis.enabled.value) return null;
    return async () => {
      const mirror = await connectMirror(targetOf(settings), await this.rules(), this.#knownNodes);
      await admit?.(mirror).catch((error) => {
        mirror.close();
        throw error;
      });
      return mirror;
    };
  }

  async stores(): Promise<TaskStore> {
    return new TaskStore(await this.fileStore(), await this.mirrorLink());
  }

  /**
   * `output/` and `Logs/`, to be shown as far as they can be read. With `remove`, also in a dry run, neither may hold config.ini or the store
   * file, and default paths need a config.ini. @throws TtsctlError ARTIFACTS_UNSAFE, CONFIG_REQUIRED
   */
  async artifacts(use: "show" | "count" | "remove") {
    if (use === "remove") await this.requireConfig(true);
    const { openArtifacts } = await import("../artifacts/artifacts.ts");
    const { paths, store, configPath } = await this.settings();
    const names = await this.rules();
    const apart = use === "remove" ? [store.path.value, configPath].filter((path) => path !== null) : [];
    const roots = { output: paths.output.value, logs: paths.logs.value, apart, mayLack: use === "show" };
    const artifacts = openArtifacts({ ...roots, names });
    this.onRelease(async () => artifacts.close());
    return artifacts;
  }

  /** As `changeParts`, for a purge. */
  async purgeParts(ledger: Ledger | null, dryRun: boolean) {
    const parts = await this.changeParts(ledger, dryRun);
    return { ...parts, mirror: await this.mirrorState(), artifacts: await this.artifacts("remove") };
  }

  /** Files that an output file must not overwrite: those of the settings, and that of another flag. */
  async filesInUse(other?: string): Promise<string[]> {
    const { store, audit, configPath, redis } = await this.settings();
    const { tlsCa, tlsCert, tlsKey } = redis;
    const settings = [store.path, audit.path, tlsCa, tlsCert, tlsKey].map(({ value }) => value);
    const flag = other === undefined ? null : resolve(this.caller.cwd, other);
    return [...settings, configPath, flag].filter((path) => path !== null);
  }

  /** A job in the wrong directory must not act on defaults. @param withArtifacts whether audio and logs are changed too */
  async requireConfig(withArtifacts: boolean, hint = NAMING, problem?: string): Promise<void> {
    const { configPath, store, paths } = await this.settings();
    const needed = withArtifacts ? [store.path, paths.output, paths.logs] : [store.path];
    if (configPath !== null || needed.every(({ source }) => source !== "default")) return;
    const why = "a command that changes tasks doesn't run with default settings";
    throw new TtsctlError("CONFIG_REQUIRED", problem ?? `no config.ini in ${this.caller.cwd}: ${why}`, { hint });
  }

  onRelease(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  async release(): Promise<void> {
    const errors: unknown[] = [];
    for (const release of this.#releases.splice(0).reverse()) {
      await release().catch((error) => void errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
  }
}

export function recordRulesOf({ service, redis }: Settings): RecordRules {
  const { value, source } = redis.layout;
  return new RecordRules(new Zone(service.timezone.value ?? undefined), value, source !== "default");
}
