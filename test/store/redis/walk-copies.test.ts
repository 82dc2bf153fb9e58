import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RedisClient } from "../../../src/store/redis/client.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { targetAt } from "../../helpers/targets.ts";
import { useMirror } from "./setup.ts";

const AT = 1_704_067_200;

/** Each member with its reported time, in the order of arrival. */
async function walked(mirror: Writable<Mirror>, userId: string | undefined): Promise<[string, string | null][]> {
  const found: [string, string | null][] = [];
  for await (const { flat, times } of mirror.walkCopies(userId)) {
    for (let i = 0; i < flat.length; i += 2) found.push([flat[i]!, times === null ? null : times[i / 2]!]);
  }
  return found;
}

describe("a walk that reads copies", () => {
  const here = useMirror();

  /** The same server, for a user with these rights besides. */
  async function as(name: string, ...rights: string[]): Promise<Writable<Mirror>> {
    await here.server.call("ACL", "SETUSER", name, "on", ">secret", "~tts:*", ...rights);
    const target = targetAt(here.server.port, { username: name, password: "secret" });
    return writable(new Mirror(await RedisClient.connect(target), RULES));
  }

  it("skips no member although the last one of each step gets another score, among many with the same", async () => {
    const index = "tts:tasks:index";
    const names = Array.from({ length: 1700 }, (_, i) => `alice:t${i}`);
    await here.server.call("ZADD", index, ...names.flatMap((name) => [AT, name]));
    const client = await RedisClient.connect(targetAt(here.server.port));
    const script = client.script.bind(client);
    client.script = async (which, keys, args) => {
      const [last, score] = args.slice(4);
      if (score !== "" && last !== undefined) {
        await here.server.call("ZADD", index, AT + 9, Buffer.from(String(last), "hex").toString());
      }
      return script(which, keys, args);
    };
    const found = new Set((await walked(writable(new Mirror(client, RULES)), undefined)).map(([name]) => name));
    expect(names.filter((name) => !found.has(name))).toEqual([]);
    client.close();
  });

  /** What may be wrong with a copy. */
  const HARM: Record<string, (user: string, task: string) => (string | number)[]> = {
    "no hash": (user, task) => ["DEL", `tts:task:${user}:${task}`],
    "another kind of key": (user, task) => ["RENAME", "a string", `tts:task:${user}:${task}`],
    "no time": (user, task) => ["HDEL", `tts:task:${user}:${task}`, "updated_at"],
    "an empty time": (user, task) => ["HSET", `tts:task:${user}:${task}`, "updated_at", ""],
    "another score of its user": (user, task) => ["ZADD", `tts:user:${user}:index`, 5, task],
    "no member of its user": (user, task) => ["ZREM", `tts:user:${user}:index`, task],
    "another score": (user, task) => ["ZADD", "tts:tasks:index", 5, `${user}:${task}`],
    nothing: () => ["PING"],
  };

  it("reports the time of intact copies only, also without SORT_RO", async () => {
    const limited = await as("limited", "+@all", "-sort_ro");
    const users = ["alice", "bob*", "a->b"];
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...Object.keys(HARM)), { maxLength: 12 }), async (harms) => {
          await here.server.call("FLUSHALL");
          const records = harms.map((_, i) =>
            record(users[i % 3]!, `t:${i}`, { updated_at: `2024-01-01T00:00:${10 + i}` }),
          );
          await writeToMirror(here.mirror, records.map(taskOf));
          for (const [i, harm] of harms.entries()) {
            await here.server.call("SET", "a string", "x");
            await here.server.call(...HARM[harm]!(users[i % 3]!, `t:${i}`));
          }
          for (const userId of [undefined, ...users]) {
            const expected = harms.flatMap((harm, i): [string, string][] => {
              const isListed = userId === undefined || (userId === users[i % 3] && harm !== "no member of its user");
              const name = userId === undefined ? `${users[i % 3]}:t:${i}` : `t:${i}`;
              return isListed ? [[name, harm === "nothing" ? `2024-01-01T00:00:${10 + i}` : ""]] : [];
            });
            for (const mirror of [here.mirror, limited]) {
              expect((await walked(mirror, userId)).sort()).toEqual(expected.sort());
            }
          }
        }),
        { numRuns: 30 },
      );
    } finally {
      limited.close();
    }
  });

  it("misses none while a service moves tasks to the top, past the walk", async () => {
    const ids = Array.from({ length: 12_000 }, (_, i) => `u:t${String(i).padStart(4, "0")}`);
    await here.server.call("ZADD", "tts:tasks:index", ...ids.flatMap((id, i) => [AT + Math.floor(i / 3), id]));
    const found = new Set<string>();
    let steps = 0;
    for await (const { flat } of here.mirror.walkCopies(undefined)) {
      for (let i = 0; i < flat.length; i += 2) found.add(flat[i]!);
      if (steps === 0) await here.server.call("ZREM", "tts:tasks:index", ...ids.slice(7000));
      const moved = [flat[0]!, flat.at(-2)!, ...(steps > 6 ? ids.slice(5400, 6000) : [])];
      await here.server.call("ZADD", "tts:tasks:index", ...moved.flatMap((id, i) => [AT + 9000 + 999 * steps + i, id]));
      steps++;
    }
    expect(steps).toBeGreaterThan(10);
    expect(ids.slice(0, 7000).filter((id) => !found.has(id))).toEqual([]);
  });
});
