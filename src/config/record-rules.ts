import { TtsctlError } from "../errors.ts";
import { RecordRules } from "../task/rules.ts";
import { Zone } from "../task/zone.ts";
import type { Settings } from "./settings.ts";

/** By which records are read. */
export function recordRulesOf({ service, redis }: Settings): RecordRules {
  if (redis.layout.value !== "plain") {
    throw new TtsctlError("REDIS_FAILED", `this version does not know the layout ${redis.layout.value} yet`);
  }
  return new RecordRules(new Zone(service.timezone.value ?? undefined), redis.layout.value);
}
