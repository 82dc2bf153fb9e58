import type { Drift } from "../operations/verify/drift.ts";
import type { Kind, VerifyResult } from "../operations/verify/kinds.ts";
import type { TaskId } from "../store/task-source.ts";

/** What each kind means, in the order in which people want to know: what misses first, the indexes last. */
const MEANINGS: Readonly<Record<Kind, string>> = {
  onlyInFile: "Redis does not have it",
  onlyInRedis: "the file does not have it",
  stale: "Redis has an older record",
  newerInRedis: "the file has an older record",
  differs: "of the same time, with other content",
  partial: "the hash in Redis lacks its ids, status or time",
  dangling: "an index names it, and it has no hash",
  unindexed: "it misses in an index",
  wrongScore: "an index has it at another time",
  misplaced: "the index of another user has it too",
};
const ORDER = Object.keys(MEANINGS) as Kind[];

/** The kinds that occur, each with its count and what it means, as rows of a table. */
export function kindRows(result: VerifyResult): string[][] {
  return ORDER.filter((kind) => result[kind] > 0).map((kind) => [kind, String(result[kind]), MEANINGS[kind]]);
}

/** How many tasks of a kind people are shown. */
export const SHOWN = 20;

/** The tasks of each kind, at most `most` of one, as rows of a table. */
export function* detailRows(drift: Drift, most = Number.POSITIVE_INFINITY): Generator<string[]> {
  for (const kind of ORDER) for (const { userId, taskId } of first(drift.of(kind), most)) yield [kind, userId, taskId];
}

function* first<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

/** `verify --details -o json`, in pieces: there may be a million tasks. */
export function* detailsJson(result: VerifyResult, drift: Drift): Generator<string> {
  yield `${JSON.stringify(result).slice(0, -1)},"tasks":{`;
  let between = "";
  for (const kind of ORDER) {
    yield `${between}"${kind}":[`;
    between = ",";
    let comma = "";
    for (const id of drift.of(kind)) {
      yield comma + JSON.stringify(idsOf(id));
      comma = ",";
    }
    yield "]";
  }
  yield "}}\n";
}

/** The tasks alone, one a line. */
export function* detailsJsonLines(drift: Drift): Generator<string> {
  for (const kind of ORDER) {
    for (const id of drift.of(kind)) yield `${JSON.stringify({ kind, ...idsOf(id) })}\n`;
  }
}

function idsOf({ userId, taskId }: TaskId): { user_id: string; task_id: string } {
  return { user_id: userId, task_id: taskId };
}
