import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { TestClock } from "../helpers/clock.ts";
import { SEED } from "../helpers/seed.ts";
import { inProcess, Running } from "../helpers/ttsctl.ts";
import { CASES, lay } from "./helpers/cases.ts";
import { Chance, times } from "./helpers/chance.ts";
import { withFault } from "./helpers/steps.ts";
import { everything, exactly, missingOf, nameOf, sorted, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();

describe.each(CASES)("row A, kill -9: $line", (one) => {
  const { line, after, kept = after, artifacts = after, marked, mayStayNewer = [] } = one;

  async function expectFinished(label: string): Promise<void> {
    const { audio, logs } = exactly(artifacts);
    const found = sorted(await everything(here));
    triedFault(1, missingOf(kept, found));
    expect(found, label).toEqual({ ...exactly(after), audio, logs });
    const records = here.root.readStore() as TestRecord[];
    if (marked === undefined) expect(records, label).toEqual(after);
    for (const { user_id, task_id, status, updated_at } of marked === undefined ? [] : records) {
      if (user_id !== "user0") continue;
      expect(status, label).toBe(marked);
      expect(await here.server.hash(`tts:task:${user_id}:${task_id}`), label).toMatchObject({ status, updated_at });
    }
    // File and Redis agree, but for what may stay.
    const { checked, inSync, newerInRedis, tasks } = JSON.parse((await here.run("verify --details -o json")).stdout);
    const allowed = mayStayNewer.map(nameOf);
    const newer = (tasks.newerInRedis as TestRecord[]).map(nameOf);
    expect([checked - inSync, newer.filter((name) => !allowed.includes(name))], label).toEqual([newerInRedis, []]);
  }

  /** After a kill: nothing that is kept is missing, the file is whole, and another run, a second later, finishes. */
  async function expectKept(label: string): Promise<void> {
    expect(missingOf(kept, sorted(await everything(here))), `${label}: after the kill`).toBe(0);
    const again = await here.run(line, { clock: new TestClock({ shift: 1 }) });
    expect([0, 3], `${label}: ${again.stderr}`).toContain(again.code);
    await expectFinished(label);
  }

  it("at each of its changes: the next run finishes, and no kept task is lost", async () => {
    /** The steps that begin with a state of the disk and of Redis that was not there before. */
    const steps = new Map<string, number>();
    const act = async (step: number) => {
      const files = JSON.stringify(here.root.tree()).replaceAll(/\.ttsctl-purge\/[^/"]+/g, "");
      const state = files + JSON.stringify(await here.server.dump());
      if (!steps.has(state)) steps.set(state, step);
    };
    await lay(here, one);
    await withFault(here.root.path, { at: "each", act, on: "changes" }, () => here.run(line, inProcess()));
    await expectFinished("uninterrupted");
    expect(steps.size).toBeGreaterThan(3);
    for (const at of steps.values()) {
      await lay(here, one);
      const crash = { at, act: "crash", on: "changes" } as const;
      const { steps: taken, hasCrashed } = await withFault(here.root.path, crash, () => here.run(line, inProcess()));
      if (hasCrashed) await expectKept(`killed at step ${at}, ${taken.at(-1)}`); // else it took fewer steps this time
    }
  });

  it("at a moment chosen at random, by another process: the same", async () => {
    const chance = new Chance(`${line} by time`);
    for (let left = times(1, 13); left > 0; left--) {
      await lay(here, one);
      const run = new Running(line.split(" "), { cwd: here.root.path });
      const after = 80 + chance.below(120);
      await sleep(after);
      await run.stop();
      await expectKept(`TTSCTL_SEED=${SEED}, killed after ${after} ms`);
    }
  });
});
