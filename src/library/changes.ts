import { buildFilter } from "../app/list-query.ts";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { fieldJson, setFields, withoutFields } from "../json/record.ts";
import { batches } from "../pool.ts";
import type { PendingTasks } from "../store/file/batch-plan.ts";
import { LIVE, type Rows, STATUS_CODES, statusCode } from "../store/file/rows.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { TaskId } from "../task/ids.ts";
import { OPTION_NAMES } from "../task/query-fields.ts";
import { isTerminal, OTHER_STATUS, plainWord, shownStatus } from "../task/status.ts";
import { isInvalid, type RecordParser, type Task } from "../task/task.ts";
import type { TimeReader } from "../task/time.ts";
import { timeLike, touched } from "../task/touch.ts";
import { checkOptions, checkStrings, wrongArgument } from "./arguments.ts";
import { jsonOf } from "./stored-task.ts";
import type { BaseTask, ClaimOptions, UpdateOptions } from "./types.ts";

export type ChangeContext = { readonly parser: RecordParser; readonly clock: Clock };

type Fields = Readonly<Record<string, unknown>>;

const CLAIM_ID = "claim_id";
const CLAIMED_UNTIL = "claimed_until";
const MOST_LEASE_MS = 100 * 365 * 86_400_000;

/** The task as the program's function changes it; null to keep it. @throws TtsctlError USAGE, TASK_INVALID */
export function updated<T extends BaseTask>(
  task: Task,
  change: (record: T) => T | null,
  { claimId, leaseMs }: UpdateOptions,
  context: ChangeContext,
): Task | null {
  const before = JSON.parse(task.json) as Fields;
  const after: unknown = change(JSON.parse(task.json) as T);
  if (after === null) return null;
  if (typeof after !== "object" || after instanceof Promise) {
    const what = "the function given to update() didn't return a record";
    throw wrongArgument(what, "a record, or null to keep the old one");
  }
  const fields = fieldsChanged(before, JSON.parse(jsonOf(after)) as Fields);
  if (claimId !== undefined && fields.set.has("status")) {
    for (const name of [CLAIM_ID, CLAIMED_UNTIL]) {
      fields.set.delete(name);
      if (Object.hasOwn(before, name)) fields.removed.add(name);
    }
  } else if (leaseMs !== undefined) fields.set.set(CLAIMED_UNTIL, leaseEnd(task, leaseMs, context));
  return fields.set.size + fields.removed.size === 0 ? null : changed(task, fields, context);
}

type ClaimRule = ReturnType<typeof claimRule>;

/** @throws TtsctlError USAGE */
export function claimRule(
  from: readonly string[],
  patch: Partial<BaseTask>,
  options: ClaimOptions,
  { parser, clock }: ChangeContext,
) {
  checkStrings(from, "from", '["queued"]');
  checkOptions(options, "claim: the options", ["leaseMs"]);
  checkLease(options.leaseMs);
  const names = { ...OPTION_NAMES, statuses: "from" };
  const { statuses } = buildFilter({ statuses: from }, { names, rules: parser.rules, now: clock.now() });
  const claimed = patch?.status;
  if (typeof claimed !== "string" || isTerminal(claimed) || statuses.has(shownStatus(claimed) ?? OTHER_STATUS)) {
    const accepted = 'an object such as { status: "running" }, with a status that is neither one of from nor finished';
    throw wrongArgument(`the patch of claim() has the status ${JSON.stringify(claimed)}`, accepted);
  }
  const fixed = ["user_id", "task_id", "updated_at"].find((name) => name in patch);
  if (fixed !== undefined) {
    throw wrongArgument(`the patch of claim() has ${fixed}`, "fields that claim() doesn't set itself");
  }
  const fields = fieldsChanged({}, JSON.parse(jsonOf(patch)) as Fields).set;
  /** `from`: as shown; `claimed`: the service's word. */
  return { from: statuses, claimed, leaseMs: options.leaseMs, fields };
}

/** @throws TtsctlError USAGE */
export function checkLease(leaseMs: number | undefined): void {
  if (leaseMs === undefined || (typeof leaseMs === "number" && leaseMs > 0 && leaseMs <= MOST_LEASE_MS)) return;
  throw wrongArgument(`leaseMs: ${JSON.stringify(leaseMs)} is invalid`, "milliseconds above zero, at most 100 years");
}

/** The task with a claim. @throws TtsctlError TASK_INVALID */
export function withClaim(task: Task, claimId: string, { fields, leaseMs }: ClaimRule, context: ChangeContext): Task {
  const set = new Map([...fields, [CLAIM_ID, JSON.stringify(claimId)]]);
  if (leaseMs !== undefined) set.set(CLAIMED_UNTIL, leaseEnd(task, leaseMs, context));
  return changed(task, { set, removed: new Set(leaseMs === undefined ? [CLAIMED_UNTIL] : []) }, context);
}

