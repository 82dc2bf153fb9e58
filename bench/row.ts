import type { Cost } from "./cost.ts";
import { missingOf } from "./needs.ts";
import { type About, leftOut, median, type Outcome, type Result, type Summary, summaryOf } from "./result.ts";
import type { Site } from "./site.ts";

/** Earlier results at this site, by row. */
export type Earlier = ReadonlyMap<string, Result>;

/** One line of the table, to be measured. */
export interface Row {
  readonly about: About;
  measure(site: Site, runs: number, earlier: Earlier): Promise<Outcome>;
}

/** Something that is run and timed. */
export interface Work {
  /** The work of the row, in Markdown. */
  readonly name: string;
  /** Before the first run. */
  prepare?(site: Site): Promise<void>;
  /** Before each run: puts everything as it must be. Not timed. */
  before?(site: Site): Promise<void>;
  run(site: Site): Promise<Cost>;
  /** Throws if a run did not do its work. */
  check(site: Site, cost: Cost): void | Promise<void>;
  /** After the last run. */
  finish?(site: Site): Promise<void>;
}

export interface Peer extends Work {
  /** Its requirements, as in `missingOf`. */
  readonly needs?: readonly string[];
}

export interface Comparison {
  readonly id: string;
  /** The ratio of the medians that is to be reached, at most. */
  readonly target: number;
  /** The work is one request of many: how many times as many as the peer's are answered, at least the target. */
  readonly isRate?: boolean;
  /** As in `Target`. */
  readonly by?: "cpu" | "cpu of both";
  /** How often it runs for each run of other rows: more often if a run takes milliseconds. */
  readonly times?: number;
  readonly ours: Work;
  /** `sameRow`: ttsctl's own figure of a row before. */
  readonly peer: Peer | { readonly name: string; readonly sameRow: string };
  /** The bare work with everything made ready before: a limit, not an alternative. */
  readonly limit?: Peer;
}

/** CPU time of Redis below which a ratio is noise. */
const COMPARABLE_S = 0.02;

/** Runs ttsctl and a peer in turn, so disturbances of the machine affect both. */
export function compared({ id, target, isRate = false, by, times = 1, ours, peer, limit }: Comparison): Row {
  const ratio = (a: number, b: number) => (isRate ? b / a : a / b);
  const cpuOf = ({ cpu, redisCpu }: Pick<Summary, "cpu" | "redisCpu">) => cpu + (by === "cpu of both" ? redisCpu : 0);
  return {
    about: {
      id,
      work: ours.name,
      peer: peer.name,
      target: { limit: target, unit: "×", atLeast: isRate, ...(by && { by }) },
    },
    async measure(site, runs, earlier) {
      if ("sameRow" in peer) {
        const theirs = earlier.get(peer.sameRow)?.ours;
        if (theirs == null) return leftOut(`it needs the row ${peer.sameRow}`);
        const mine = summaryOf((await inTurn(site, runs * times, [ours]))[0]!);
        const cpuRatio = ratio(cpuOf(mine), cpuOf(theirs));
        return { ours: mine, theirs, value: ratio(mine.median, theirs.median), cpuRatio, leftOut: null };
      }
      const missing = missingOf(peer.needs ?? []);
      if (missing.length > 0) return leftOut(`${missing.join(", ")} is not there`);
      const [mine, theirs, least] = await inTurn(site, runs * times, [ours, peer, ...(limit ? [limit] : [])]);
      const [a, b] = [summaryOf(mine!), summaryOf(theirs!)];
      const ratioOf = (part: (cost: Cost) => number) =>
        median(mine!.map((cost, run) => ratio(part(cost), part(theirs![run]!))));
      const cpuRatio = ratioOf((cost) => cpuOf({ cpu: cost.cpuSeconds!, redisCpu: cost.redisCpuSeconds! }));
      const redisRatio = ratioOf((cost) => cost.redisCpuSeconds!);
      const ratios = { ...(cpuRatio > 0 && { cpuRatio }), ...(b.redisCpu >= COMPARABLE_S && { redisRatio }) };
      const limited = least && { limit: { name: limit!.name, value: ratio(a.median, summaryOf(least).median) } };
      return { ours: a, theirs: b, value: ratio(a.median, b.median), ...ratios, ...limited, leftOut: null };
    },
  };
}

/** Runs ttsctl alone: what a person waits for. @param limit milliseconds */
export function waitedFor(id: string, limit: number, ours: Work, times = 1): Row {
  return {
    about: { id, work: ours.name, peer: "", target: { limit, unit: "ms" } },
    async measure(site, runs) {
      const mine = summaryOf((await inTurn(site, runs * times, [ours]))[0]!);
      return { ours: mine, theirs: null, value: mine.median * 1000, leftOut: null };
    },
  };
}

/** Runs each work so many times, one after the other, and checks every run. */
async function inTurn(site: Site, runs: number, works: readonly Work[]): Promise<Cost[][]> {
  const costs: Cost[][] = works.map(() => []);
  try {
    for (const work of works) await work.prepare?.(site);
    for (let run = 0; run < runs; run++) {
      for (const [i, work] of works.entries()) {
        await work.before?.(site);
        const before = await site.redis.cpuSeconds();
        const cost = await work.run(site);
        const redisCpuSeconds = (await site.redis.cpuSeconds()) - before;
        await work.check(site, cost);
        costs[i]!.push({ redisCpuSeconds, ...cost });
      }
    }
  } finally {
    for (const work of works) await work.finish?.(site);
  }
  return costs;
}
