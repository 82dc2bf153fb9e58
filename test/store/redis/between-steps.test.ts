import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisClient } from "../../../src/store/redis/client.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { removeFromMirror, writeToMirror } from "../../../src/store/redis/write.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { Chance } from "../../faults/helpers/chance.ts";
import { API_MS_RULES, record, taskIn } from "../../helpers/records.ts";
import { RedisServer } from "../../helpers/redis.ts";
import { SteppedCommands, Stepper } from "../../helpers/stepped.ts";
import { targetAt } from "../../helpers/targets.ts";

const AT = 1_600_000_000;
const KEY = "tts:task:alice:t1";
const INDEX = "tts:tasks:index";
const USER_INDEX = "tts:user:alice:index";
const LOOKUP = "tts:task_lookup:t1";

const task = (updatedAt: number, status = "succeeded") =>
  taskIn(API_MS_RULES, record("alice", "t1", { created_at: AT, updated_at: updatedAt, status }));

let server: RedisServer;
let client: RedisClient;
let mirror: Writable<Mirror>;
beforeAll(async () => {
  server = await RedisServer.start();
  client = await RedisClient.connect(targetAt(server.port));
  mirror = writable(new Mirror(client, API_MS_RULES));
});
afterAll(async () => {
  client.close();
  await server.remove();
});
beforeEach(() => server.call("FLUSHALL"));

const isThere = async (key: string) => (await server.call("EXISTS", key)) === 1;
const scores = async () => [
  await server.call("ZSCORE", INDEX, "alice:t1"),
  await server.call("ZSCORE", USER_INDEX, "t1"),
];

/** Works on copies as in a cluster, a command at a time; the first time that something is so, something else comes between. */
async function between<T>(
  isSo: () => Promise<boolean>,
  comes: () => Promise<unknown>,
  work: (mirror: Writable<Mirror>) => Promise<T>,
) {
  let came = false;
  const stepper = new Stepper(new Chance("between steps"), async () => {
    if (came || !(await isSo())) return;
    came = true;
    await comes();
  });
  const commands = new SteppedCommands(client, stepper, { who: "ttsctl", isCluster: true });
  const [result] = await stepper.run([() => work(writable(new Mirror(commands, API_MS_RULES)))]);
  expect(came).toBe(true);
  return result!;
}

/** As a service writes: each command separately. */
async function serve(updatedAt: number): Promise<void> {
  const { layout } = mirror;
  const values = layout.valuesOf(task(updatedAt, "running"));
  await server.call("HSET", KEY, ...layout.fields.flatMap((name, i) => [name, values[i]!]));
  await server.call("ZADD", INDEX, updatedAt, "alice:t1");
  await server.call("ZADD", USER_INDEX, updatedAt, "t1");
  await server.call("SET", LOOKUP, "alice");
}

describe("a removal in a cluster", () => {
  const remove = (changed: Writable<Mirror>) =>
    removeFromMirror(changed, [{ id: { userId: "alice", taskId: "t1" }, before: AT }]);

  it.each([
    { what: "in the same second", score: AT, served: AT },
    { what: "later, below a score that was too high", score: AT + 5, served: AT + 2 },
  ])("restores members and lookup of a task that a service writes again $what", async ({ score, served }) => {
    await writeToMirror(mirror, [task(AT)]);
    await server.call("ZADD", INDEX, score, "alice:t1");
    await server.call("ZADD", USER_INDEX, score, "t1");
    const hasNoHash = async () => !(await isThere(KEY));
    expect(await between(hasNoHash, () => serve(served), remove)).toEqual(["removed"]);
    expect(await server.call("HGET", KEY, "status")).toBe("running");
    expect(await scores()).toEqual([`${served}`, `${served}`]);
    expect(await server.call("GET", LOOKUP)).toBe("alice");
  });

  it("restores a removed lookup if the hash appeared before that", async () => {
    await writeToMirror(mirror, [task(AT)]);
    const hasNoMembers = async () => !(await isThere(INDEX)) && !(await isThere(USER_INDEX));
    expect(await between(hasNoMembers, () => serve(AT + 1), remove)).toEqual(["removed"]);
    expect(await scores()).toEqual([`${AT + 1}`, `${AT + 1}`]);
    expect(await server.call("GET", LOOKUP)).toBe("alice");
  });
});

describe("a write in a cluster", () => {
  const write = (changed: Writable<Mirror>) => writeToMirror(changed, [task(AT)]);
  const areMembersAlone = async () => (await isThere(INDEX)) && (await isThere(USER_INDEX)) && !(await isThere(KEY));

  it("inserts its members again if a removal that had found no hash removed them", async () => {
    const take = async () => {
      await server.call("ZREM", INDEX, "alice:t1");
      await server.call("ZREM", USER_INDEX, "t1");
    };
    expect(await between(areMembersAlone, take, write)).toEqual(["written"]);
    expect(await scores()).toEqual([`${AT}`, `${AT}`]);
  });

  it("is done if its hash was removed right after, and takes its members back", async () => {
    const remove = () => server.call("FLUSHALL");
    expect(await between(() => isThere(KEY), remove, write)).toEqual(["written"]);
    expect(await server.call("KEYS", "*")).toEqual([]);
  });

  it("names a lookup that became something else after the look at it", async () => {
    const spoil = () => server.call("HSET", LOOKUP, "a", "b");
    expect(await between(() => isThere(KEY), spoil, write)).toEqual([
      expect.objectContaining({ code: "REDIS_FAILED" }),
    ]);
    expect(await scores()).toEqual([`${AT}`, `${AT}`]);
  });
});
