import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type Batches, GroupCommit } from "../../src/store/group-commit.ts";

/** Doubles numbers, a batch at a time, when the test lets it. */
function doubling() {
  const batches: number[][] = [];
  let open: () => void = () => {};
  let gate = Promise.resolve();
  const commit = new GroupCommit<number, number>(systemClock, async (source) => {
    const batch = (await source.next(0))!;
    batches.push([...batch.items]);
    await gate;
    batch.settle(batch.items.map((item) => item * 2));
  });
  const hold = () => {
    gate = new Promise((resolve) => {
      open = resolve;
    });
  };
  return { commit, batches, hold, letGo: () => open() };
}

describe("group commit", () => {
  it("makes a batch of the items added in one turn, and the next batch of those that arrive during it", async () => {
    const { commit, batches, hold, letGo } = doubling();
    hold();
    const first = [1, 2, 3].map((n) => commit.add(n));
    await new Promise(setImmediate);
    const later = [4, 5].map((n) => commit.add(n));
    letGo();
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10]);
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it("settles in the order in which the items came", async () => {
    const { commit } = doubling();
    const order: number[] = [];
    await Promise.all([3, 1, 2].map((n) => commit.add(n).then(() => order.push(n))));
    expect(order).toEqual([3, 1, 2]);
  });

  it("rejects the failed batch, and continues with the next", async () => {
    let calls = 0;
    const commit = new GroupCommit<number, number>(systemClock, async (source) => {
      const batch = (await source.next(0))!;
      if (calls++ === 0) throw new Error("full");
      batch.settle(batch.items);
    });
    const failing = commit.add(1);
    await expect(failing).rejects.toThrow("full");
    expect(await commit.add(2)).toBe(2);
  });

  it("rejects all waiting items if the work fails before it started", async () => {
    const commit = new GroupCommit<number, number>(systemClock, async () => {
      throw new Error("locked");
    });
    const results = await Promise.allSettled([commit.add(1), commit.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  it("a worker that settled some of its batches keeps them when it fails later", async () => {
    const commit = new GroupCommit<number, number>(systemClock, async (source) => {
      const first = (await source.next(0))!;
      first.settle(first.items);
      await source.next(1000);
      throw new Error("then it failed");
    });
    expect(await commit.add(1)).toBe(1);
    await expect(commit.add(2)).rejects.toThrow("then it failed");
  });

  it("a lingering batch gets arriving items, and can still be closed", async () => {
    const batches: (readonly number[] | null)[] = [];
    const commit = new GroupCommit<number, number>(systemClock, async (source: Batches<number, number>) => {
      for (let linger = 0; ; linger = 60_000) {
        const batch = await source.next(linger);
        batches.push(batch?.items ?? null);
        if (batch === null) return;
        batch.settle(batch.items);
      }
    });
    await commit.add(1);
    await commit.add(2);
    await commit.close();
    expect(batches).toEqual([[1], [2], null]);
  });
});
