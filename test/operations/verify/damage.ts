import type { Kind } from "../../../src/operations/verify/drift.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RedisServer } from "../../helpers/redis.ts";
import type { RecordJson, ServiceRoot } from "../../helpers/root.ts";

/** One way to bring a task out of sync, as by hand or by a service. */
interface Damage {
  readonly what: string;
  readonly kind: Kind;
  /** The task is in the file no more. */
  readonly gone: boolean;
  make(site: { root: ServiceRoot; server: RedisServer }, userId: string, taskId: string): Promise<void>;
}

/**
 * Commands for Redis, where HASH is the task's, ALL the global index, MEMBER the task in it, OWN its user's index and TASK the
 * task in that; and what changes in the file.
 */
const ROWS: readonly [what: string, kind: Kind, commands: string, inFile?: "gone" | Partial<RecordJson>][] = [
  ["a hash of one late field", "partial", "DEL HASH; HSET HASH progress 55"],
  ["a hash of a time alone, newer than the file's", "partial", "DEL HASH; HSET HASH updated_at 2024-01-01T00:00:00"],
  ["a hash without status", "partial", "HDEL HASH status"],
  ["a hash without a user", "partial", "HDEL HASH user_id"],
  ["a hash with an invalid time", "partial", "HSET HASH updated_at soon"],
  ["a late field of a task that the file has not", "partial", "DEL HASH; HSET HASH progress 55", "gone"],
  ["members without a hash", "dangling", "DEL HASH"],
  ["members without a hash that the file does not know either", "dangling", "DEL HASH", "gone"],
  ["a member of the user's index alone", "dangling", "DEL HASH; ZREM ALL MEMBER", "gone"],
  ["a task that only the file has", "onlyInFile", "DEL HASH; ZREM ALL MEMBER; ZREM OWN TASK"],
  ["a task that only Redis has", "onlyInRedis", "", "gone"],
  ["a task that only Redis has, in no index", "onlyInRedis", "ZREM ALL MEMBER; ZREM OWN TASK", "gone"],
  ["a stale hash", "stale", "", { status: "failed", updated_at: "2020-01-02T00:00:00" }],
  ["a newer record", "newerInRedis", "HSET HASH status failed error 显存不足 updated_at 2020-01-02T00:00:00"],
  ["another status at the same time", "differs", "HSET HASH status running"],
  ["an error that the file has not", "differs", "HSET HASH error x"],
  ["another text at the same time", "differs", "", { text: "新" }],
  ["a hash without payload", "differs", "HDEL HASH payload"],
  ["a payload that isn't JSON", "differs", "HSET HASH payload {"],
  ["a task that misses in the global index", "unindexed", "ZREM ALL MEMBER"],
  ["a task that misses in its user's index", "unindexed", "ZREM OWN TASK"],
  ["a wrong score in the global index", "wrongScore", "ZADD ALL 1 MEMBER"],
  ["a score that is a microsecond off", "wrongScore", "ZADD OWN LATER TASK"],
  ["a member in the index of another user", "misplaced", "ZADD tts:user:stranger:index SCORE TASK"],
];

export const DAMAGES = ROWS.map(([what, kind, commands, inFile]): Damage => {
  return {
    ...{ what, kind, gone: inFile === "gone" },
    async make({ root, server }, user, task) {
      const { score } = taskOf(record(user, task));
      const words: Record<string, string> = {
        ...{ HASH: `tts:task:${user}:${task}`, ALL: "tts:tasks:index", OWN: `tts:user:${user}:index` },
        ...{ MEMBER: `${user}:${task}`, TASK: task, SCORE: `${score}`, LATER: `${score + 0.000001}` },
      };
      const changed = (item: RecordJson) => (inFile === "gone" ? [] : [{ ...item, ...inFile }]);
      const isOther = (item: RecordJson) => item.user_id !== user || item.task_id !== task;
      root.writeStore(root.readStore().flatMap((item) => (isOther(item) ? [item] : changed(item))));
      for (const command of commands === "" ? [] : commands.split("; "))
        await server.call(...(command.split(" ").map((word) => words[word] ?? word) as [string, ...string[]]));
    },
  };
});
