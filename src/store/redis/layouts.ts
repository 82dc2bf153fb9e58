import type { RecordRules } from "../../task/rules.ts";
import { ApiMsLayout } from "./api-ms-layout.ts";
import type { Layout } from "./layout.ts";
import { PLAIN } from "./plain-layout.ts";

/** The layout of the mirror by the rules of its records. */
export function layoutOf(rules: RecordRules): Layout {
  return rules.layout === "plain" ? PLAIN : new ApiMsLayout(rules, rules.userScoredBy);
}
