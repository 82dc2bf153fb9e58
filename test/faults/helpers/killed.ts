import { expect } from "vitest";
import type { Place } from "../../e2e/setup.ts";
import { TestClock } from "../../helpers/clock.ts";
import { ago, record } from "../../helpers/records.ts";
import { type Run, Running } from "../../helpers/ttsctl.ts";
import { withFault } from "./steps.ts";
import { everything, exactly, missingOf, nameOf, sorted, type TestRecord } from "./stores.ts";
import { triedFault } from "./tally.ts";

export const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
export const OLD = some(3, "old");
export const YOUNG = some(2, "young", { updated_at: ago(3600) });
/** In both stores before each command, with audio and logs. */
export const BOTH = [...OLD, ...YOUNG];

/** A command that is killed: what is there besides before it, and what must be there after its next run. */
export interface Case {
  readonly what: string;
  readonly line: string;
  /** In Redis, alone or over what the file has. */
  readonly redis: readonly TestRecord[];
  /** What is read with `import`. */
  readonly input?: readonly TestRecord[];
  /** What stays in Redis and on the disk, in file order. */
  readonly after: readonly TestRecord[];
  /** What is there before and after, and so at every moment, where it is not all of that. */
  readonly kept?: readonly TestRecord[];
  /** Tasks that Redis may go on having newer. */
  readonly mayStayNewer?: readonly TestRecord[];
  /** Artifacts of tasks that neither store has. */
  readonly unowned?: readonly TestRecord[];
  /** Whose audio and logs stay, where it is not the same. */
  readonly artifacts?: readonly TestRecord[];
  /** The status that tasks of user0 have in both stores in the end. */
  readonly marked?: string;
  /** Those of `after` that come from Redis, which has no order. */
  readonly ofRedis?: readonly TestRecord[];
  /** The file's records are those of `after` to the letter. */
  readonly exact?: boolean;
}

export const ofUser0 = ({ user_id }: TestRecord): boolean => user_id === "user0";

/** Runs of one command that are killed. */
export class Killed {
  readonly #here: Place;
  readonly #one: Case;

  constructor(here: Place, one: Case) {
    this.#here = here;
    this.#one = one;
  }

  /** Removes what another round left, and sets everything up again. */
  async lay(): Promise<void> {
    const { redis, input, unowned = [] } = this.#one;
    const { root, server } = this.#here;
    root.remove();
    root.configure(server.port);
    root.writeStore(BOTH);
    root.writeArtifacts([...BOTH, ...redis, ...unowned]);
    if (input !== undefined) {
      root.write("in.jsonl", [...input.map((task) => JSON.stringify(task)), "no record", ""].join("\n"));
    }
    await server.call("FLUSHALL");
    await this.#here.mirrored(...BOTH, ...redis);
  }

  /** Runs it to its end. Returns the steps that begin with a state of the disk and of Redis that was not there before. */
  async distinctSteps(): Promise<number[]> {
    const states = new Map<string, number>();
    const { root, server } = this.#here;
    const act = async (step: number) => {
      const files = JSON.stringify(root.tree()).replaceAll(/\.ttsctl-purge\/[^/"]+/g, "");
      const state = files + JSON.stringify(await server.dump());
      if (!states.has(state)) states.set(state, step);
    };
    await this.lay();
    const fault = { at: "each", act, on: "changes" } as const;
    const { result } = await withFault(root.path, fault, () => this.#here.run(this.#one.line));
    await this.expectFinished(`uninterrupted: ${result.stdout}${result.stderr}`);
    return [...states.values()];
  }

  /** Crashes before a step, and runs it again to its end. */
  async crashAt(at: number): Promise<void> {
    const { root, run } = this.#here;
    await this.lay();
    const fault = { at, act: "crash", on: "changes" } as const;
    const { steps, hasCrashed } = await withFault(root.path, fault, () => run(this.#one.line));
    if (hasCrashed) await this.expectKept(`killed at step ${at}, ${steps.at(-1)}`); // else it took fewer steps this time
  }

  /** Runs the built program and kills it from outside. */
  async after(ms: number): Promise<Run> {
    const run = new Running(this.#one.line.split(" "), { cwd: this.#here.root.path });
    const timer = setTimeout(() => run.kill("SIGKILL"), ms);
    const ended = await run.end();
    clearTimeout(timer);
    return ended;
  }

  /** After a kill: nothing that is kept is missing, the file is whole, and another run, a second later, finishes. */
  async expectKept(label: string): Promise<void> {
    const { kept = this.#one.after, line } = this.#one;
    const left = sorted(await everything(this.#here));
    expect(missingOf(kept, left), `${label}: after the kill`).toBe(0);
    const again = await this.#here.run(line, { clock: new TestClock({ shift: 1 }) });
    expect([0, 3], `${label}: ${again.stderr}`).toContain(again.code);
    await this.expectFinished(label);
  }

  async expectFinished(label: string): Promise<void> {
    const { after: planned, kept = planned, artifacts = planned, ofRedis = [], marked, exact = false } = this.#one;
    const after = [...planned.slice(0, planned.length - ofRedis.length), ...this.#inFileOrder(ofRedis)];
    const { audio, logs } = exactly(artifacts);
    const found = sorted(await everything(this.#here));
    triedFault(1, missingOf(kept, found));
    expect(found, label).toEqual({ ...exactly(after), audio, logs });
    if (marked !== undefined) await this.#expectMarked(marked, label);
    if (exact) expect(this.#here.root.readStore(), label).toEqual(after);
    if (exact || marked !== undefined) await this.#expectInStep(label);
  }

  /** Tasks in the order in which the file has them. */
  #inFileOrder(tasks: readonly TestRecord[]): TestRecord[] {
    const order = this.#here.root.readStore().map((task) => nameOf(task as TestRecord));
    return [...tasks].sort((a, b) => order.indexOf(nameOf(a)) - order.indexOf(nameOf(b)));
  }

  /** File and Redis agree, but for what may stay. */
  async #expectInStep(label: string): Promise<void> {
    const { stdout } = await this.#here.run("verify --details -o json");
    const { checked, inSync, newerInRedis, tasks } = JSON.parse(stdout);
    const allowed = new Set((this.#one.mayStayNewer ?? []).map(nameOf));
    expect(
      [checked - inSync, tasks.newerInRedis.filter((task: TestRecord) => !allowed.has(nameOf(task)))],
      label,
    ).toEqual([newerInRedis, []]);
  }

  async #expectMarked(status: string, label: string): Promise<void> {
    const ours = (this.#here.root.readStore() as TestRecord[]).filter(ofUser0);
    for (const { user_id, task_id, updated_at, ...record } of ours) {
      expect(record.status, label).toBe(status);
      const hash = await this.#here.server.hash(`tts:task:${user_id}:${task_id}`);
      expect(hash, label).toMatchObject({ status, updated_at });
    }
  }
}
