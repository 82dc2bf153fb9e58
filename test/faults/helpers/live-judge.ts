import type { LayoutName } from "../../../src/task/rules.ts";
import type { RedisServer } from "../../helpers/redis.ts";
import type { Word } from "../../helpers/service.ts";
import { wholeLines } from "../../helpers/ttsctl.ts";
import { nameOf, type TestRecord } from "./stores.ts";

/** A record, as far as it shows a task's state. */
export type Copy = TestRecord & Word;

/** What of the service's work was undone, one line for each task and store. */
export interface Undone {
  /** Another state than the service's last. */
  readonly reverted: readonly string[];
  /** There, although the service deleted it, or ttsctl in the other store. */
  readonly back: readonly string[];
  /** Not there, although the service has it and ttsctl didn't remove it. */
  readonly lost: readonly string[];
}

/** What the words are compared with. */
interface Evidence {
  readonly file: ReadonlyMap<string, Copy>;
  readonly server: RedisServer;
  readonly layout: LayoutName;
  /** What ttsctl removed, in which state. */
  readonly removed: ReadonlySet<string>;
  /** Deleted tasks that an import was asked to bring: in both stores they may be back. */
  readonly imported: ReadonlySet<string>;
  /** States in the inputs of `import --merge replace`, which may replace newer ones. */
  readonly replaced: ReadonlySet<string>;
}

/** A task in one of its states. */
export const stateOf = (word: Word): string => `${nameOf(word)} ${word.status} ${word.updated_at}`;

/** The records of a store file by task. */
export function readCopies(text: string, shape: string): Map<string, Copy> {
  const records = shape === "jsonl" || shape === "append" ? linesOf(text) : Object.values(JSON.parse(text) as Copy[]);
  const copies = new Map<string, Copy>();
  for (const record of records) {
    if (record.deleted === true) copies.delete(nameOf(record));
    else copies.set(nameOf(record), record);
  }
  return copies;
}

/** A last line that is just being appended doesn't count. */
function linesOf(text: string): Copy[] {
  return wholeLines(text).map((line) => JSON.parse(line) as Copy);
}

/** Compares both stores with the last words of all programs that wrote to them. */
export async function judge(words: readonly Word[], evidence: Evidence): Promise<Undone> {
  const undone = { reverted: [] as string[], back: [] as string[], lost: [] as string[] };
  for (const last of words) {
    const copy = evidence.file.get(nameOf(last));
    const file = copy === undefined ? null : stateOf(copy);
    const word = copy !== undefined && evidence.replaced.has(stateOf(copy)) ? copy : last;
    const redis = await redisState(evidence, word);
    const isDeleted = word.status === "deleted";
    if (isDeleted && file !== null && redis !== null && evidence.imported.has(nameOf(word))) continue;
    const isRemoved = evidence.removed.has(stateOf(word)) && (file === null || redis === null);
    for (const [store, state] of Object.entries({ file, redis })) {
      const line = `${store}: ${state ?? "nothing"}; last word: ${stateOf(word)}`;
      if (isDeleted || isRemoved) {
        if (state !== null) undone.back.push(line);
      } else if (state === null) undone.lost.push(line);
      else if (state !== stateOf(word)) undone.reverted.push(line);
    }
  }
  return undone;
}

/** The state of the hash, or what doesn't fit to it; null if Redis has nothing of the task. */
async function redisState({ file, server, layout }: Evidence, word: Word): Promise<string | null> {
  const quoted = (id: string) => (layout !== "plain" ? encodeURIComponent(id).replaceAll("%20", "+") : id);
  const [user, task] = [quoted(word.user_id), quoted(word.task_id)];
  const [fields, ...others] = await server.pipeline([
    ["HMGET", `tts:task:${user}:${task}`, "status", "updated_at"],
    ["ZSCORE", "tts:tasks:index", `${user}:${task}`],
    ["ZSCORE", `tts:user:${user}:index`, task],
    ["GET", `tts:task_lookup:${task}`],
  ]);
  const [status, updated_at] = fields as (string | null)[];
  const [all, own, lookup] = others as (string | null)[];
  if ([status, all, own, lookup].every((part) => part === null)) return null;
  const created = layout === "api_ms_v3" ? file.get(nameOf(word))?.created_at : undefined;
  const fits = Number(all ?? Number.NaN) === scoreOf(word) && Number(own ?? Number.NaN) === (created ?? scoreOf(word));
  const hash = stateOf({ ...word, status: `${status}`, updated_at: `${updated_at}` });
  const expected = layout !== "plain" ? user : null;
  return fits && lookup === expected ? hash : `${hash}, scores ${all} ${own}, lookup ${lookup}`;
}

/** Naive times are in the zone of the service, which has no daylight saving. */
function scoreOf({ updated_at }: Word): number {
  if (typeof updated_at === "number") return updated_at;
  const [, second, fraction, zone] = /^([^.Z]*)(\.\d+)?(Z?)$/.exec(updated_at)!;
  return Math.round((Date.parse(`${second}${zone || "+08:00"}`) / 1000 + Number(fraction ?? 0)) * 1e6) / 1e6;
}
