import { setTimeout } from "node:timers/promises";
import { Resp } from "../../test/helpers/resp.ts";
import type { Cost } from "../cost.ts";
import { leftOut, summaryOf } from "../result.ts";
import type { Row } from "../row.ts";
import { firstSync, pipe } from "./sync.ts";

/** Rows of long-running processes; their memory has separate lines. */
const LASTING = /^(serve|library)/;

const memory: Row = {
  about: { id: "memory", work: "largest peak memory of a command", peer: "", target: { limit: 256, unit: "MB" } },
  async measure(_site, _runs, earlier) {
    const commands = [...earlier.values()].filter(({ id }) => !LASTING.test(id));
    const peaks = commands.flatMap(({ ours }) => (ours === null ? [] : [ours.peakMb]));
    if (peaks.length === 0) return leftOut("it needs another row");
    return { ours: null, theirs: null, value: Math.max(...peaks), leftOut: null };
  },
};

/** The longest PING of a second client of Redis during the work, one a millisecond. */
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
  const { stdout, peakMb } = await working;
  return { seconds: worst / 1000, peakMb, stdout };
}

const latency: Row = {
  about: {
    ...{ id: "latency", work: "worst PING of a second client during a first sync", peer: pipe.name },
    target: { limit: 10, unit: "ms" },
  },
  async measure(site, runs) {
    await pipe.prepare!(site);
    const measured = [firstSync, pipe].map((work) => ({ work, costs: [] as Cost[] }));
    for (let run = 0; run < runs; run++) {
      for (const { work, costs } of measured) {
        await work.before!(site);
        costs.push(await worstPing(site.redis.port, () => work.run(site)));
      }
    }
    const [ours, theirs] = measured.map(({ costs }) => summaryOf(costs));
    return { ours: ours!, theirs: theirs!, value: ours!.median * 1000, leftOut: null };
  },
};

export const LIMIT_ROWS = [latency, memory];
