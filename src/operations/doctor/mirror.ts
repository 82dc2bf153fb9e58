import { formatAge } from "../../task/duration.ts";
import { checkFileLayout, checkLayout, layoutSigns } from "../layout-check.ts";
import { allowedSkew, checkTimezone } from "../safety.ts";
import { type Check, fail, ok, warn } from "./check.ts";
import { drift } from "./drift.ts";
import type { Probe } from "./probe.ts";

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

export const MIRROR_CHECKS = [clock, layout, timezone, synced, drift];
