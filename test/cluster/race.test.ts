import { afterEach, beforeEach, expect, it } from "vitest";
import { TtsctlError } from "../../src/errors.ts";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { removeFromMirror, writeToMirror } from "../../src/store/redis/write.ts";
import type { Task } from "../../src/task/task.ts";
import { toMicros } from "../../src/task/time.ts";
import { Chance } from "../faults/helpers/chance.ts";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { LONG } from "../helpers/long.ts";
import { record, taskOf } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";

const INDEX = "tts:tasks:index";
const USERS = 3;
const TASKS = 24;
const WRITES = LONG ? 1500 : 300;

let cluster: RedisCluster;
const mirrors: Mirror[] = [];
beforeEach(async () => {
  cluster = await sharedCluster();
});
afterEach(() => {
  for (const mirror of mirrors.splice(0)) mirror.close();
});

async function connected(): Promise<Mirror> {
  const mirror = await connectMirror(cluster);
  mirrors.push(mirror);
  return mirror;
}

/** What the store file of the service would hold: of each task the record that was put there last, or none. */
class TheFile {
  readonly records = new Map<string, Task>();
  #micros = 1_700_000_000_000_000;

  /** A task as the service changes it, with a later time than all before. */
  put(user: string, task: string): Task {
    this.#micros += 1 + (this.#micros % 7);
    const made = taskOf(record(user, task, { status: "running", updated_at: this.#micros / 1e6 }));
    this.records.set(nameOf(made), made);
    return made;
  }
}

function nameOf({ userId, taskId }: { userId: string; taskId: string }): string {
  return `${userId}:${taskId}`;
}

/** Writes as the service does: the file, then the hash and each index separately, without a lock or a guard. */
async function serve(file: TheFile, chance: Chance): Promise<void> {
  for (let i = 0; i < WRITES; i++) {
    const task = file.put(`user${chance.below(USERS)}`, `t${chance.below(TASKS)}`);
    const { userId, taskId, status, error, createdAt, updatedAt, json, score } = task;
    const ids = ["user_id", userId, "task_id", taskId, "status", status, "error", error];
    const times = ["created_at", createdAt, "updated_at", updatedAt, "payload", json];
    await cluster.call("HSET", `tts:task:${userId}:${taskId}`, ...ids, ...times);
    await cluster.call("ZADD", INDEX, score, `${userId}:${taskId}`);
    await cluster.call("ZADD", `tts:user:${userId}:index`, score, taskId);
  }
}

/** Pushes the file's tasks, as a sync does, until stopped. */
async function syncAll(file: TheFile, isOver: () => boolean): Promise<void> {
  const mirror = await connected();
  while (!isOver()) {
    const outcomes = await writeToMirror(mirror, [...file.records.values()]);
    for (const outcome of outcomes) if (outcome instanceof TtsctlError) expect(outcome.message).toContain("changes in");
  }
}

/** Removes tasks, as a cleanup does, and then their records, unless the service changed them. */
async function removeSome(file: TheFile, chance: Chance, isOver: () => boolean): Promise<void> {
  const mirror = await connected();
  while (!isOver()) {
    const chosen = [...file.records.values()].filter(() => chance.below(10) === 0);
    const outcomes = await removeFromMirror(
      mirror,
      chosen.map((id) => ({ id, before: toMicros(id.score) })),
    );
    chosen.forEach((task, i) => {
      if (outcomes[i] !== "removed" || file.records.get(nameOf(task)) !== task) return;
      file.records.delete(nameOf(task));
    });
  }
}

interface State {
  readonly hash: Record<string, string>;
  readonly scores: (string | null)[];
}

async function stateOf(userId: string, taskId: string): Promise<State> {
  return {
    hash: await cluster.hash(`tts:task:${userId}:${taskId}`),
    scores: [
      (await cluster.call("ZSCORE", INDEX, `${userId}:${taskId}`)) as string | null,
      (await cluster.call("ZSCORE", `tts:user:${userId}:index`, taskId)) as string | null,
    ],
  };
}

async function* states(): AsyncGenerator<State & { name: string }> {
  for (let user = 0; user < USERS; user++) {
    for (let task = 0; task < TASKS; task++) {
      yield { name: `user${user}:t${task}`, ...(await stateOf(`user${user}`, `t${task}`)) };
    }
  }
}

it("syncs beside a service that writes without locks leave everything in sync", async () => {
  const file = new TheFile();
  let over = false;
  const service = serve(file, new Chance("service")).finally(() => {
    over = true;
  });
  await Promise.all([service, syncAll(file, () => over), syncAll(file, () => over)]);
  for await (const { name, hash, scores } of states()) {
    const task = file.records.get(name);
    expect(hash.payload, `TTSCTL_SEED=${SEED}: ${name}`).toBe(task?.json);
    expect(scores.map(Number), `TTSCTL_SEED=${SEED}: ${name}`).toEqual([task?.score ?? 0, task?.score ?? 0]);
  }
});

it("syncs and removals beside it leave no hash without its members, and no wrong score", async () => {
  const file = new TheFile();
  let over = false;
  const service = serve(file, new Chance("service that is cleaned up")).finally(() => {
    over = true;
  });
  const chance = new Chance("removals");
  await Promise.all([service, syncAll(file, () => over), removeSome(file, chance, () => over)]);
  for await (const { name, hash, scores } of states()) {
    if (hash.updated_at === undefined) continue; // what the service added after its hash was removed may dangle
    const score = taskOf(JSON.parse(hash.payload!)).score;
    expect(scores.map(Number), `TTSCTL_SEED=${SEED}: ${name}`).toEqual([score, score]);
  }
});
