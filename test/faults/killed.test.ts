import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { SEED } from "../helpers/seed.ts";
import { CASES } from "./helpers/cases.ts";
import { Chance, times } from "./helpers/chance.ts";
import { Killed } from "./helpers/killed.ts";

const here = usePlace();
describe.each(CASES)("row A, kill -9: $line", (one) => {
  const killed = new Killed(here, one);

  it("at each of its changes: the next run finishes, and no kept task is lost", async () => {
    const steps = await killed.distinctSteps();
    expect(steps.length).toBeGreaterThan(3);
    for (const at of steps) await killed.crashAt(at);
  });

  it("at a moment chosen at random, by another process: the same", async () => {
    const chance = new Chance(`${one.line} by time`);
    for (let left = times(1, 13); left > 0; left--) {
      await killed.lay();
      const after = 80 + chance.below(120);
      await killed.after(after);
      await killed.expectKept(`TTSCTL_SEED=${SEED}, killed after ${after} ms`);
    }
  });
});
