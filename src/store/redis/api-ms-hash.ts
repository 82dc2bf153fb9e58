import { scanFields, setFields } from "../../json/record.ts";
import { QUOTE } from "../../json/scan.ts";
import { decodeString } from "../../json/text.ts";
import type { RecordParser } from "../../task/parse.ts";
import { isInvalid, type Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import { idFields } from "./hash.ts";

const COUNTS = ["progress", "segments_done", "total_segments"] as const;
/** Fields of the record that the hash has too, beside those that every layout knows. */
const EXTRA = [...COUNTS, "result_url"] as const;
const TIMES = ["updated_at", "created_at"] as const;

/** The fields of a hash of the layout `api_ms`, all text (SPEC section 10). */
export const API_MS_FIELDS = ["task_id", "user_id", "status", ...EXTRA, "error", ...TIMES, "payload"];

/** The EXTRA fields of a record as the hash has them: counts are 0 where there is none, a text is empty. */
export function extraTexts(json: string): string[] {
  const bytes = Buffer.from(json);
  const texts: string[] = EXTRA.map((name) => (name === "result_url" ? "" : "0"));
  scanFields(bytes, 0, bytes.length, (keyFrom, keyEnd, from, end) => {
    const place = (EXTRA as readonly string[]).indexOf(decodeString(bytes, keyFrom, keyEnd));
    const text = bytes.toString("utf8", from, end);
    if (place >= 0 && text !== "null") {
      texts[place] = bytes[from] === QUOTE ? decodeString(bytes, from, end).toWellFormed() : text;
    }
  });
  return texts;
}

/**
 * The task that a hash holds: its payload alone where that is a record, else its fields, with the ids of the key where
 * those are missing. Undefined where there is no hash, or none with a time.
 * @param values of API_MS_FIELDS, null for a field that is missing
 */
export function readApiMs(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined {
  const fields = new Map(API_MS_FIELDS.map((name, i) => [name, values[i] ?? null]));
  const payload = fields.get("payload") ?? null;
  if (payload !== null && parser.isBeyondPython(payload)) return undefined;
  return (payload === null ? undefined : fromPayload(payload, id, parser)) ?? fromFields(fields, id, parser);
}

/** The key says whose it is, whatever the payload says or lacks. */
function fromPayload(payload: string, { userId, taskId }: TaskId, parser: RecordParser): Task | undefined {
  const own = parser.validOrNull(payload);
  if (own !== null) return { ...own, userId, taskId };
  if (!parser.isObject(payload)) return undefined;
  const named = parser.parse(setFields(payload.trim(), idFields(userId, taskId)));
  return isInvalid(named) ? undefined : { ...named, userId, taskId };
}

function fromFields(
  fields: ReadonlyMap<string, string | null>,
  { userId, taskId }: TaskId,
  parser: RecordParser,
): Task | undefined {
  const json = new Map<string, string>(idFields(fields.get("user_id") || userId, fields.get("task_id") || taskId));
  for (const [name, text] of fields) {
    if (text !== null && !json.has(name) && name !== "payload") json.set(name, jsonOf(name, text, parser));
  }
  const task = parser.parse(setFields("{}", json));
  return isInvalid(task) ? undefined : { ...task, userId, taskId };
}

/** A field of a hash as the record has it: a number where that is one, null for an empty text. */
function jsonOf(name: string, text: string, parser: RecordParser): string {
  if (text === "") return "null";
  const isTime = (TIMES as readonly string[]).includes(name);
  const isCount = (COUNTS as readonly string[]).includes(name);
  const number = isTime
    ? parser.times.ofHash(text)
    : isCount && /^-?\d+$/.test(text.trim())
      ? Number(text)
      : Number.NaN;
  return Number.isNaN(number) ? JSON.stringify(text) : String(number);
}
