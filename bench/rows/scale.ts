import { writeFileSync } from "node:fs";
import type { Cost } from "../cost.ts";
import { compared, type Work } from "../row.ts";
import { page } from "./start.ts";
import { firstSync } from "./sync.ts";

/** The cost of one task in a sync, without the cost of an empty sync. */
const syncPerTask: Work = {
  ...firstSync,
  name: "`sync` into an empty Redis, for each task",
  async prepare(site) {
    writeFileSync(site.scratch("nothing.json"), "[]");
  },
  async run(site): Promise<Cost> {
    const nothing = await site.ttsctl(`sync -q --store ${site.scratch("nothing.json")}`);
    const cost = await firstSync.run(site);
    const each = (whole: number, start: number) => (whole - start) / site.tasks;
    const cpuSeconds = each(cost.cpuSeconds!, nothing.cpuSeconds!);
    return { ...cost, cpuSeconds, seconds: each(cost.seconds, nothing.seconds) };
  },
};

/** The same work at the small site. */
function withFewer(work: Work): Work {
  return {
    name: "the same with 10,000 tasks",
    prepare: async ({ small }) => work.prepare?.(small!),
    before: async ({ small }) => work.before?.(small!),
    run: ({ small }) => work.run(small!),
    check: ({ small }, cost) => work.check(small!, cost),
  };
}

export const SCALE_ROWS = [
  compared({ id: "scale-sync", target: 1.3, ours: syncPerTask, peer: withFewer(syncPerTask) }),
  compared({ id: "scale-page", target: 1.2, times: 4, ours: page, peer: withFewer(page) }),
];
