import { type Clock, systemClock } from "../clock.ts";
import type { Examination } from "../config/examine.ts";
import { isConfigured } from "../config/is-configured.ts";
import { type LoadOptions, loadSettings } from "../config/load.ts";
import { recordRulesOf } from "../config/record-rules.ts";
import { targetOf } from "../config/redis-target.ts";
import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import { printable } from "../printable.ts";
import { connectMirror } from "../store/connect-mirror.ts";
import { FileStore } from "../store/file/file-store.ts";
import type { SharedSnapshot } from "../store/file/shared-snapshot.ts";
import type { LinkEvents } from "../store/lasting-link.ts";
import { type MirrorLink, type MirrorState, RunLink } from "../store/mirror-link.ts";
import { KnownNodes } from "../store/redis/known-nodes.ts";
import { TaskStore } from "../store/task-store.ts";
import type { RecordRules } from "../task/rules.ts";
import { TimeReader } from "../task/time.ts";
import type { Zone } from "../task/zone.ts";
import { ConsoleReporter } from "./console-reporter.ts";
import type { GlobalFlags } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** The outside of a run. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly argv: readonly string[];
  /** Aborted by SIGINT or SIGTERM; who asks for it ends in good order when it is. */
  readonly stopSignal: () => AbortSignal;
  readonly clock?: Clock;
}

/** What is different in a part of a run. */
interface ForkChanges {
  readonly terminal?: Terminal;
  readonly flags?: Partial<GlobalFlags>;
  /** Asks the mirror over the connection of the whole run. */
  readonly sharesMirror?: boolean;
  /** Who asked for it over HTTP, and for what. */
  readonly request?: string;
}

/**
 * The one place that builds things, each on first use, and releases them in reverse order. Operations get the parts
 * that they name, never the context.
 */
export class Context {
  readonly flags: GlobalFlags;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly reporter: ConsoleReporter;
  readonly #surroundings: Surroundings;
  readonly #releases: (() => Promise<void>)[] = [];
  /** What clusters told of themselves to any part of the run. */
  #knownNodes = new KnownNodes();
  #settings: Promise<Settings> | undefined;
  #rules: Promise<RecordRules> | undefined;
  #link: MirrorLink | undefined;
  #shared: SharedSnapshot | undefined;
  /** By which `#shared` reads. */
  #liveSettings: Settings | undefined;
  #request: string | null = null;

  constructor(surroundings: Surroundings, flags: GlobalFlags) {
    this.flags = flags;
    this.#surroundings = surroundings;
    this.terminal = surroundings.terminal;
    this.clock = surroundings.clock ?? systemClock;
    this.reporter = new ConsoleReporter(this.terminal, flags);
  }

  /** Whether the run is to end. From the first use on, a signal no longer ends it at once. */
  get signal(): AbortSignal {
    return this.#surroundings.stopSignal();
  }

  /** The arguments as they were given, secrets included. */
  get argv(): readonly string[] {
    return this.#surroundings.argv;
  }

  /** Who asked for this part of the run over HTTP, and for what; null for the command line. */
  get request(): string | null {
    return this.#request;
  }

  get env(): NodeJS.ProcessEnv {
    return this.#surroundings.env;
  }

  /** The folder that relative paths of flags are relative to. */
  get cwd(): string {
    return this.#surroundings.cwd;
  }

