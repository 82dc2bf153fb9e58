import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { checkBrake } from "../../src/operations/brake.ts";
import { NamedWarnings } from "../../src/operations/reporter.ts";
import { batches, pool } from "../../src/pool.ts";
import { RecordingReporter } from "../helpers/doubles.ts";

describe("pool", () => {
  it("has no more than the width under way, and does everything once", async () => {
    let under = 0;
    let most = 0;
    const done: number[] = [];
    await pool([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++under);
      await sleep(2);
      under--;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("starts nothing after a failure, awaits running work, and throws the first error", async () => {
    const began: number[] = [];
    const ended: number[] = [];
    const work = async (item: number) => {
      began.push(item);
      await sleep(item === 2 ? 1 : 10);
      if (item <= 2) throw new Error(`failure ${item}`);
      ended.push(item);
    };
    await expect(pool([1, 2, 3, 4, 5, 6], 3, work)).rejects.toThrow("failure 2");
    expect(began).toEqual([1, 2, 3]);
    expect(ended).toEqual([3]);
  });

  it("stops between items when aborted", async () => {
    const stop = new AbortController();
    const done: number[] = [];
    await pool(
      [1, 2, 3, 4],
      1,
      async (item) => {
        done.push(item);
        if (item === 2) stop.abort();
      },
      stop.signal,
    );
    expect(done).toEqual([1, 2]);
  });
});

describe("batches", () => {
  it("makes groups of at most the size, none of no items", () => {
    expect([...batches([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
    expect([...batches([], 2)]).toEqual([]);
  });
});

describe("checkBrake", () => {
  it.each([
    [10, 100, null, true],
    [10, 100, { count: 10 }, true],
    [11, 100, { count: 10 }, false],
    [50, 100, { percent: 50 }, true],
    [51, 100, { percent: 50 }, false],
    [1, 3, { percent: 33 }, false],
    [0, 0, { percent: 0 }, true],
    [1, 0, { percent: 100 }, false],
  ])("%i of %i with %j: %s", (count, of, max, passes) => {
    const check = () => checkBrake(count, of, max);
    if (passes) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: "MAX_DELETE_EXCEEDED" }));
  });
});

describe("NamedWarnings", () => {
  it("names the first ten and counts the rest", () => {
    const reporter = new RecordingReporter();
    const named = new NamedWarnings(reporter, "is kept");
    for (let i = 0; i < 13; i++) named.add({ userId: "a", taskId: `t${i}` }, "so");
    named.end();
    expect(reporter.warnings).toHaveLength(11);
    expect(reporter.warnings[0]).toBe("a:t0 is kept: so");
    expect(reporter.warnings[10]).toContain("3 more tasks are kept");
  });
});
