import { printableJson } from "../printable.ts";

/** Says which of the ids that were asked for are nowhere. */
export function notFound(ids: readonly string[]): string {
  return `not found: ${ids.map((id) => printableJson(id)).join(", ")}`;
}
