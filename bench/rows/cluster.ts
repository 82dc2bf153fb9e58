import { writeFileSync } from "node:fs";
import { RedisCluster } from "../../test/helpers/cluster.ts";
import type { Cost } from "../cost.ts";
import { expectThat } from "../expect.ts";
import { compared, type Work } from "../row.ts";
import { type Site, USER } from "../site.ts";

const IDS = 1000;
const clusters = new WeakMap<Site, RedisCluster>();

/** The cluster of a site: its mirror on three nodes. */
async function clusterOf(site: Site): Promise<RedisCluster> {
  const known = clusters.get(site);
  if (known !== undefined) return known;
  const cluster = await RedisCluster.start();
  clusters.set(site, cluster);
  await site.ttsctl("sync -q", site.root, environment(cluster));
  return cluster;
}

/** The variables that have ttsctl work with a cluster. */
export function environment(cluster: RedisCluster): Record<string, string> {
  const nodes = cluster.primaries.map(({ port }) => `127.0.0.1:${port}`);
  return { REDIS_CLUSTER: "true", REDIS_NODES: nodes.join(",") };
}

/** Reading from three nodes: its peer is the same from one. */
function reading(name: string, args: string, prepare: (site: Site) => Promise<void>) {
  const check = (site: Site, { stdout }: Cost) => {
    const { items } = JSON.parse(stdout) as { items: { task_id: string }[] };
    expectThat(items.length > 0, "no tasks");
    site.expectSame(`${name}, on one node and on three`, items.map(({ task_id }) => task_id).join(" "));
  };
  const one: Work = {
    name: "the same from one node",
    async prepare(site) {
      await site.wholeMirror();
      await prepare(site);
    },
    run: (site) => site.ttsctl(args.replace("FILE", site.scratch("some.json"))),
    check,
  };
  const three: Work = {
    name: `${name}, from a cluster of three`,
    prepare: async (site) => void (await clusterOf(site)),
    run: (site) =>
      site.ttsctl(args.replace("FILE", site.scratch("some.json")), site.root, environment(clusters.get(site)!)),
    check,
    async finish(site) {
      await clusters.get(site)?.remove();
      clusters.delete(site);
    },
  };
  return { ours: three, peer: one };
}

async function writeSome(site: Site): Promise<void> {
  const ids = await site.redis.call("ZRANGE", `tts:user:${USER}:index`, 0, IDS - 1);
  writeFileSync(site.scratch("some.json"), JSON.stringify({ user_id: USER, task_ids: ids }));
}

const list = reading("`list --user U` from Redis", `list --user ${USER} --source redis -o json`, async () => {});
const ids = reading("`query` of 1,000 ids from Redis", "query --file FILE --source redis -o json", writeSome);

export const CLUSTER_ROWS = [
  compared({ id: "cluster-page", target: 1.5, times: 4, ...list }),
  compared({ id: "cluster-ids", target: 1.5, times: 4, ...ids }),
];