  /**
   * A context for a part of the run, with locks of its own and, unless said otherwise, a connection of its own, by these
   * settings. It logs, unless the flags say otherwise.
   */
  fork(settings: Settings, changes: ForkChanges = {}): Context {
    const fork = new Context(
      { ...this.#surroundings, terminal: changes.terminal ?? this.terminal },
      { ...this.flags, verbose: Math.max(1, this.flags.verbose), ...changes.flags },
    );
    fork.#settings = Promise.resolve(settings);
    fork.#liveSettings = this.#liveSettings;
    fork.#shared = readsAlike(settings, this.#liveSettings) ? this.#shared : undefined;
    fork.#knownNodes = this.#knownNodes;
    fork.#request = changes.request ?? null;
    if (changes.sharesMirror) fork.#link = this.#link;
    return fork;
  }

  /** Reads the configuration again. */
  reloadSettings(): Promise<Settings> {
    return this.#loadSettings();
  }

  settings(): Promise<Settings> {
    this.#settings ??= this.#loadSettings();
    return this.#settings;
  }

  /** By which records are read; shared by both stores, so the file's lists have the order that was detected in Redis. */
  rules(): Promise<RecordRules> {
    this.#rules ??= this.settings().then(recordRulesOf);
    return this.#rules;
  }

  async zone(): Promise<Zone> {
    return (await this.rules()).zone;
  }

  async times(): Promise<TimeReader> {
    return new TimeReader(await this.zone());
  }

  async fileStore(): Promise<FileStore> {
    const { path } = (await this.settings()).store;
    return new FileStore(path.value, await this.rules(), this.clock, { shared: this.#shared });
  }

  /** The store file for a command that changes either copy: a stop signal ends its waiting. */
  async changingFileStore(): Promise<FileStore> {
    const { store, changeWarnings } = await this.settings();
    // Taken out: the passes of a watcher share its settings, and one warning is enough.
    for (const line of changeWarnings.splice(0)) this.reporter.warn(line);
    const log = (line: string) => this.reporter.log(line);
    const options = { signal: this.signal, shared: this.#shared, log };
    return new FileStore(store.path.value, await this.rules(), this.clock, options);
  }

  /** The connection of this run; ioredis is loaded only when it is opened. */
  async mirrorLink(): Promise<MirrorLink> {
    if (this.#link !== undefined) return this.#link;
    this.#link = new RunLink(await this.#connector(), (line) => this.reporter.log(line));
    this.onRelease(() => this.#link!.close());
    return this.#link;
  }

  /**
   * For a command that lives on and answers many: what was read of the store file is kept for all, and a connection to
   * the mirror that is lost is made anew. Call it before anything of these is used.
   * @param forReaders adds to the state of the mirror why it may not be read
   */
  async liveOn(events: LinkEvents, forReaders: (state: MirrorState) => Promise<MirrorState>): Promise<void> {
    const [{ SharedSnapshot }, { LastingLink }] = await Promise.all([
      import("../store/file/shared-snapshot.ts"),
      import("../store/lasting-link.ts"),
    ]);
    this.#liveSettings = await this.settings();
    this.#shared = new SharedSnapshot(this.#liveSettings.store.path.value, await this.rules());
    this.onRelease(() => this.#shared!.close());
    const link = new LastingLink(await this.#connector(), events);
    this.#link = { open: async () => forReaders(await link.open()), close: () => link.close() };
    this.onRelease(() => link.close());
  }

  async #connector() {
    const settings = await this.settings();
    const rules = await this.rules();
    return settings.redis.enabled.value ? () => connectMirror(targetOf(settings), rules, this.#knownNodes) : null;
  }

  async taskStore(): Promise<TaskStore> {
    return new TaskStore(await this.fileStore(), await this.mirrorLink());
  }

  /** A line for people beside the data: on stderr, not with -q. */
  async tell(line: string): Promise<void> {
    if (!this.flags.quiet) await this.terminal.err.write(`${printable(line)}\n`);
  }

  /** Registers what must be released when the run ends, however it ends. */
  onRelease(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  async release(): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (const release of this.#releases.splice(0).reverse()) {
      await release().catch((error) => {
        failure ??= { error };
      });
    }
    await this.reporter.end();
    if (failure !== undefined) throw failure.error;
  }

  /**
   * A cron job in the wrong folder must not act on defaults (SPEC section 5).
   * @throws TtsctlError CONFIG_REQUIRED
   */
  async requireConfig(withArtifacts: boolean): Promise<void> {
    const { configPath, store, paths } = await this.settings();
    if (isConfigured({ configPath, store, paths }, withArtifacts)) return;
    throw new TtsctlError(
      "CONFIG_REQUIRED",
      `no config.ini in ${this.#surroundings.cwd}: this command changes things and takes no defaults`,
      {
        hint: "name it with --config or TTSCTL_CONFIG, or set TTSCTL_STORE, TTSCTL_OUTPUT and TTSCTL_LOGS",
      },
    );
  }

  /** What can be said of the configuration, where nothing that is wrong in it is an error. */
  async examineConfig(): Promise<Examination> {
    const { examineConfig } = await import("../config/examine.ts");
    return examineConfig(this.#loadOptions());
  }

  async #loadSettings(): Promise<Settings> {
    const settings = await loadSettings(this.#loadOptions());
    for (const line of settings.warnings) this.reporter.warn(line);
    return settings;
  }

  #loadOptions(): LoadOptions {
    return { flags: { ...this.flags }, env: this.#surroundings.env, cwd: this.#surroundings.cwd };
  }
}

/** Whether two settings read the same from one store file: a loop that was told to read its settings again may have others. */
function readsAlike(a: Settings, b: Settings | undefined): boolean {
  const reading = ({ store, service, redis }: Settings) =>
    JSON.stringify([store.path.value, service.timezone.value, redis.layout.value]);
  return b !== undefined && reading(a) === reading(b);
}
