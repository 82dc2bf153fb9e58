import { matchingRows } from "../../store/file/file-tasks.ts";
import { shownLayout } from "../../store/redis/shown-layout.ts";
import { counted, firstOf, formatAge, formatDuration } from "../../task/amounts.ts";
import { memberOf } from "../../task/ids.ts";
import { NO_FILTER } from "../../task/query-fields.ts";
import { describeStuck } from "../../task/stuck.ts";
import { allowedSkew, checkFileLayout, checkLayout, checkTimezone, clockSkew, storeMismatch } from "../safety.ts";
import { describeShared } from "../shared-ids.ts";
import { findStuck } from "../survey.ts";
import { compareSample } from "../verify/compare.ts";
import { KINDS, type Kind } from "../verify/drift.ts";
import { type Checks, fail, ok, type Probe, Skip, type Verdict, warn } from "./probe.ts";

export const TASK_CHECKS: Checks = {
  async clock(probe) {
    const mirror = await probe.mirror();
    const { retention } = probe.cleanup;
    const skew = await clockSkew(mirror, probe.parts.clock);
    const isClose = skew <= allowedSkew(retention > 0 ? retention : Number.POSITIVE_INFINITY);
    if (isClose) return ok(`${skew.toFixed(2)} s off the clock of Redis`);
    const detail = `${Math.round(skew)} s off the clock of Redis: cleanup purges nothing`;
    return fail(detail, "set the clocks of both machines (NTP)");
  },

  async layout(probe) {
    const mirror = await probe.mirror();
    const inForce = probe.rules.layout;
    await checkLayout(mirror);
    const snapshot = await probe.read().catch(() => null);
    if (snapshot !== null) await checkFileLayout(snapshot, mirror);
    const { name } = await shownLayout(mirror);
    if (name === null) return ok(`${inForce}; nothing in Redis indicates another`);
    if (name === inForce) return ok(`${inForce}, which matches Redis`);
    const detail = `${inForce}, and users' indexes in Redis are scored as in ${name}: lists of a user are in another order`;
    return warn(detail, `set \`layout = ${name}\` under [redis] in config.ini (or REDIS_LAYOUT=${name})`);
  },

  async timezone(probe) {
    const { rules, parts } = probe;
    const from = parts.zoneOrigin ?? "the machine's, because [service] timezone isn't set";
    const where = `times without an offset are in ${rules.zone.name} (${from})`;
    if (parts.connect === "off") return ok(where);
    await checkTimezone(await probe.mirror());
    return ok(`${where}; nothing in Redis indicates another zone`);
  },

  async synced(probe) {
    const mirror = await probe.mirror();
    const when = await mirror.syncedAt();
    if (when === null) {
      // After an `import` into empty stores, Redis has all tasks of the file without a sync.
      const hasAll = (await mirror.size(undefined)) >= (await probe.snapshot()).size;
      if (hasAll && (await compareSamples(probe)).status === "ok")
        return ok("no full sync is recorded, but a sample of both stores is in sync");
      return warn("Redis was never synced, or was flushed since", "`ttsctl sync`");
    }
    const age = probe.parts.clock.now() - Date.parse(when) / 1000;
    return ok(`last full sync ${when}${Number.isNaN(age) ? "" : `, ${formatAge(Math.max(0, age))} ago`}`);
  },

  drift: compareSamples,

  retention(probe) {
    const seconds = probe.cleanup.retention;
    if (seconds > 0) return ok(`[cleanup] retention is ${formatDuration(seconds)}`);
    return warn("cleanup is switched off: finished tasks are kept forever", "set [cleanup] retention");
  },

  async "tasks.stuck"(probe) {
    const rule = { now: probe.parts.clock.now(), after: probe.cleanup.stuckAfter };
    if (rule.after <= 0) throw new Skip("[cleanup] stuck_after is off");
    const detail = describeStuck(await findStuck(await probe.snapshot(), await probe.mirrorOrNull(), rule));
    if (detail === null) return ok(`no task has waited or run for more than ${formatDuration(rule.after)}`);
    return warn(detail, "check whether the service is running, and its logs: `ttsctl logs USER TASK`");
  },

  async "tasks.future"(probe) {
    const snapshot = await probe.snapshot();
    const rows = [...matchingRows(snapshot, { ...NO_FILTER, since: probe.parts.clock.now() + AHEAD })];
    if (rows.length === 0) return ok("no task has a time in the future");
    const names = rows.slice(0, NAMED).map((row) => memberOf(snapshot.idOf(row)));
    const hint = "cleanup keeps them at least until then; check the service's clock and [service] timezone";
    return warn(`${counted(rows.length, "task")} with a time in the future: ${firstOf(names, rows.length)}`, hint);
  },

  async "tasks.shared_ids"(probe) {
    if (!probe.rules.isPublished) return ok("users may share task ids in this layout");
    const detail = describeShared(await probe.snapshot());
    if (detail === null) return ok("no task id has two users");
    const hint =
      "the service finds and deletes tasks only by task id: of each id keep one task, and delete the others with `ttsctl delete --user USER --ids ID`";
    return warn(detail, hint);
  },
};

async function compareSamples(probe: Probe): Promise<Verdict> {
  const parts = { mirror: await probe.mirror(), clock: probe.parts.clock, file: probe.file };
  const snapshot = await probe.snapshot();
  const mismatch = await storeMismatch(snapshot, parts.mirror);
  if (mismatch !== null) return fail(mismatch.message, mismatch.hint!);
  const { compared, counts } = await compareSample(parts, snapshot);
  const words = (kind: Kind) => kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`); // such as "only in file"
  const found = KINDS.filter((kind) => counts.has(kind)).map((kind) => `${counts.get(kind)} ${words(kind)}`);
  const looked = `a sample of ${counted(compared, "task")}`;
  if (found.length === 0) return ok(`none in ${looked} of both stores`);
  return warn(`in ${looked}: ${found.join(", ")}`, REPAIR);
}

const REPAIR =
  "`ttsctl verify` counts all; `ttsctl sync` writes file-only and newer file records to Redis; `ttsctl verify --repair --dry-run` previews the repair of the rest";

const AHEAD = 60;
const NAMED = 3;
