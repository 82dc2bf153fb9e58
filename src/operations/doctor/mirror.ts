import { batches } from "../../store/batches.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type RedisCopy, timeOf } from "../../store/layout/copy.ts";
import { INDEX_KEY } from "../../store/layout/keys.ts";
import type { RedisCommands } from "../../store/redis/commands.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { counted, formatAge } from "../../task/amounts.ts";
import type { Task } from "../../task/task.ts";
import { allowedSkew, checkFileLayout, checkLayout, checkTimezone, layoutSigns } from "../safety.ts";
import { classify, KINDS, type Kind } from "../verify/classify.ts";
import { type Check, fail, ok, type Probe, type Verdict, warn } from "./probe.ts";

const clock: Check = {
  name: "clock",
  run: async (probe) => {
    const mirror = await probe.mirror();
    const { parts, cleanup } = probe;
    const before = parts.clock.now();
    const theirs = await mirror.time();
    const skew = Math.abs(theirs - (before + parts.clock.now()) / 2);
    const allowed = cleanup.retention > 0 ? allowedSkew(cleanup.retention) : allowedSkew(Number.POSITIVE_INFINITY);
    if (skew <= allowed) return ok(`${skew.toFixed(2)} s from Redis's`);
    const detail = `${Math.round(skew)} s from Redis's: cleanup purges nothing`;
    return fail(detail, "set the clocks of both machines (NTP)");
  },
};

const layout: Check = {
  name: "layout",
  run: async (probe) => {
    const mirror = await probe.mirror();
    const inForce = probe.rules.layout;
    await checkLayout(mirror);
    const snapshot = await probe.read().catch(() => null);
    if (snapshot !== null) await checkFileLayout(snapshot, mirror);
    const signs = await layoutSigns(mirror);
    if (signs[inForce] === 0) return ok(`${inForce}; nothing in Redis tells of another`);
    const users = mirror.layout.userScoredBy === "created_at" ? "; users' indexes are scored by created_at" : "";
    return ok(`${inForce}, which fits what Redis holds${users}`);
  },
};

const timezone: Check = {
  name: "timezone",
  run: async (probe) => {
    const { rules, parts } = probe;
    const from = parts.zoneOrigin ?? "the machine's, as [service] timezone is not set";
    const where = `times without an offset are in ${rules.zone.name} (${from})`;
    if (parts.connect === "off") return ok(where);
    await checkTimezone(await probe.mirror());
    return ok(`${where}, which fits what Redis holds`);
  },
};

const synced: Check = {
  name: "synced",
  run: async (probe) => {
    const when = await (await probe.mirror()).syncedAt(undefined);
    if (when === null && (await looksInSync(probe))) return ok("no full sync yet, but both stores are in sync");
    if (when === null) return warn("Redis was never synced, or was flushed since", "`ttsctl sync`");
    const age = probe.parts.clock.now() - Date.parse(when) / 1000;
    return ok(`last full sync ${when}${Number.isNaN(age) ? "" : `, ${formatAge(Math.max(0, age))} ago`}`);
  },
};

/** By the sizes and a sample: after an `import` into empty stores Redis has all of the file. */
async function looksInSync(probe: Probe): Promise<boolean> {
  const [snapshot, mirror] = [await probe.snapshot(), await probe.mirror()];
  return (await mirror.size(undefined)) >= snapshot.size && (await drift.run(probe)).status === "ok";
}

/** How many tasks of each store are compared, and how many in one call: whole records come back. */
const SAMPLE = 250;
const BATCH = 125;
/** Seconds; a task that changed later may be in the midst of a double write. */
const LATELY = 60;

/** A sample of both stores, compared as `verify` compares all. */
const drift: Check = {
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
  const records = await snapshot.recordsOf(ids);
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
  return chosen.map((row) => snapshot.idOf(row));
}

async function randomMembers(client: RedisCommands, { layout }: Mirror): Promise<TaskId[]> {
  const members = (await client.command("ZRANDMEMBER", INDEX_KEY, SAMPLE)) as string[];
  return members.map((member) => layout.splitMember(member));
}

function uniqueIds(ids: readonly TaskId[]): TaskId[] {
  return [...new Map(ids.map((id) => [JSON.stringify([id.userId, id.taskId]), id])).values()];
}

export const MIRROR_CHECKS = [clock, layout, timezone, synced, drift];
