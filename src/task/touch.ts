import { fieldJson, setFields } from "../json/record.ts";
import { isInvalid, type RecordParser, type Task } from "./task.ts";
import { formatUtc, type Zone } from "./time.ts";
import { newer } from "./version.ts";

/** The resolutions of times, in seconds. */
const STEPS = [0.000001, 0.001, 1];

/** The record with fields set and a later `updated_at`; undefined if none can be written, in the hour that is repeated in autumn. */
export function touched(task: Task, changes: ReadonlyMap<string, string>, now: number, parser: RecordParser) {
  const { zone } = parser.rules;
  const like = fieldJson(task.json, "updated_at")!;
  for (const at of [now, ...STEPS.map((step) => task.score + step)]) {
    const next = parser.parse(setFields(task.json, new Map([...changes, ["updated_at", timeLike(like, at, zone)]])));
    if (!isInvalid(next) && newer(next.score, task.score)) {
      return { ...next, userId: task.userId, taskId: task.taskId };
    }
  }
  return undefined;
}

/** The JSON text of a moment in the form of another time of its record: naive, with that offset or `Z`, or as epoch seconds. */
export function timeLike(like: string, epoch: number, zone: Zone): string {
  if (like.startsWith('"')) return JSON.stringify(isoLike(JSON.parse(like) as string, epoch, zone));
  const rounded = Math.round(epoch * 1e6) / 1e6;
  const float = Number.isInteger(rounded) ? `${rounded}.0` : String(rounded); // as Python writes it
  return /^-?\d+$/.test(like) ? String(Math.floor(epoch)) : float;
}

function isoLike(like: string, epoch: number, zone: Zone): string {
  const offset = /(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)$/.exec(like.slice(10))?.[1];
  const seconds = offset === undefined ? zone.offsetAt(epoch) : offsetSeconds(offset);
  const wall = formatUtc(epoch + seconds).slice(0, -"+00:00".length);
  return wall.slice(0, 10) + (like[10] === " " ? " " : "T") + likeFraction(wall.slice(11), like) + (offset ?? "");
}

/** JavaScript writes milliseconds, always; Python microseconds, unless they are zero. */
function likeFraction(clock: string, like: string): string {
  if (!/\.\d{3}(?!\d)/.test(like)) return clock;
  const [whole = "", fraction = ""] = clock.split(".");
  return `${whole}.${fraction.padEnd(3, "0").slice(0, 3)}`;
}

function offsetSeconds(offset: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (offset.match(/\d{2}/g) ?? []).map(Number);
  return (offset.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}
