import { describe, expect, it } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import { RedisClient } from "../../../src/store/redis/client.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { targetAt } from "../../helpers/targets.ts";
import { useMirror } from "./setup.ts";

describe("a page of an index", () => {
  const here = useMirror();
  const whole = async (mirror: Writable<Mirror>) => {
    const page = await mirror.page({ userId: undefined, since: null, until: null }, 0, 20);
    return { ...page, tasks: await mirror.read(page.members) };
  };
  const namesOf = ({ tasks }: Awaited<ReturnType<typeof whole>>) =>
    tasks.map((task) => (task instanceof TtsctlError ? task.code : task && `${task.userId}:${task.taskId}`));

  /** The same server, for a user that may read and run no script. */
  async function reader(): Promise<Writable<Mirror>> {
    await here.server.call("ACL", "SETUSER", "reader", "on", ">secret", "~tts:*", "-@all", "+@read", "+@connection");
    const target = targetAt(here.server.port, { username: "reader", password: "secret" });
    return writable(new Mirror(await RedisClient.connect(target), RULES));
  }

  it("has a hole for each member that isn't a task: no hash, a key of another type, a malformed member", async () => {
    const server = here.server;
    await writeToMirror(here.mirror, [taskOf(record("alice", "t1"))]);
    await server.call("SET", "tts:task:alice:wrong", "text");
    const payload = JSON.stringify(record("alice", "odd"));
    await server.call("HSET", "tts:task:odd", "payload", payload, "updated_at", "2024-01-01T00:00:00");
    for (const member of ["alice:gone", "alice:wrong", "odd"]) await server.call("ZADD", "tts:tasks:index", 1, member);
    const page = await whole(here.mirror);
    expect(page.total).toBe(4);
    expect(namesOf(page)).toEqual(["alice:t1", undefined, "REDIS_FAILED", undefined]);
    const without = await reader();
    expect(namesOf(await whole(without))).toEqual(namesOf(page));
    without.close();
  });
});
