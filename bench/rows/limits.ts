import { setTimeout } from "node:timers/promises";
import { Resp } from "../../test/helpers/resp.ts";
import type { Cost } from "../cost.ts";
import { leftOut, summaryOf } from "../result.ts";
import type { Row } from "../row.ts";
import { firstSync } from "./sync.ts";

const memory: Row = {
  about: { id: "memory", work: "largest peak memory of all rows", peer: "", target: { limit: 200, unit: "MB" } },
  async measure(_site, _runs, earlier) {
    const peaks = [...earlier.values()].flatMap(({ ours }) => (ours === null ? [] : [ours.peakMb]));
    if (peaks.length === 0) return leftOut("it needs another row");
    return { ours: null, theirs: null, value: Math.max(...peaks), leftOut: null };
  },
};

/** What a second client of Redis sees meanwhile: the longest of its PINGs, one a millisecond. */
async function worstPing(port: number, work: () => Promise<Cost>): Promise<Cost> {
  const client = await Resp.connect(port);
  let worst = 0;
  let ended = false;
  const working = work().finally(() => {
    ended = true;
  });
  try {
    while (!ended) {
      const began = performance.now();
      await client.call("PING");
      worst = Math.max(worst, performance.now() - began);
      await setTimeout(1);
    }
  } finally {
    client.close();
  }
  return { ...(await working), seconds: worst / 1000 };
}

const latency: Row = {
  about: {
    ...{ id: "latency", work: "worst PING of a second client during a first sync", peer: "" },
    target: { limit: 10, unit: "ms" },
  },
  async measure(site, runs) {
    const costs: Cost[] = [];
    for (let run = 0; run < runs; run++) {
      await firstSync.before!(site);
      costs.push(await worstPing(site.redis.port, () => firstSync.run(site)));
    }
    const ours = summaryOf(costs);
    return { ours, theirs: null, value: ours.median * 1000, leftOut: null };
  },
};

export const LIMIT_ROWS = [latency, memory];
