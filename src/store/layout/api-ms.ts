import { scanFields, setFields } from "../../json/record.ts";
import { decodeString, QUOTE } from "../../json/scan.ts";
import type { TaskId } from "../../task/ids.ts";
import { quotePlus, type RecordRules, type UserScoreField, unquotePlus } from "../../task/rules.ts";
import { createdScore, isInvalid, type RecordParser, type Task } from "../../task/task.ts";
import type { TimeReader } from "../../task/time.ts";
import type { Version } from "../../task/version.ts";
import { idFields, Layout, type StateFields, underIds } from "./layout.ts";

const COUNTS = ["progress", "segments_done", "total_segments"] as const;
/** Fields of the record that the hash has too, beside those that every layout knows. */
const EXTRA = [...COUNTS, "result_url"] as const;
const TIMES = ["updated_at", "created_at"] as const;

/** The fields of a hash of the layout `api_ms`, all text (docs/contract.md, Deployments). */
const FIELDS = ["task_id", "user_id", "status", ...EXTRA, "error", ...TIMES, "payload"];

/** The layout of the published GPT-SoVITS API service: ids quoted, times in whole seconds, a lookup for each task id. */
export class ApiMsLayout extends Layout {
  readonly #times: TimeReader;
  readonly fields = FIELDS;
  readonly readFields = FIELDS;
  readonly hasLookups = true;
  readonly payloadRules = true;
  readonly userScoredBy: UserScoreField;

  constructor(rules: RecordRules) {
    super();
    this.userScoredBy = rules.userScoredBy;
    this.#times = rules.times();
  }

  quote(id: string): string {
    return quotePlus(id);
  }

  unquote(quoted: string): string | null {
    const text = unquotePlus(quoted);
    return text !== "" && quotePlus(text) === quoted ? text : null;
  }

  valuesOf(task: Task): string[] {
    const { userId, taskId, status, error, score, json } = task;
    const times = [String(score), String(createdScore(task, this.#times))];
    return [taskId, userId, status, ...extraTexts(json), error, ...times, json];
  }

  /** The payload alone if it is a record, else the fields, with the ids of the key if those are missing. */
  read(values: readonly (string | null)[], id: TaskId, parser: RecordParser): Task | undefined {
    const fields = new Map(FIELDS.map((name, i) => [name, values[i] ?? null]));
    const payload = fields.get("payload") ?? null;
    if (payload !== null && parser.isBeyondPython(payload)) return undefined;
    return (payload === null ? undefined : underIds(id, payload, parser)) ?? fromFields(fields, id, parser);
  }

  stateOf([status, updatedAt, payload]: StateFields, parser: RecordParser): Version {
    const texts = payload === null ? null : parser.textsOrNull(payload);
    const time = parser.times.parse(texts?.updatedAt ?? "");
    if (texts !== null && !Number.isNaN(time)) return { status: texts.status, time: parser.times.counted(time) };
    return { status: status ?? "", time: parser.times.ofHash(updatedAt ?? "") };
  }
}

/** The EXTRA fields of a record as in the hash: a missing count is 0, a missing text empty. */
function extraTexts(json: string): string[] {
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

function fromFields(fields: ReadonlyMap<string, string | null>, { userId, taskId }: TaskId, parser: RecordParser) {
  const json = new Map<string, string>(idFields(fields.get("user_id") || userId, fields.get("task_id") || taskId));
  for (const [name, text] of fields) {
    if (text !== null && !json.has(name) && name !== "payload") json.set(name, jsonOf(name, text, parser));
  }
  const task = parser.parse(setFields("{}", json));
  return isInvalid(task) ? undefined : { ...task, userId, taskId };
}

/** A field of a hash as the record has it: a number if it is one, null for an empty text. */
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
