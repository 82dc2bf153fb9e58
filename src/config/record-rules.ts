import { RecordRules } from "../task/rules.ts";
import { Zone } from "../task/zone.ts";
import type { Settings } from "./settings.ts";

/** By which records are read. */
export function recordRulesOf({ service, redis }: Settings): RecordRules {
  const { value, source } = redis.layout;
  return new RecordRules(new Zone(service.timezone.value ?? undefined), value, source !== "default");
}
