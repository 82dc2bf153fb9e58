import { sameJson } from "../../json/same.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { Reply } from "./commands.ts";
import { sameTime } from "./hash.ts";
import type { CopyReading, Layout } from "./layout.ts";
import { scoreOf, timeSeen } from "./look.ts";

/** What an inspection finds in a hash: the fields that a sync writes. */
type HashFields = Readonly<Record<KnownField, string | null>> & Readonly<Record<string, string | null>>;
type KnownField = "user_id" | "task_id" | "status" | "error" | "created_at" | "updated_at" | "payload";

/** Everything that the mirror holds of one task, as it stands there. */
export interface Inspection {
  /** The type of the key where the hash belongs: `hash`, `none`, or what does not belong there. */
  readonly type: string;
  readonly fields: HashFields;
  readonly indexScore: number | null;
  readonly userScore: number | null;
  /** Where the lookup of its id leads: to it, to a newer task, or to neither; null where the layout has none. */
  readonly lookup: "own" | "other" | "wrong" | null;
}

/** What the script `inspect` answers of one task. */
export function inspectionOf(items: readonly Reply[], { fields }: Layout): Inspection {
  const [type, ...rest] = items as (string | null)[];
  return {
    type: type!,
    fields: Object.fromEntries(fields.map((name, i) => [name, rest[i] ?? null])) as HashFields,
    indexScore: scoreOf(rest[fields.length]),
    userScore: scoreOf(rest[fields.length + 1]),
    lookup: (rest[fields.length + 2] ?? null) as Inspection["lookup"],
  };
}

/** The time of a copy, epoch seconds: that of the hash, or without one that of its payload; NaN where there is none. */
export function timeOf({ fields }: Inspection, { layout, parser }: CopyReading): number {
  return layout.stateOf([fields.status, fields.updated_at, fields.payload], parser).time;
}

/** What guards a write over a copy, as `Look.seen`. */
export function seenOf({ fields }: Inspection, { layout, parser }: CopyReading): string | null {
  return timeSeen(fields.updated_at || null, fields.payload, layout, parser).seen;
}

/** Whether a hash says who it is, how it stands and when that was. */
export function isWhole({ type, fields }: Inspection, parser: RecordParser): boolean {
  return (
    type === "hash" &&
    !!fields.user_id &&
    !!fields.task_id &&
    fields.status !== null &&
    !Number.isNaN(parser.times.ofHash(fields.updated_at ?? ""))
  );
}

/** Whether a hash holds what a sync would write of the record, payload and every field, by their meaning. */
export function sameContent({ fields }: Inspection, task: Task, { layout, parser }: CopyReading): boolean {
  const values = layout.valuesOf(task);
  return layout.fields.every((name, i) => {
    const [there, ours] = [fields[name] ?? "", values[i]!];
    if (name === "payload") return samePayload(fields.payload, ours, parser);
    return name === "created_at" || name === "updated_at" ? sameTime(there, ours, parser) : there === ours;
  });
}

function samePayload(payload: string | null, json: string, parser: RecordParser): boolean {
  return payload === json || (payload !== null && parser.isObject(payload) && sameJson(payload, json));
}
