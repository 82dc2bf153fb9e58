import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SEED } from "../helpers/seed.ts";
import { BesideService, isFinished } from "./helpers/beside.ts";
import { Chance, LONG } from "./helpers/chance.ts";
import { type Fault, runFaulty } from "./helpers/faulty.ts";
import { nameOf, type TestRecord } from "./helpers/stores.ts";

/** Each has its own root and Redis: most of a purge beside a service is waiting. */
const LANES = Array.from({ length: 3 }, () => new BesideService());
beforeAll(() => Promise.all(LANES.map((lane) => lane.open())));
afterAll(() => Promise.all(LANES.map((lane) => lane.close())));

/** Does the work on all items, each in the next lane that is free. */
async function inLanes<T>(items: readonly T[], work: (lane: BesideService, item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const busy = LANES.map(async (lane) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(lane, item);
  });
  await Promise.allSettled(busy);
  await Promise.all(busy);
}

/** Old tasks in both stores, with their files, as every round begins. */
interface Seeds {
  readonly folder: string;
  readonly records: readonly TestRecord[];
}

async function makeSeeds(lane: BesideService): Promise<Seeds> {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-seeds-"));
  await lane.renew();
  await lane.seeds(4);
  for (const name of ["voice_task.json", "output", "Logs"]) {
    cpSync(lane.root.at(name), join(folder, name), { recursive: true, preserveTimestamps: true });
  }
  const records = lane.records();
  await lane.clear();
  return { folder, records };
}

describe("row C, a task that is queued again while its purge is stopped at one of its steps", () => {
  it.each([
    { what: "cleanup", line: "cleanup --once --retention 1h -o json" },
    { what: "delete", line: "delete --status done,error --until 30d --yes -o json" },
  ])("$what: it is kept in both stores with its new files", async ({ what, line }) => {
    const seeds = await makeSeeds(LANES[0]!);
    const task = nameOf(seeds.records.find(isFinished)!);

    async function inFreshRoot<T>(lane: BesideService, work: () => Promise<T>): Promise<T> {
      await lane.renew();
      try {
        cpSync(seeds.folder, lane.root.path, { recursive: true, preserveTimestamps: true });
        await lane.mirrored(...seeds.records);
        return await work();
      } finally {
        await lane.clear();
      }
    }

    const run = (lane: BesideService, at: number, whileStopped = async () => {}) => {
      const fault: Fault = { at, act: "stop", on: "any" };
      const options = { cwd: lane.root.path, env: lane.env({ REDIS_TIMEOUT: "60s" }), whileStopped };
      return runFaulty(line.split(" "), fault, options);
    };

    async function requeuedAt(lane: BesideService, at: number, step: string): Promise<void> {
      const label = `TTSCTL_SEED=${SEED}, stopped at step ${at}, ${step}`;
      const requeue = async () => {
        expect(await lane.start("--tasks", 0, "--rate", 10_000, "--requeue", task).end()).toBe(0);
      };
      const { code, stderr } = await run(lane, at, requeue);
      expect([0, 3], `${label}: ${stderr}`).toContain(code);
      if (lane.service === undefined) return; // it took fewer steps this time
      expect(lane.service.lastWords.get(task)?.status, label).toBe("succeeded");
      await lane.expectLastWords();
      expect(lane.root.has("output/.ttsctl-purge"), label).toBe(false);
    }

    const lane = LANES[0]!;
    const { steps } = await inFreshRoot(lane, () => run(lane, -1));
    const chance = new Chance(what);
    // A folder is moved aside just after the last look at the stores: in a short run those steps, and two others.
    const moves = steps.flatMap((step, i) => (step === "rename" ? [i] : []));
    expect(moves).not.toEqual([]);
    const at = LONG ? [...steps.keys()] : [...moves, chance.below(steps.length), chance.below(steps.length)];
    await inLanes(at, (lane, i) => inFreshRoot(lane, () => requeuedAt(lane, i, steps[i]!)));
    rmSync(seeds.folder, { recursive: true });
  });
});
