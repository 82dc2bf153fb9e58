import { beforeEach, expect, it } from "vitest";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { slotOf } from "../../src/store/redis/slots.ts";
import type { Writable } from "../../src/store/writable.ts";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";

const INDEX = "tts:tasks:index";
const SLOT = slotOf(INDEX);
const MEMBERS = 5000;

let cluster: RedisCluster;

let mirror: Writable<Mirror>;
beforeEach(async () => {
  cluster = await sharedCluster();
  mirror = await connectMirror(cluster);
  return () => mirror.close();
});

/** The node that has the index, and another. */
async function ends() {
  const from = await cluster.serverOf(INDEX);
  return { from, to: cluster.primaries.find((node) => node !== from)! };
}

it("a walk over an index sees every member, though the index moves under it", async () => {
  const flat = Array.from({ length: MEMBERS }, (_, i) => [i, `alice:t${i}`]).flat();
  await cluster.call("ZADD", INDEX, ...flat);
  const { from, to } = await ends();
  const seen = new Set<string>();
  let steps = 0;
  for await (const step of mirror.walkIndex(undefined)) {
    for (let i = 0; i < step.length; i += 2) seen.add(step[i]!);
    if (++steps !== 2) continue;
    await cluster.beginMove(SLOT, from, to);
    await cluster.endMove(SLOT, from, to);
  }
  expect(seen.size).toBe(MEMBERS);
});
