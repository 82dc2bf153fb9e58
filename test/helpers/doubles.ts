import type { Artifacts, NewestAllowed } from "../../src/artifacts/artifacts.ts";
import { TtsctlError } from "../../src/errors.ts";
import type { DoneItems, Reporter } from "../../src/operations/reporter.ts";
import { type MirrorLink, redisLink } from "../../src/store/mirror-link.ts";
import { connectRedis } from "../../src/store/redis/connect.ts";
import { Mirror } from "../../src/store/redis/mirror.ts";
import type { RedisTarget } from "../../src/store/redis/target.ts";
import { writeToMirror } from "../../src/store/redis/write.ts";
import { type Writable, writable } from "../../src/store/writable.ts";
import { rulesFor, targetFor } from "./deployments.ts";
import { taskIn } from "./records.ts";
import type { RecordJson } from "./root.ts";

/** Keeps what was said. */
export class RecordingReporter implements Reporter {
  readonly warnings: string[] = [];
  readonly items: { [E in keyof DoneItems]: DoneItems[E][] } = { cleanup: [], mark: [], orphan: [] };
  readonly steps: { label: string; done: number; total: number }[] = [];

  warn(line: string): void {
    this.warnings.push(line);
  }

  progress(label: string, done: number, total: number): void {
    this.steps.push({ label, done, total });
  }

  async done<E extends keyof DoneItems>(event: E, items: readonly DoneItems[E][]): Promise<void> {
    (this.items[event] as DoneItems[E][]).push(...items);
  }

  get text(): string {
    return this.warnings.join("\n");
  }
}

/** A server of a test's own; where it is more than a node, its place. */
export interface TestRedis {
  readonly port: number;
  readonly place?: RedisTarget["place"];
}

export async function connectMirror({ port, place }: TestRedis, rules = rulesFor(port), timeout = 2) {
  const target = targetFor(port, timeout);
  return writable(new Mirror(await connectRedis({ ...target, place: place ?? target.place }), rules));
}

/** Puts records into Redis as a sync does. */
export async function putIntoMirror(server: TestRedis, records: readonly RecordJson[], rules = rulesFor(server.port)) {
  const mirror = await connectMirror(server, rules);
  const tasks = records.map((record) => taskIn(rules, record));
  await writeToMirror(mirror, tasks).finally(() => mirror.close());
}

export function linkTo(mirror: Writable<Mirror>): MirrorLink<Writable<Mirror>> {
  return redisLink(async () => mirror);
}

type Hook = (method: string) => Promise<void> | void;

/** A real mirror that a test can take down, at once or from one of its calls on, and bring back. */
export class FlakyMirror {
  readonly mirror: Writable<Mirror>;
  readonly calls: string[] = [];
  #isDown: (method: string) => boolean = () => false;
  #before: Hook = () => {};
  #after: Hook = () => {};

  constructor(real: Writable<Mirror>) {
    this.mirror = new Proxy(real, {
      get: (target, name: string) => {
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? this.#guarded(name, value.bind(target)) : value;
      },
    });
  }

  /** @param when true for a call that fails; by default all do */
  goDown(when: (method: string) => boolean = () => true): void {
    this.#isDown = when;
  }

  comeBack(): void {
    this.#isDown = () => false;
  }

  /**
   * Runs before each call reaches Redis: what a service does at that very moment. Of the steps of a walk this holds for the
   * first alone, since the next are asked for ahead.
   */
  onCall(hook: Hook): void {
    this.#before = hook;
  }

  /** Runs after Redis answered a call, before the caller hears of it. */
  afterCall(hook: Hook): void {
    this.#after = hook;
  }

  #guarded(name: string, method: (...args: unknown[]) => unknown) {
    if (name === "close") return method;
    if (name.startsWith("walk")) return (...args: unknown[]) => this.#steps(name, method(...args) as AsyncGenerator);
    return async (...args: unknown[]) => {
      await this.#begin(name);
      const result = await method(...args);
      await this.#after(name);
      return result;
    };
  }

  async #begin(name: string): Promise<void> {
    this.calls.push(name);
    await this.#before(name);
    if (this.#isDown(name)) throw new TtsctlError("REDIS_UNAVAILABLE", "Redis was taken down by the test");
  }

  /** Each step of a walk is a call. */
  async *#steps(name: string, steps: AsyncGenerator): AsyncGenerator {
    for (let isFirst = true; ; isFirst = false) {
      if (isFirst) await this.#begin(name);
      const { done, value } = await steps.next();
      if (done) return;
      if (!isFirst) await this.#begin(name);
      await this.#after(name);
      yield value;
    }
  }
}

/** Real artifacts with something happening before, or after, the folder of a task is purged. */
export function hookedArtifacts(
  real: Artifacts,
  hooks: { before?: (taskId: string) => void; after?: (taskId: string) => void },
): Artifacts {
  return new Proxy(real, {
    get: (target, name: string) => {
      const value = Reflect.get(target, name, target);
      if (name !== "purgeFolder") return typeof value === "function" ? value.bind(target) : value;
      return (userId: string, taskId: string, newest: NewestAllowed) => {
        hooks.before?.(taskId);
        const outcome = target.purgeFolder(userId, taskId, newest);
        hooks.after?.(taskId);
        return outcome;
      };
    },
  });
}

/** A mirror and a double around it, for the tests of one file. */
export async function flakyMirror(server: TestRedis): Promise<FlakyMirror> {
  return new FlakyMirror(await connectMirror(server));
}
