import { RedisCluster } from "../../test/helpers/cluster.ts";
import { RedisServer } from "../../test/helpers/redis.ts";
import { expectCounts } from "../expect.ts";
import { environment } from "../rows/cluster.ts";
import type { Site } from "../site.ts";
import type { Figure } from "./figure.ts";

/** A Redis of one node or of three, with ttsctl's settings for it. */
interface Deployment {
  readonly id: string;
  readonly name: string;
  readonly nodes: readonly RedisServer[];
  readonly env: Readonly<Record<string, string>>;
}

/** The costs of a first sync and of reads for one node, and for a cluster of three. */
export async function nodeFigures(site: Site): Promise<Figure[]> {
  const single = await RedisServer.start();
  const cluster = await RedisCluster.start();
  try {
    return [
      ...(await figuresOf(site, { id: "one", name: "one node", nodes: [single], env: { REDIS_URL: single.url } })),
      ...(await figuresOf(site, {
        ...{ id: "three", name: "a cluster of three", nodes: cluster.primaries },
        env: environment(cluster),
      })),
    ];
  } finally {
    await single.remove();
    await cluster.remove();
  }
}

async function figuresOf(site: Site, deployment: Deployment): Promise<Figure[]> {
  const { id, name, nodes, env } = deployment;
  const before = await cpuOf(nodes);
  const { stdout, seconds } = await site.ttsctl("sync -o json", site.root, env);
  expectCounts(stdout, { written: site.tasks, failed: 0 });
  const spent = (await cpuOf(nodes)).map((after, i) => ((after - before[i]!) / site.tasks) * 1e6);
  const micros = (what: string, value: number) => ({ id: `${id}-${what}`, value, unit: "µs" as const });
  return [
    { ...micros("sync", (seconds / site.tasks) * 1e6), what: `first sync to ${name}, for each task` },
    { ...micros("cpu", sum(spent)), what: `processor time of all its nodes, for each task` },
    { ...micros("busiest", Math.max(...spent)), what: "of the busiest of them" },
  ];
}

/** Processor seconds that each node has taken so far. */
async function cpuOf(nodes: readonly RedisServer[]): Promise<number[]> {
  const infos = await Promise.all(nodes.map((node) => node.call("INFO", "cpu")));
  return infos.map((info) =>
    sum([...String(info).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, time]) => Number(time))),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
