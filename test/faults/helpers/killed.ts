import { expect } from "vitest";
import type { Place } from "../../e2e/setup.ts";
import { ago, record } from "../../helpers/records.ts";
import { type Run, Running } from "../../helpers/ttsctl.ts";
import { runFaulty } from "./faulty.ts";
import { everything, exactly, missingOf, nameOf, sorted, type TestRecord } from "./stores.ts";
import { triedFault } from "./tally.ts";
import { WholeFile } from "./whole.ts";

export const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
export const OLD = some(40, "old");
export const YOUNG = some(12, "young", { updated_at: ago(3600) });
/** In both stores before each command, with audio and logs. */
export const BOTH = [...OLD, ...YOUNG];

/** A command that is killed: what is there besides before it, and what must be there after its next run. */
export interface Case {
  readonly what: string;
  readonly line: string;
  /** One of those that are killed at 300 moments altogether in a long run. */
  readonly often?: boolean;
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
  readonly #args: string[];

  constructor(here: Place, one: Case) {
    this.#here = here;
    this.#one = one;
    this.#args = one.line.split(" ");
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

  /** Runs it with a kill before one of its steps; -1: with none. */
  atStep(at: number): Promise<Run & { steps: string[] }> {
    return runFaulty(this.#args, { at, act: "kill", on: "any" }, { cwd: this.#here.root.path });
  }

  /** Runs it and kills it from outside. */
  async after(ms: number): Promise<Run> {
    const run = new Running(this.#args, { cwd: this.#here.root.path });
    const timer = setTimeout(() => run.kill("SIGKILL"), ms);
    const ended = await run.end();
    clearTimeout(timer);
    return ended;
  }

  /** Kills it, looks whether the file is whole throughout, and runs it again to its end. */
  async round(kill: () => Promise<unknown>, label: string): Promise<void> {
    const { kept = this.#one.after, line } = this.#one;
    await this.lay();
    const whole = new WholeFile(this.#here.root.store);
    await kill();
    const left = sorted(await everything(this.#here));
    expect(missingOf(kept, left), `${label}: after the kill`).toBe(0);
    const again = await this.#here.run(line);
    expect([0, 3], `${label}: ${again.stderr}`).toContain(again.code);
    expect(await whole.stop(), label).toEqual([]);
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
