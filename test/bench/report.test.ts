import { expect, it } from "vitest";
import { cellsOf, HEAD } from "../../bench/report/cells.ts";
import { resultLine } from "../../bench/report/text.ts";
import { isMet, type Result, summaryOf, type Target } from "../../bench/result.ts";
import { compared, type Work } from "../../bench/row.ts";
import type { Site } from "../../bench/site.ts";

const cost = (seconds: number, cpuSeconds?: number) => ({
  ...{ seconds, peakMb: 40, stdout: "" },
  ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
});

/** A work whose runs cost that, in turn. */
function work(...costs: ReturnType<typeof cost>[]): Work {
  const left = [...costs];
  return { name: "`work`", run: async () => left.shift()!, check: () => {} };
}

const site = { place: { project: "/" }, redis: { cpuSeconds: async () => 0 } } as unknown as Site;

async function measured(by: "cpu" | undefined, ours: Work, peer: Work): Promise<Result> {
  const row = compared({ id: "row", target: 1.1, ...(by && { by }), ours, peer });
  return { ...row.about, tasks: 1000, ...(await row.measure(site, 3, new Map())) };
}

it("a row by CPU counts the median of the ratios of runs in turn, whatever the wall times were", async () => {
  const costs = () =>
    [
      [cost(1, 1), cost(9, 2), cost(3, 3)],
      [cost(1, 1), cost(1, 2), cost(1, 4)],
    ] as const;
  const [ours, theirs] = costs();
  const byCpu = await measured("cpu", work(...ours), work(...theirs));
  expect([byCpu.value, byCpu.cpuRatio, isMet(byCpu)]).toEqual([3, 1, true]);
  const byWall = await measured(undefined, work(...ours), work(...theirs));
  expect([byWall.value, byWall.cpuRatio, isMet(byWall)]).toEqual([3, 1, false]);
});

it("a row without CPU times counts wall times", async () => {
  const result = await measured("cpu", work(cost(2), cost(2), cost(2)), work(cost(1), cost(1), cost(1)));
  expect([result.value, "cpuRatio" in result, isMet(result)]).toEqual([2, false, false]);
});

it("a row shows its spread, and CPU beside wall times", () => {
  const target: Target = { limit: 1.1, unit: "×", by: "cpu" };
  const [ours, theirs] = [summaryOf([cost(1, 2), cost(2, 2), cost(3, 2)]), summaryOf([cost(1)])];
  const about = { id: "row", work: "`work`", peer: "peer", target, tasks: 1000 };
  const result: Result = { ...about, ours, theirs, value: 2, cpuRatio: 1.05, leftOut: null };
  expect(Object.fromEntries(HEAD.map((name, i) => [`${i} ${name}`, cellsOf(result)[i]]))).toEqual({
    "0 tasks": "1,000",
    "1 ttsctl": "`work`",
    "2 measured against": "peer",
    "3 ttsctl": "2.00 s",
    "4 peer": "1.00 s",
    "5 ratio": "2.00",
    "6 by CPU": "1.05",
    "7 target": "≤ 1.10 by CPU",
    "8 met": "yes",
    "9 spread": "100%",
    "10 CPU": "2.00 s",
    "11 CPU of Redis": "",
    "12 peak MB": "40",
  });
  expect(resultLine(result)).toBe(
    "row (1000): 2.00, by CPU 1.05 of 1.10  2.00 s [1.00 s..3.00 s], CPU 2.00 s / 1.00 s [1.00 s..1.00 s]",
  );
  expect(cellsOf({ ...result, value: null, leftOut: "no peer" }).length).toBe(HEAD.length);
});
