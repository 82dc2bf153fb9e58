import { sameJson } from "../../json/same.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { Reply } from "./commands.ts";
import { HASH_FIELDS, sameTime } from "./hash.ts";
import { scoreOf } from "./look.ts";

/** The fields of a hash as a sync writes it: those that reading needs, and the ids. */
export const ALL_FIELDS = [...HASH_FIELDS, "user_id", "task_id"] as const;
type HashFields = Readonly<Record<(typeof ALL_FIELDS)[number], string | null>>;

/** What an inspection answers a task: the key's type, the fields, both scores. */
export const INSPECT_ITEMS = ALL_FIELDS.length + 3;

/** Everything that the mirror holds of one task, as it stands there. */
export interface Inspection {
  /** The type of the key where the hash belongs: `hash`, `none`, or what does not belong there. */
  readonly type: string;
  readonly fields: HashFields;
  readonly indexScore: number | null;
  readonly userScore: number | null;
}

export function inspectionOf(items: readonly Reply[]): Inspection {
  const [type, ...rest] = items as (string | null)[];
  return {
    type: type!,
    fields: Object.fromEntries(ALL_FIELDS.map((name, i) => [name, rest[i] ?? null])) as HashFields,
    indexScore: scoreOf(rest[ALL_FIELDS.length]),
    userScore: scoreOf(rest[ALL_FIELDS.length + 1]),
  };
}

/** The time of a copy, epoch seconds: that of the hash, or without one that of its payload; NaN where there is none. */
export function timeOf({ fields }: Inspection, parser: RecordParser): number {
  const { updated_at: own, payload } = fields;
  if (own || payload === null || !parser.isObject(payload)) return parser.times.parse(own ?? "");
  return parser.times.parse(parser.texts(payload).updatedAt);
}

/** What guards a write over a copy, as `Look.seen`. */
export function seenOf({ fields }: Inspection): string | null {
  return fields.updated_at || fields.payload;
}

/** Whether a hash says who it is, how it stands and when that was. */
export function isWhole(inspection: Inspection, parser: RecordParser): boolean {
  const { type, fields } = inspection;
  return (
    type === "hash" &&
    !!fields.user_id &&
    !!fields.task_id &&
    fields.status !== null &&
    !Number.isNaN(parser.times.parse(fields.updated_at ?? ""))
  );
}

/** Whether a hash holds what the record does, payload and every field, by their meaning. */
export function sameContent({ fields }: Inspection, task: Task, parser: RecordParser): boolean {
  return (
    fields.user_id === task.userId &&
    fields.task_id === task.taskId &&
    fields.status === task.status &&
    (fields.error ?? "") === task.error &&
    sameTime(fields.created_at ?? "", task.createdAt, parser) &&
    toMicros(parser.times.parse(fields.updated_at ?? "")) === toMicros(task.score) &&
    samePayload(fields.payload, task.json, parser)
  );
}

function samePayload(payload: string | null, json: string, parser: RecordParser): boolean {
  return payload === json || (payload !== null && parser.isObject(payload) && sameJson(payload, json));
}
