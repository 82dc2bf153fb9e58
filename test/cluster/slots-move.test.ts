import { beforeEach, expect, it } from "vitest";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { slotOf } from "../../src/store/redis/slots.ts";
import { writeToMirror } from "../../src/store/redis/write.ts";
import type { Writable } from "../../src/store/writable.ts";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { record, taskOf } from "../helpers/records.ts";

const INDEX = "tts:tasks:index";
const SLOT = slotOf(INDEX);
const NOW = "2024-01-01T00:00:00Z";
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

it.each(["stays", "moves"])("a full sync is marked while a slot is open and its mark %s", async (what) => {
  await mirror.beginSync("first");
  expect(await mirror.endSync("first", "2023")).toBe(true);
  const { from, to } = await ends();
  await cluster.beginMove(SLOT, from, to);
  await writeToMirror(mirror, [taskOf(record("alice", "t1"))]);
  await mirror.beginSync("second");
  expect(await mirror.syncedAt(undefined)).toBe("2023");
  const [mark] = ((await cluster.call("KEYS", "tts:ttsctl:synced:*")) as string[]).filter(
    (key) => slotOf(key) === SLOT,
  );
  if (what === "moves") await cluster.moveKeys(from, to, mark!);
  expect(await mirror.endSync("second", NOW)).toBe(true);
  expect(await mirror.syncedAt(undefined)).toBe(NOW);
  await cluster.endMove(SLOT, from, to);
  expect(await mirror.syncedAt(undefined)).toBe(NOW);
  expect(await cluster.call("GET", "tts:ttsctl:synced")).toBe(NOW);
});

it("a mark that is something else is replaced", async () => {
  await mirror.beginSync("token");
  for (const key of (await cluster.call("KEYS", "tts:ttsctl:synced:*")) as string[]) {
    if (slotOf(key) === SLOT) await cluster.call("SET", key, "odd");
  }
  await mirror.beginSync("token");
  expect(await mirror.endSync("token", NOW)).toBe(true);
});

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
