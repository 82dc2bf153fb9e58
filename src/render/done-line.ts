import type { DoneItems } from "../operations/reporter.ts";
import { isPrintable, printableJson } from "../printable.ts";
import type { LogEvent, LogFields } from "./log-line.ts";

type Event = keyof DoneItems;

/** The fields of a line, in their order: as items name them, and as lines do. */
const FIELDS = [
  ...[["userId", "user"] as const, ["taskId", "task"] as const],
  ...(["path", "reason", "from", "to", "local", "redis", "files", "bytes"] as const).map(
    (name) => [name, name] as const,
  ),
];
const WORDS = { cleanup: "purged", mark: "marked", orphan: "removed" } as const;

/** A line such as `[CLEANUP] user=alice task=t01 ...` (SPEC section 6); in a dry run it says so. */
export function doneLine<E extends Event>(event: E, item: DoneItems[E], dryRun = false): string {
  const fields = Object.entries(fieldsOf(item)).map(([name, value]) => ` ${name}=${textOf(value)}`);
  return `[${event.toUpperCase()}]${fields.join("")}${dryRun ? " dry-run=yes" : ""}`;
}

/** The same for a log of JSON objects. */
export function doneEvent<E extends Event>(event: E, item: DoneItems[E], dryRun: boolean): LogEvent {
  const msg = dryRun ? `would be ${WORDS[event]}` : WORDS[event];
  return { level: "info", msg, fields: { event, ...fieldsOf(item), dryRun } };
}

function fieldsOf(item: DoneItems[Event]): LogFields {
  const fields = new Map(Object.entries(item));
  const present = FIELDS.filter(([name]) => fields.has(name));
  return Object.fromEntries(present.map(([name, shown]) => [shown, fields.get(name)]));
}

/** What a log reader can split at spaces and at `=`. */
const ONE_WORD = /^[^\s"=]+$/;

/** A text is printed as it is, or as a JSON string if it is more than one word or could steer a terminal. */
function textOf(value: LogFields[string] | undefined): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = String(value);
  return ONE_WORD.test(text) && isPrintable(text) ? text : printableJson(text);
}
