import { expect } from "vitest";
import type { Place } from "../../e2e/setup.ts";
import { TestClock } from "../../helpers/clock.ts";
import { type Run, Running } from "../../helpers/ttsctl.ts";
import { type Case, lay } from "./cases.ts";
import { withFault } from "./steps.ts";
import { everything, exactly, missingOf, nameOf, sorted, type TestRecord } from "./stores.ts";
import { triedFault } from "./tally.ts";

/** Runs of one command that are killed. */
export class Killed {
  readonly #here: Place;
  readonly #one: Case;

  constructor(here: Place, one: Case) {
    this.#here = here;
    this.#one = one;
  }

  lay(): Promise<string> {
    return lay(this.#here, this.#one);
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
    const { after, kept = after, artifacts = after, marked } = this.#one;
    const { audio, logs } = exactly(artifacts);
    const found = sorted(await everything(this.#here));
    triedFault(1, missingOf(kept, found));
    expect(found, label).toEqual({ ...exactly(after), audio, logs });
    if (marked !== undefined) await this.#expectMarked(marked, label);
    else expect(this.#here.root.readStore(), label).toEqual(after);
    await this.#expectInStep(label);
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
    const ours = (this.#here.root.readStore() as TestRecord[]).filter(({ user_id }) => user_id === "user0");
    for (const { user_id, task_id, updated_at, ...record } of ours) {
      expect(record.status, label).toBe(status);
      const hash = await this.#here.server.hash(`tts:task:${user_id}:${task_id}`);
      expect(hash, label).toMatchObject({ status, updated_at });
    }
  }
}
