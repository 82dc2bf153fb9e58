import { afterEach, describe, expect, it } from "vitest";
import { TtsctlError } from "../../src/errors.ts";
import type { RedisCommands } from "../../src/store/redis/commands.ts";
import { connectRedis } from "../../src/store/redis/connect.ts";
import { Script } from "../../src/store/redis/script.ts";
import { RedisCluster } from "../helpers/cluster.ts";
import { ago, record } from "../helpers/records.ts";
import { targetAt } from "../helpers/targets.ts";
import { until } from "../helpers/until.ts";
import { Place } from "./setup.ts";

const INDEX = "tts:tasks:index";
const TIMEOUT_S = 2;
/** Longest wait: the timeout and a second. */
const LONGEST_MS = (TIMEOUT_S + 1) * 1000;

/** Ends what a test began, last first. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(): Promise<RedisCluster> {
  const cluster = await RedisCluster.start({ replicas: true });
  ends.push(() => cluster.remove());
  return cluster;
}

const COUNT = new Script("tts:count", "return redis.call('INCR', KEYS[1])");

/** Counts at new keys until it fails, and how long the last call took. */
async function countUntilLost(client: RedisCommands, sent: string[]): Promise<number> {
  for (;;) {
    const keys = Array.from({ length: 40 }, (_, i) => `n:${sent.length + i}`);
    sent.push(...keys);
    const began = performance.now();
    try {
      await client.pipeline(keys.slice(0, 20).map((key) => ["INCR", key]));
      await client.scripts(
        COUNT,
        keys.slice(20).map((key) => ({ keys: [key], args: [] })),
      );
    } catch (error) {
      expect(error).toBeInstanceOf(TtsctlError);
      return performance.now() - began;
    }
  }
}

describe("a primary that is lost under commands", () => {
  it.each(["is killed", "hangs"])("and %s has run none of them twice, nor has its replica", async (how) => {
    const cluster = await start();
    const client = await connectRedis({ ...targetAt(cluster.port, { timeout: TIMEOUT_S }), place: cluster.place });
    ends.push(() => client.close());
    const victim = await cluster.serverOf("n:0");
    const sent: string[] = [];
    const lost = countUntilLost(client, sent);
    await until(() => sent.length > 2000);
    if (how === "is killed") await victim.stop();
    else victim.suspend();
    expect(await lost).toBeLessThan(LONGEST_MS);
    await client.lost;
    const survivors = cluster.nodes.filter((node) => node !== victim);
    const replica = cluster.replicaOf(cluster.primaries.indexOf(victim));
    await until(async () => ((await replica.call("ROLE")) as string[])[0] === "master");
    if (how === "hangs") victim.resume();
    await until(async () => String(await survivors[0]!.call("CLUSTER", "INFO")).includes("cluster_state:ok"));
    const values = await Promise.all(sent.map((key) => cluster.call("GET", key)));
    expect(new Set(values.filter((value) => value !== null))).toEqual(new Set(["1"]));
    expect(values.filter((value) => value === "1").length).toBeGreaterThan(1000);
  });
});

describe("a primary that hangs", () => {
  async function place(): Promise<Place> {
    const here = new Place(await start());
    ends.push(() => here.remove());
    const { config } = here.cluster;
    here.root.write("config.ini", `[redis]\n${config}timeout = ${TIMEOUT_S}\n[service]\ntimezone = UTC\n`);
    const updated_at = ago(30 * 86_400);
    here.root.writeStore(Array.from({ length: 20_000 }, (_, i) => record(`user${i % 50}`, `t${i}`, { updated_at })));
    return here;
  }

  /** Suspends the node with the index of all tasks; how long after that some work took. */
  async function suspendAt(here: Place, work: () => Promise<unknown>): Promise<number> {
    const victim = await here.cluster.serverOf(INDEX);
    victim.suspend();
    ends.push(() => victim.resume());
    const began = performance.now();
    await work();
    return performance.now() - began;
  }

  it.each(["sync", "cleanup --once"])("under %s is waited for no longer than the timeout", async (line) => {
    const here = await place();
    const { cluster } = here;
    if (line !== "sync") await here.run("sync");
    const size = async () => Number(await cluster.call("ZCARD", INDEX));
    const run = here.start(line);
    await until(async () => (line === "sync" ? (await size()) > 1000 : (await size()) < 19_000), 60);
    let code: number | null = null;
    const took = await suspendAt(here, async () => {
      ({ code } = await run.end());
    });
    expect(took).toBeLessThan(LONGEST_MS + 1000); // it works on files too
    expect([3, 4]).toContain(code);
  });

  it("under serve is waited for no longer than the timeout, and the file answers", async () => {
    const here = await place();
    const serve = here.start("serve --port 0 --no-cleanup");
    ends.push(async () => {
      serve.kill("SIGKILL");
      await serve.end();
    });
    await serve.says(/http:\/\/127\.0\.0\.1:\d+/);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(serve.stdout + serve.stderr)![0];
    const list = async () => (await fetch(`${url}/voice-tasks?page_size=5`)).json() as Promise<{ source: string }>;
    await until(async () => (await list()).source === "redis", 60);
    let source = "";
    expect(
      await suspendAt(here, async () => {
        ({ source } = await list());
      }),
    ).toBeLessThan(LONGEST_MS);
    expect(source).toBe("file");
  });
});
