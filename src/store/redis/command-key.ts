import type { Command } from "./commands.ts";

export const WITHOUT_KEY = new Set([
  "ACL",
  "ASKING",
  "CLIENT",
  "CLUSTER",
  "CONFIG",
  "INFO",
  "MULTI",
  "DISCARD",
  "PING",
  "ROLE",
  "SCAN",
  "TIME",
]);
/** `EVAL script numkeys key ...`. */
export const SCRIPTS = new Set(["EVAL", "EVALSHA"]);

/** The key that a command is about, of several the first; null for one that any node answers. */
export function keyOf(command: Command): string | null {
  const name = String(command[0]).toUpperCase();
  if (WITHOUT_KEY.has(name)) return null;
  return String(command[SCRIPTS.has(name) ? 3 : 1]);
}
