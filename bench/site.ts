import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { RedisServer } from "../test/helpers/redis.ts";
import { ServiceRoot } from "../test/helpers/root.ts";
import { type Cost, type Program, PYTHON, Stopwatch } from "./cost.ts";
import { expectThat } from "./expect.ts";

/** The paths of the bench. */
export interface Place {
  /** The folder of the project. */
  readonly project: string;
  /** The built `ttsctl`. */
  readonly binary: string;
  /** A directory for temporary files; its creator removes it. */
  readonly scratch: string;
  /** How long the library is put under load. */
  readonly loadSeconds: number;
}

/** Of these tasks every tenth is finished and past the retention of 7 days. */
export const EXPIRED_EVERY = 10;
/** A time of last change, epoch seconds: old enough that no write is watched as if a service were at work on the file. */
export const LONG_AGO = 1_600_000_000;
const USERS = 8;
/** The user whose tasks are asked for: an eighth of all. */
export const USER = "user0000";
/** Snapshots are made and loaded between the runs; they need not be small. */
const REDIS = ["--rdbcompression", "no", "--rdbchecksum", "no"];

/** A service root with so many tasks and a Redis for its mirror. */
export class Site {
  readonly tasks: number;
  readonly place: Place;
  /** A site with fewer tasks, for what must not grow with their number. */
  readonly small: Site | null;
  readonly redis: RedisServer;
  /** A root whose store is never changed. */
  readonly root: ServiceRoot;
  /** Another root with the same Redis, for purges. */
  readonly purgedRoot: ServiceRoot;
  readonly #stopwatch: Stopwatch;
  readonly #makeStore: readonly string[];
  readonly #answers = new Map<string, string>();
  /** The program that `ttsctl` runs. */
  binary: string;
  #mirror: "unknown" | "whole" = "unknown";
  #hasSnapshot = false;

  private constructor(parts: { place: Place; tasks: number; small: Site | null; redis: RedisServer }) {
    const { place, tasks, small, redis } = parts;
    this.tasks = tasks;
    this.place = place;
    this.binary = place.binary;
    this.small = small;
    this.redis = redis;
    this.root = new ServiceRoot(redis.port);
    this.purgedRoot = new ServiceRoot(redis.port);
    mkdirSync(join(place.scratch, `${tasks}`), { recursive: true });
    this.#stopwatch = new Stopwatch(join(place.scratch, `${tasks}`), join(place.project, "bench"));
    const now = Math.floor(Date.now() / 1000);
    this.#makeStore = [...flags({ tasks, users: USERS, now, "expired-every": EXPIRED_EVERY })];
  }

  /** @param fewer how many tasks its small site has */
  static async build(place: Place, tasks: number, fewer?: number): Promise<Site> {
    const small = fewer === undefined ? null : await Site.build(place, fewer);
    const site = new Site({ place, tasks, small, redis: await RedisServer.start(...REDIS) });
    await site.makeStore(site.root.path);
    return site;
  }

  get expired(): number {
    return Math.ceil(this.tasks / EXPIRED_EVERY);
  }

  get storeBytes(): number {
    return statSync(this.root.store).size;
  }

  /** A file of this site's own. */
  scratch(name: string): string {
    return join(this.place.scratch, `${this.tasks}`, name);
  }

  /** Writes the store file that this site always has, with what else is asked for, into a folder. */
  async makeStore(folder: string, more: Record<string, string | number> = {}): Promise<void> {
    await this.python("test/tools/make_store.py", folder, ...this.#makeStore, ...flags(more));
  }

  /** The commands that mirror the store, for `redis-cli --pipe`. */
  get commands(): string {
    return this.scratch("commands");
  }

  /** Once, whatever asks for them. */
  async writeCommands(): Promise<void> {
    if (existsSync(this.commands)) return;
    await this.python("bench/peers/commands.py", this.commands, ...this.#makeStore);
  }

  /** Checks that ttsctl and its peers all give the same answer as the first. */
  expectSame(what: string, answer: string): void {
    const first = this.#answers.get(what) ?? answer;
    this.#answers.set(what, first);
    expectThat(answer === first, `${what}: ${answer} in place of ${first}`);
  }

  async python(script: string, ...args: readonly string[]): Promise<Cost> {
    return this.run([PYTHON, join(this.place.project, script), ...args]);
  }

  /** @param root whose config.ini it takes */
  async ttsctl(args: string, root = this.root, env: Readonly<Record<string, string>> = {}): Promise<Cost> {
    return this.run([process.execPath, this.binary, ...args.split(" ")], { cwd: root.path, env });
  }

  async run(argv: readonly string[], options: Partial<Program> = {}): Promise<Cost> {
    return this.#stopwatch.cost({ argv, cwd: this.root.path, ...options });
  }

  async redisCli(args: readonly string[], stdin: string): Promise<Cost> {
    return this.run(["redis-cli", "-p", `${this.redis.port}`, ...args], { stdin });
  }

  async emptyMirror(): Promise<void> {
    this.#mirror = "unknown";
    await this.redis.call("FLUSHALL");
  }

  /** Makes the mirror hold the whole store, for a command that only reads. */
  async wholeMirror(): Promise<void> {
    if (this.#mirror === "whole") return;
    if (this.#hasSnapshot) await this.redis.call("DEBUG", "RELOAD", "NOSAVE");
    else {
      await this.emptyMirror();
      await this.ttsctl("sync -q");
      await this.redis.call("SAVE");
      this.#hasSnapshot = true;
    }
    this.#mirror = "whole";
  }

  /** A whole mirror for a command that will change it. */
  async mirrorToChange(): Promise<void> {
    await this.wholeMirror();
    this.#mirror = "unknown";
  }

  async remove(): Promise<void> {
    await this.small?.remove();
    await this.redis.remove();
    this.root.remove();
    this.purgedRoot.remove();
    rmSync(join(this.place.scratch, `${this.tasks}`), { recursive: true, force: true });
  }
}

function flags(values: Record<string, string | number>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
