import { rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Cost } from "../cost.ts";
import { expectThat } from "../expect.ts";
import { leftOut, median, summaryOf } from "../result.ts";
import type { Row } from "../row.ts";
import { LONG_AGO, type Site } from "../site.ts";

/** How much larger the memory was at the end of the load than in its second quarter. */
const growths = new WeakMap<Site, number>();

/** The load uses a new JSON Lines file, with Redis behind it. */
async function load(site: Site): Promise<{ cost: Cost; upserts: number; memory: number[] }> {
  const folder = site.scratch("lines");
  const [store, config] = [join(folder, "voice_task.jsonl"), site.root.at("config.ini")];
  await site.makeStore(folder, { shape: "jsonl" });
  utimesSync(store, LONG_AGO, LONG_AGO);
  await site.mirrorToChange();
  const { project, binary, loadSeconds } = site.place;
  const program = join(project, "bench/peers/library-load.mjs");
  const library = join(binary, "../../dist/library.mjs");
  const cost = await site.run([process.execPath, program, library, config, store, `${loadSeconds}`]);
  const { total } = JSON.parse((await site.ttsctl(`list --store ${store} --source file -o json`)).stdout);
  expectThat(total === site.tasks, `${total} tasks are in the file`);
  rmSync(folder, { recursive: true });
  const { upserts, seconds, memory } = JSON.parse(cost.stdout) as {
    upserts: number;
    seconds: number;
    memory: number[];
  };
  return { cost: { ...cost, seconds: seconds / upserts }, upserts, memory };
}

const library: Row = {
  about: {
    ...{ id: "library", work: "library: durable upserts a second, 64 waiting at a time", peer: "" },
    target: { limit: 5000, unit: "/s", atLeast: true },
  },
  async measure(site) {
    const { cost, memory } = await load(site);
    const quarter = (number: number) =>
      memory.slice((memory.length * number) >> 2, (memory.length * (number + 1)) >> 2);
    growths.set(site, median(quarter(3)) / median(quarter(1)));
    return { ours: summaryOf([cost]), theirs: null, value: 1 / cost.seconds, leftOut: null };
  },
};

const growth: Row = {
  about: {
    ...{ id: "library-memory", work: "library: memory at the end of that load", peer: "its second quarter" },
    target: { limit: 1.2, unit: "×" },
  },
  async measure(site) {
    const value = growths.get(site);
    return value === undefined
      ? leftOut("it needs the row library")
      : { ours: null, theirs: null, value, leftOut: null };
  },
};

export const LIBRARY_ROWS = [library, growth];
