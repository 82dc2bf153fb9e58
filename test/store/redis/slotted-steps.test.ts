import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { RedisCopy } from "../../../src/store/layout/copy.ts";
import type { RedisCommands } from "../../../src/store/redis/commands.ts";
import { connectRedis } from "../../../src/store/redis/connect.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { type RedisCluster, sharedCluster } from "../../helpers/cluster.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { targetAt } from "../../helpers/targets.ts";

const [KEY, INDEX, USER_INDEX] = ["tts:task:alice:t1", "tts:tasks:index", "tts:user:alice:index"];
const at = (second: number) => taskOf(record("alice", "t1", { updated_at: `2024-01-01T00:00:0${second}` }));
const [OLD, OURS, THEIRS] = [at(1), at(2), at(3)];
/** More than an upsert or a removal has round trips. */
const STEPS = 12;

let cluster: RedisCluster;
let client: RedisCommands;
beforeAll(async () => {
  cluster = await sharedCluster();
});
beforeEach(async () => {
  await cluster.call("FLUSHALL");
  client = await connectRedis({ ...targetAt(cluster.port), place: cluster.place });
  await writeToMirror(new Mirror(client, RULES), [OLD]);
});
afterEach(() => client.close());

type Deed = () => Promise<unknown>;

/** A mirror before whose round trip of this number, counted from now, something else happens. */
function mirrorWith(deeds: ReadonlyMap<number, Deed>): Mirror {
  let count = 0;
  const commands = new Proxy(client, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "pipeline") return typeof value === "function" ? value.bind(target) : value;
      return async (...args: Parameters<RedisCommands["pipeline"]>) => {
        await deeds.get(count++)?.();
        return target.pipeline(...args);
      };
    },
  });
  return new Mirror(commands, RULES);
}

const hset: Deed = () =>
  cluster.call("HSET", KEY, "status", THEIRS.status, "updated_at", THEIRS.updatedAt, "payload", THEIRS.json);
const zadd: Deed = () => cluster.call("ZADD", INDEX, THEIRS.score, "alice:t1");
const zaddUser: Deed = () => cluster.call("ZADD", USER_INDEX, THEIRS.score, "t1");
const writes: Deed = async () => {
  for (const deed of [hset, zadd, zaddUser]) await deed();
};
const deletes: Deed = async () => {
  await cluster.call("DEL", KEY);
  await cluster.call("ZREM", INDEX, "alice:t1");
  await cluster.call("ZREM", USER_INDEX, "t1");
};

async function state() {
  return {
    time: (await cluster.call("HGET", KEY, "updated_at")) as string | null,
    scores: [await cluster.call("ZSCORE", INDEX, "alice:t1"), await cluster.call("ZSCORE", USER_INDEX, "t1")],
  };
}

const stateOf = (task: typeof OURS | null) => ({
  time: task?.updatedAt ?? null,
  scores: [task === null ? null : `${task.score}`, task === null ? null : `${task.score}`],
});

const steps = Array.from({ length: STEPS }, (_, i) => i);
const SEEN = { seen: OLD.updatedAt };

it.each(steps)("a complete write of the service before our round trip %i is kept", async (step) => {
  const [outcome] = await mirrorWith(new Map([[step, writes]])).upsert([{ task: OURS, ...SEEN }]);
  if (outcome === true && step >= STEPS - 1) await writes();
  const after = await state();
  expect([stateOf(THEIRS), ...(outcome === true ? [stateOf(OURS)] : [])]).toContainEqual(after);
});

it.each(steps)("so is one that is at it, from round trip %i on", async (step) => {
  const deeds = new Map([
    [step, hset],
    [step + 1, zadd],
    [step + 2, zaddUser],
  ]);
  const done = new Set<Deed>();
  const once = new Map(
    [...deeds].map(([number, deed]): [number, Deed] => [number, () => deed().finally(() => done.add(deed))]),
  );
  await mirrorWith(once).upsert([{ task: OURS, ...SEEN }]);
  for (const deed of [hset, zadd, zaddUser]) if (!done.has(deed)) await deed();
  expect(await state()).toEqual(stateOf(THEIRS));
});

it.each(steps)("a score that was too high is set, unless the service writes before round trip %i", async (step) => {
  await cluster.call("ZADD", INDEX, 9e9, "alice:t1");
  const [outcome] = await mirrorWith(new Map([[step, writes]])).upsert([{ task: OURS, ...SEEN }]);
  const after = await state();
  expect([stateOf(THEIRS), ...(outcome === true ? [stateOf(OURS)] : [])]).toContainEqual(after);
});

it.each(steps)(
  "a deletion by the service before round trip %i leaves nothing, or what was written after it",
  async (step) => {
    const [outcome] = await mirrorWith(new Map([[step, deletes]])).upsert([{ task: OURS, ...SEEN }]);
    const after = await state();
    if (outcome === false) expect(after).toEqual(stateOf(null));
    else expect([stateOf(null), stateOf(OURS)]).toContainEqual(after);
  },
);

it.each(steps)("a write of the service before round trip %i of a removal is not lost", async (step) => {
  const [copy] = await new Mirror(client, RULES).copies([OURS], "state");
  const [outcome] = await mirrorWith(new Map([[step, writes]])).remove([{ id: OURS, copy: copy as RedisCopy }]);
  const after = await state();
  expect([stateOf(THEIRS), ...(outcome === true ? [stateOf(null)] : [])]).toContainEqual(after);
});