/** Their JSON text by name. The others keep their bytes, because JavaScript doesn't keep every number. */
function fieldsChanged(before: Fields, after: Fields) {
  const texts = Object.entries(after).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const isNew = (name: string, text: string) => !Object.hasOwn(before, name) || JSON.stringify(before[name]) !== text;
  return {
    set: new Map(texts.filter(([name, text]) => isNew(name, text))),
    removed: new Set(Object.keys(before).filter((name) => !Object.hasOwn(after, name))),
  };
}

/** The task with its fields changed. `updated_at` moves to now, unless it was changed. @throws TtsctlError TASK_INVALID */
function changed(
  task: Task,
  { set, removed }: ReturnType<typeof fieldsChanged>,
  { parser, clock }: ChangeContext,
): Task {
  if (["user_id", "task_id"].some((name) => set.has(name) || removed.has(name))) {
    throw new TtsctlError("TASK_INVALID", "update() can't change user_id or task_id");
  }
  const json = withoutFields(task.json, removed);
  const isTimed = set.has("updated_at") || removed.has("updated_at");
  const moved = isTimed ? undefined : touched({ ...task, json }, set, clock.now(), parser);
  const next = moved ?? parser.parse(setFields(json, set));
  if (isInvalid(next)) throw new TtsctlError("TASK_INVALID", `invalid task record: ${next.reason}`);
  return next;
}

/** JSON text of the end of a lease, in the form of the record's `updated_at`; never before it. */
function leaseEnd(task: Task, leaseMs: number, { parser, clock }: ChangeContext): string {
  const end = clock.now() + leaseMs / 1000;
  const like = fieldJson(task.json, "updated_at")!;
  return timeLike(like, like.startsWith('"') ? end : Math.ceil(end), parser.rules.zone);
}

/** The claim of a record; undefined for none. */
export function claimIdOf({ json }: Task): unknown {
  const text = fieldJson(json, CLAIM_ID);
  return text === undefined ? undefined : JSON.parse(text);
}

/** The claimable task that was changed the longest ago, or null. @param now epoch seconds */
export async function findClaimable(
  snapshot: Snapshot,
  pending: PendingTasks,
  { from, claimed }: ClaimRule,
  now: number,
): Promise<TaskId | null> {
  const { rows } = snapshot;
  const inFrom = STATUS_CODES.map((word) => from.has(word));
  const codeOfClaimed = statusCode(claimed);
  const running: number[] = [];
  let oldest = -1;
  for (let row = 0; row < rows.size; row++) {
    const code = rows.status(row);
    if (!inFrom[code] && code !== codeOfClaimed) continue;
    if (rows.state(row) !== LIVE || pending.rows.has(row)) continue;
    if (!inFrom[code]) running.push(row);
    else if (oldest < 0 || rows.compare(row, oldest) > 0) oldest = row;
  }
  const older = running.filter((row) => oldest < 0 || rows.compare(row, oldest) > 0);
  const row = (await findExpired(snapshot, older, claimed, now)) ?? oldest;
  if (row >= 0) return snapshot.idOf(row);
  // A record of an earlier change of the same batch.
  return pending.tasks.find(({ status }) => from.has(shownStatus(status) ?? OTHER_STATUS)) ?? null;
}

/** The oldest of some rows that has the word of claimed tasks and an expired claim. */
async function findExpired(snapshot: Snapshot, rows: readonly number[], claimed: string, now: number) {
  const leases = await leasesOf(snapshot, rows);
  const expired = rows.filter((row) => leases.get(row)! <= now).sort((a, b) => snapshot.rows.compare(b, a));
  for (const row of expired) {
    const [task] = await snapshot.readTasks([row]);
    if (plainWord(task!.status) === plainWord(claimed)) return row;
  }
  return null;
}

/** When the claim of a row's record ends. A row never changes, so each is read once: workers ask again and again. */
const known = new WeakMap<Rows, Map<number, number>>();

async function leasesOf(snapshot: Snapshot, rows: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const leases = known.get(snapshot.rows) ?? new Map<number, number>();
  known.set(snapshot.rows, leases);
  const times = snapshot.rules.times();
  const unread = rows.filter((row) => !leases.has(row));
  for (const some of batches(unread, BATCH)) {
    const tasks = await snapshot.readTasks(some);
    for (const [i, row] of some.entries()) leases.set(row, claimedUntil(tasks[i]!, times));
  }
  return leases;
}

/** Epoch seconds; NaN for a task without a lease. */
function claimedUntil({ json }: Task, times: TimeReader): number {
  const text = json.includes(CLAIMED_UNTIL) ? fieldJson(json, CLAIMED_UNTIL) : undefined;
  if (text === undefined) return Number.NaN;
  const value: unknown = JSON.parse(text);
  return typeof value === "string" ? times.parse(value.trim()) : typeof value === "number" ? value : Number.NaN;
}
