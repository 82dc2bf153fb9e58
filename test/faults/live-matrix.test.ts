import { appendFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SEED } from "../helpers/seed.ts";
import { Chance, LONG, times } from "./helpers/chance.ts";
import { COMBINATIONS, type Combination, runBeside, titleOf } from "./helpers/live-run.ts";
import { triedFault } from "./helpers/tally.ts";

/** What script/live-matrix.mjs asks for. */
interface Plan {
  readonly seconds: number;
  readonly seeds: number;
  /** Only combinations that have all of these words. */
  readonly only: readonly string[];
  /** Gets one JSON line for each run. */
  readonly rows: string;
}

const PLAN = process.env.TTSCTL_LIVE_MATRIX === undefined ? null : (JSON.parse(process.env.TTSCTL_LIVE_MATRIX) as Plan);
const SECONDS = PLAN?.seconds ?? times(6, 20);
const SEEDS = Array.from({ length: PLAN?.seeds ?? 1 }, (_, i) => SEED + i);

/** All that the plan asks for; without one, in a short run, all commands in turn, and a program. */
function chosen(): Combination[] {
  if (PLAN !== null) {
    return COMBINATIONS.filter((one) => PLAN.only.every((word) => titleOf(one).split(" ").includes(word)));
  }
  if (LONG) return [...COMBINATIONS];
  const chance = new Chance("live matrix");
  return ["all", "library"].map((name) => chance.of(COMBINATIONS.filter(({ command }) => command === name)));
}

const cases = chosen().flatMap((combination) =>
  SEEDS.map((seed) => ({ title: `${titleOf(combination)} seed ${seed}`, combination, seed })),
);

describe("row C, a service that deletes tasks, with several states in a second", () => {
  it.concurrent.each(cases)("keeps its last words: $title", async ({ title, combination, seed }) => {
    const { tasks, passes, ...wrong } = await runBeside(combination, SECONDS, seed);
    const { reverted, back, lost, failures } = wrong;
    const counts = { reverted: reverted.length, back: back.length, lost: lost.length, failures: failures.length };
    triedFault(tasks, counts.lost);
    if (PLAN !== null) appendFileSync(PLAN.rows, `${JSON.stringify({ title, tasks, passes, ...counts })}\n`);
    expect(wrong).toEqual({ reverted: [], back: [], lost: [], failures: [] });
  });
});
