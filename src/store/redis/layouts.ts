import { TtsctlError } from "../../errors.ts";
import type { Layout } from "./layout.ts";
import { PLAIN } from "./plain-layout.ts";

/** The names that `[redis] layout` takes. */
export type LayoutName = "plain" | "api_ms";

/** The layout of a name (SPEC section 10). */
export function layoutNamed(name: LayoutName): Layout {
  if (name === "plain") return PLAIN;
  throw new TtsctlError("REDIS_FAILED", `this version does not know the layout ${name}`);
}
