import { RecordRules } from "../../src/task/rules.ts";
import { Zone } from "../../src/task/time.ts";

export const UTC = new Zone("UTC");
/** By which records are read that are not said to be others. */
export const RULES = new RecordRules(UTC);
export const API_MS_RULES = new RecordRules(UTC, "api_ms");
