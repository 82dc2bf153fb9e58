import { batches } from "../../pool.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { timeOf } from "../../store/layout/copy.ts";
import { INDEX_KEY } from "../../store/layout/keys.ts";
import { counted, formatAge } from "../../task/amounts.ts";
import { keyOf } from "../../task/ids.ts";
import { allowedSkew, checkFileLayout, checkLayout, checkTimezone, clockSkew, layoutSigns } from "../safety.ts";
import { classify, KINDS, type Kind } from "../verify/classify.ts";
import { type Checks, fail, ok, type Probe, type Verdict, warn } from "./probe.ts";

export const MIRROR_CHECKS: Checks = {
  async clock(probe) {
    const mirror = await probe.mirror();
    const { retention } = probe.cleanup;
    const skew = await clockSkew(mirror, probe.parts.clock);
    if (skew <= allowedSkew(retention > 0 ? retention : Number.POSITIVE_INFINITY)) {
      return ok(`${skew.toFixed(2)} s from Redis's`);
    }
    const detail = `${Math.round(skew)} s from Redis's: cleanup purges nothing`;
    return fail(detail, "set the clocks of both machines (NTP)");
  },

  async layout(probe) {
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

  async timezone(probe) {
    const { rules, parts } = probe;
    const from = parts.zoneOrigin ?? "the machine's, as [service] timezone is not set";
    const where = `times without an offset are in ${rules.zone.name} (${from})`;
    if (parts.connect === "off") return ok(where);
    await checkTimezone(await probe.mirror());
    return ok(`${where}, which fits what Redis holds`);
  },

  async synced(probe) {
    const when = await (await probe.mirror()).syncedAt(undefined);
    if (when === null && (await looksInSync(probe))) return ok("no full sync yet, but both stores are in sync");
    if (when === null) return warn("Redis was never synced, or was flushed since", "`ttsctl sync`");
    const age = probe.parts.clock.now() - Date.parse(when) / 1000;
    return ok(`last full sync ${when}${Number.isNaN(age) ? "" : `, ${formatAge(Math.max(0, age))} ago`}`);
  },

  drift: compareSamples,
};

/** By the sizes and a sample: after an `import` into empty stores Redis has all of the file. */
async function looksInSync(probe: Probe): Promise<boolean> {
  const [snapshot, mirror] = [await probe.snapshot(), await probe.mirror()];
  return (await mirror.size(undefined)) >= snapshot.size && (await compareSamples(probe)).status === "ok";
}

/** How many tasks of each store are compared, and how many in one call: whole records come back. */
const SAMPLE = 250;
const BATCH = 125;
/** Seconds; a task that changed later may be in the midst of a double write. */
const LATELY = 60;

/** A sample of both stores, compared as `verify` compares all. */
async function compareSamples(probe: Probe): Promise<Verdict> {
  const [snapshot, client, mirror] = [await probe.snapshot(), await probe.client(), await probe.mirror()];
  const members = (await client.command("ZRANDMEMBER", INDEX_KEY, SAMPLE)) as string[];
  const inRedis = members
    .map((member) => mirror.layout.splitMember(member))
    .filter(({ userId, taskId }) => !snapshot.hasInvalid(userId, taskId));
  const inFile = sampleRows(snapshot, SAMPLE).map((row) => snapshot.idOf(row));
  const ids = new Map([...inFile, ...inRedis].map((id) => [keyOf(id), id]));
  const counts = new Map<Kind, number>();
  for (const batch of batches(ids.values(), BATCH)) {
    const copies = await mirror.fullCopies(batch);
    const records = await snapshot.recordsOf(batch);
    const latest = probe.parts.clock.now() - LATELY;
    for (const [i, copy] of copies.entries()) {
      const record = records[i]!;
      if ((record?.score ?? 0) > latest || timeOf(copy, mirror) > latest) continue;
      const finding = classify(record, copy, mirror);
      if (finding !== "inSync" && finding !== "absent") counts.set(finding, (counts.get(finding) ?? 0) + 1);
    }
  }
  return driftVerdict(counts, ids.size);
}

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

/** Some rows from all parts of the file, `count` at most. */
function sampleRows(snapshot: Snapshot, count: number): number[] {
  const step = Math.max(1, Math.ceil(snapshot.size / count));
  const first = Math.floor(Math.random() * step);
  const rows: number[] = [];
  let i = 0;
  for (const row of snapshot.liveRows()) if (i++ % step === first) rows.push(row);
  return rows;
}
