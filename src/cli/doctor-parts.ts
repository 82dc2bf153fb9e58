import type { Examination } from "../config/examine.ts";
import { targetOf } from "../config/redis.ts";
import type { ConfigFacts, DoctorParts } from "../operations/doctor/probe.ts";
import { recordRulesOf } from "../parts/parts.ts";
import { FileStore } from "../store/file/file-store.ts";
import type { RedisTarget } from "../store/redis/target.ts";
import { RecordRules } from "../task/rules.ts";
import { Zone } from "../task/zone.ts";
import type { Context } from "./context.ts";

/** What `doctor` looks at. Of a section with a wrong value nothing is made: to look at its defaults would mislead. */
export async function doctorParts(context: Context): Promise<DoctorParts> {
  const examined = await context.examineConfig();
  const { settings } = examined;
  const known = (section: string) => (examined.wrong.has(section) ? null : settings);
  const [redis, store, paths] = [known("redis"), known("store"), known("paths")];
  const [cleanup, service] = [known("cleanup")?.cleanup, known("service")?.service];
  const rules = service === undefined ? null : recordRulesOf(settings!);
  return {
    config: factsOf(examined, context),
    nodeVersion: process.version,
    // In another zone the file is as whole: only times would be read differently.
    file: store && new FileStore(store.store.path.value, rules ?? new RecordRules(new Zone("UTC")), context.clock),
    paths: paths && { output: paths.paths.output.value, logs: paths.paths.logs.value },
    audit: known("audit") && { path: known("audit")?.audit.path.value ?? null },
    connect: redis && (redis.redis.enabled.value ? connecterOf(targetOf(redis)) : "off"),
    askSentinels: redis?.redis.enabled.value ? askerOf(targetOf(redis)) : null,
    db: redis?.redis.db.value ?? 0,
    rules,
    zoneOrigin: service?.timezone.value == null ? null : service.timezone.origin,
    cleanup: cleanup ? { retention: cleanup.retention.value, stuckAfter: cleanup.stuckAfter.value } : null,
    clock: context.clock,
  };
}

function factsOf(examined: Examination, { cwd }: Context): ConfigFacts {
  const { path, unreadable, wrong, names, holdsPassword, variables, kubernetes, settings } = examined;
  return {
    ...{ path, cwd, unreadable, holdsPassword, variables, kubernetes },
    wrong: [...wrong.values()],
    misspelt: names.misspelt,
    sections: names.sections,
    warnings: settings?.warnings ?? [],
  };
}

function askerOf({ place, ...access }: RedisTarget) {
  if (place.kind !== "sentinels") return null;
  return async () => {
    const { askSentinels } = await import("../store/redis/sentinel.ts");
    return askSentinels({ ...access, place });
  };
}

function connecterOf(target: RedisTarget) {
  return async (db = target.db) => {
    const { connectRedis } = await import("../store/redis/connect.ts");
    return connectRedis({ ...target, db });
  };
}
