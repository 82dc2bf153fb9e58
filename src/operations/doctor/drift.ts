import { batches } from "../../store/batches.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { RedisCommands } from "../../store/redis/commands.ts";
import { type RedisCopy, timeOf } from "../../store/redis/copy.ts";
import { INDEX_KEY } from "../../store/redis/keys.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { counted } from "../../task/amounts.ts";
import type { Task } from "../../task/task.ts";
import { classify } from "../verify/classify.ts";
import { KINDS, type Kind } from "../verify/kinds.ts";
import { type Check, ok, type Verdict, warn } from "./check.ts";

/** How many tasks of each store are compared, and how many in one call: whole records come back. */
const SAMPLE = 250;
const BATCH = 125;
/** Seconds; a task that changed later may be in the midst of a double write. */
const LATELY = 60;

/** A sample of both stores, compared as `verify` compares all. */
export const drift: Check = {
  name: "drift",
  run: async (probe) => {
    const [snapshot, client, mirror] = [await probe.snapshot(), await probe.client(), await probe.mirror()];
    const members = await randomMembers(client, mirror);
    const ids = uniqueIds([
      ...randomTasks(snapshot),
      ...members.filter(({ userId, taskId }) => !snapshot.hasInvalid(userId, taskId)),
    ]);
    const counts = new Map<Kind, number>();
    for (const batch of batches(ids, BATCH)) {
      for (const kind of await kindsOf(batch, { snapshot, mirror, latest: probe.parts.clock.now() - LATELY })) {
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    }
    return driftVerdict(counts, ids.length);
  },
};

const WORDS: Record<Kind, string> = {
  partial: "with a partial hash",
  dangling: "in an index without a hash",
  onlyInFile: "only in the file",
  onlyInRedis: "only in Redis",
  stale: "older in Redis",
  newerInRedis: "newer in Redis",
  differs: "that differ at the same time",
  unindexed: "missing in an index",
  wrongScore: "with a wrong score",
  misplaced: "in the index of another user",
};

export function driftVerdict(counts: ReadonlyMap<Kind, number>, sample: number): Verdict {
  const found = KINDS.filter((kind) => counts.has(kind)).map((kind) => `${counts.get(kind)} ${WORDS[kind]}`);
  const looked = `a sample of ${counted(sample, "task")}`;
  if (found.length === 0) return ok(`none in ${looked} of both stores`);
  return warn(
    `in ${looked}: ${found.join(", ")}`,
    "`ttsctl verify` counts all; `ttsctl sync` writes to Redis what only the file has, or has newer; `ttsctl verify --repair --dry-run` plans how to mend the rest",
  );
}

async function kindsOf(
  ids: readonly TaskId[],
  { snapshot, mirror, latest }: { snapshot: Snapshot; mirror: Mirror; latest: number },
): Promise<Kind[]> {
  const copies = await mirror.fullCopies(ids);
  const rows = ids.map(({ userId, taskId }) => snapshot.rowOf(userId, taskId));
  const tasks = await snapshot.readTasks(rows.filter((row) => row >= 0));
  const records = rows.map((row) => (row >= 0 ? tasks.shift()! : null));
  return ids.flatMap((_, i) => {
    const [record, copy] = [records[i]!, copies[i]!];
    if (isLate(record, copy, mirror, latest)) return [];
    const finding = classify(record, copy, mirror);
    return finding === "inSync" || finding === "absent" ? [] : [finding];
  });
}

function isLate(record: Task | null, copy: RedisCopy, mirror: Mirror, latest: number): boolean {
  return (record?.score ?? 0) > latest || timeOf(copy, mirror) > latest;
}

/** Some tasks of the file, each as likely as another. */
function randomTasks(snapshot: Snapshot): TaskId[] {
  const chosen: number[] = [];
  let seen = 0;
  for (const row of snapshot.liveRows()) {
    const place = seen < SAMPLE ? seen : Math.floor(Math.random() * (seen + 1));
    if (place < SAMPLE) chosen[place] = row;
    seen++;
  }
  const { rows } = snapshot;
  return chosen.map((row) => ({ userId: rows.keys.userId(rows.key(row)), taskId: rows.keys.taskId(rows.key(row)) }));
}

async function randomMembers(client: RedisCommands, { layout }: Mirror): Promise<TaskId[]> {
  const members = (await client.command("ZRANDMEMBER", INDEX_KEY, SAMPLE)) as string[];
  return members.map((member) => layout.splitMember(member));
}

function uniqueIds(ids: readonly TaskId[]): TaskId[] {
  return [...new Map(ids.map((id) => [JSON.stringify([id.userId, id.taskId]), id])).values()];
}
