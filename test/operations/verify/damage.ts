import type { Kind } from "../../../src/operations/verify/classify.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RedisServer } from "../../helpers/redis.ts";
import type { RecordJson, ServiceRoot } from "../../helpers/root.ts";

/** What has a store file and a Redis. */
export interface Damaged {
  readonly root: ServiceRoot;
  readonly server: RedisServer;
}

/** One way to bring a task out of sync, as by hand or by a service. */
export interface Damage {
  readonly what: string;
  readonly kind: Kind;
  /** The task is in the file no more. */
  readonly gone?: boolean;
  make(site: Damaged, userId: string, taskId: string): unknown;
}

const hash = (userId: string, taskId: string) => `tts:task:${userId}:${taskId}`;
const index = (userId: string) => `tts:user:${userId}:index`;
const GLOBAL = "tts:tasks:index";

function editFile(
  { root }: Damaged,
  userId: string,
  taskId: string,
  change: (record: RecordJson) => RecordJson[],
): void {
  root.writeStore(
    root.readStore().flatMap((item) => (item.user_id === userId && item.task_id === taskId ? change(item) : [item])),
  );
}

const forget = (site: Damaged, userId: string, taskId: string) => editFile(site, userId, taskId, () => []);

const score = (userId: string, taskId: string) => taskOf(record(userId, taskId)).score;

export const DAMAGES: readonly Damage[] = [
  {
    what: "a hash of one late field",
    kind: "partial",
    async make({ server }, u, t) {
      await server.call("DEL", hash(u, t));
      await server.call("HSET", hash(u, t), "progress", "55");
    },
  },
  {
    what: "a hash of a time alone, newer than the file's",
    kind: "partial",
    async make({ server }, u, t) {
      await server.call("DEL", hash(u, t));
      await server.call("HSET", hash(u, t), "updated_at", "2024-01-01T00:00:00");
    },
  },
  {
    what: "a hash without status",
    kind: "partial",
    make: ({ server }, u, t) => server.call("HDEL", hash(u, t), "status"),
  },
  {
    what: "a hash without a user",
    kind: "partial",
    make: ({ server }, u, t) => server.call("HDEL", hash(u, t), "user_id"),
  },
  {
    what: "a hash with an invalid time",
    kind: "partial",
    make: ({ server }, u, t) => server.call("HSET", hash(u, t), "updated_at", "soon"),
  },
  {
    what: "a late field of a task that the file has not",
    kind: "partial",
    gone: true,
    async make(site, u, t) {
      forget(site, u, t);
      await site.server.call("DEL", hash(u, t));
      await site.server.call("HSET", hash(u, t), "progress", "55");
    },
  },
  { what: "members without a hash", kind: "dangling", make: ({ server }, u, t) => server.call("DEL", hash(u, t)) },
  {
    what: "members without a hash that the file does not know either",
    kind: "dangling",
    gone: true,
    async make(site, u, t) {
      forget(site, u, t);
      await site.server.call("DEL", hash(u, t));
    },
  },
  {
    what: "a member of the user's index alone",
    kind: "dangling",
    gone: true,
    async make(site, u, t) {
      forget(site, u, t);
      await site.server.call("DEL", hash(u, t));
      await site.server.call("ZREM", GLOBAL, `${u}:${t}`);
    },
  },
  {
    what: "a task that only the file has",
    kind: "onlyInFile",
    async make({ server }, u, t) {
      await server.call("DEL", hash(u, t));
      await server.call("ZREM", GLOBAL, `${u}:${t}`);
      await server.call("ZREM", index(u), t);
    },
  },
  { what: "a task that only Redis has", kind: "onlyInRedis", gone: true, make: forget },
  {
    what: "a task that only Redis has, in no index",
    kind: "onlyInRedis",
    gone: true,
    async make(site, u, t) {
      forget(site, u, t);
      await site.server.call("ZREM", GLOBAL, `${u}:${t}`);
      await site.server.call("ZREM", index(u), t);
    },
  },
  {
    what: "a stale hash",
    kind: "stale",
    make: (site, u, t) =>
      editFile(site, u, t, (item) => [{ ...item, status: "failed", updated_at: "2020-01-02T00:00:00" }]),
  },
  {
    what: "a record that Redis has newer",
    kind: "newerInRedis",
    make: ({ server }, u, t) =>
      server.call("HSET", hash(u, t), "status", "failed", "error", "显存不足", "updated_at", "2020-01-02T00:00:00"),
  },
  {
    what: "another status at the same time",
    kind: "differs",
    make: ({ server }, u, t) => server.call("HSET", hash(u, t), "status", "running"),
  },
  {
    what: "an error that the file has not",
    kind: "differs",
    make: ({ server }, u, t) => server.call("HSET", hash(u, t), "error", "x"),
  },
  {
    what: "another text at the same time",
    kind: "differs",
    make: (site, u, t) => editFile(site, u, t, (item) => [{ ...item, text: "新" }]),
  },
  {
    what: "a hash without payload",
    kind: "differs",
    make: ({ server }, u, t) => server.call("HDEL", hash(u, t), "payload"),
  },
  {
    what: "a payload that isn't JSON",
    kind: "differs",
    make: ({ server }, u, t) => server.call("HSET", hash(u, t), "payload", "{"),
  },
  {
    what: "a task that misses in the global index",
    kind: "unindexed",
    make: ({ server }, u, t) => server.call("ZREM", GLOBAL, `${u}:${t}`),
  },
  {
    what: "a task that misses in its user's index",
    kind: "unindexed",
    make: ({ server }, u, t) => server.call("ZREM", index(u), t),
  },
  {
    what: "a wrong score in the global index",
    kind: "wrongScore",
    make: ({ server }, u, t) => server.call("ZADD", GLOBAL, 1, `${u}:${t}`),
  },
  {
    what: "a score that is a microsecond off",
    kind: "wrongScore",
    make: ({ server }, u, t) => server.call("ZADD", index(u), score(u, t) + 0.000001, t),
  },
  {
    what: "a member in the index of another user",
    kind: "misplaced",
    make: ({ server }, u, t) => server.call("ZADD", index("stranger"), score(u, t), t),
  },
];
