import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { fieldJson, setFields, withoutFields } from "../json/record.ts";
import { buildFilter } from "../operations/list-query.ts";
import { CLAIM_ID, CLAIMED_UNTIL, type Claimable, findClaimable } from "../store/claim.ts";
import type { Update } from "../store/file/batch-plan.ts";
import type { TaskId } from "../store/task-source.ts";
import type { RecordParser } from "../task/parse.ts";
import { OPTION_NAMES } from "../task/query-fields.ts";
import { isTerminal, shownStatus } from "../task/status.ts";
import { isInvalid, type Task } from "../task/task.ts";
import { timeLike, touched } from "../task/touch.ts";
import { checkOptions, checkString, checkStrings, wrongArgument } from "./arguments.ts";
import type { QueryContext } from "./queries.ts";
import { jsonOf } from "./stored-task.ts";
import type { BaseTask, ClaimOptions, UpdateOptions } from "./types.ts";

export interface ChangeContext {
  readonly parser: RecordParser;
  readonly clock: Clock;
}

/** A value of a record's field by name. */
type Fields = Readonly<Record<string, unknown>>;

/** The update of one task by a function of the caller. */
export class RecordUpdate<T extends BaseTask> implements Update {
  readonly kind = "update";
  /** What the function threw, or what is wrong with what it returned. */
  failure: { readonly error: unknown } | null = null;
  /** Whether the task has another claim than the caller's. */
  isConflict = false;
  readonly #id: TaskId;
  readonly #change: (record: T) => T | null;
  readonly #options: UpdateOptions;
  readonly #context: ChangeContext;

  constructor(id: TaskId, change: (record: T) => T | null, options: UpdateOptions, context: ChangeContext) {
    this.#id = id;
    this.#change = change;
    this.#options = options;
    this.#context = context;
  }

  find(): TaskId {
    return this.#id;
  }

  /** Never throws, because other changes may be in the same batch. */
  change(task: Task): Task | null {
    this.failure = null;
    this.isConflict = this.#options.claimId !== undefined && this.#options.claimId !== claimIdOf(task);
    if (this.isConflict) return null;
    try {
      return this.#next(task);
    } catch (error) {
      this.failure = { error };
      return null;
    }
  }

  #next(task: Task): Task | null {
    const before = JSON.parse(task.json) as Fields;
    const after: unknown = this.#change(JSON.parse(task.json) as T);
    if (after === null) return null;
    if (typeof after !== "object" || after instanceof Promise) {
      throw wrongArgument("the function of update() returned no record", "a record, or null to keep the old one");
    }
    const fields = fieldsChanged(before, JSON.parse(jsonOf(after)) as Fields);
    return this.#withClaim(task, before, fields);
  }

  /** A new status ends the claim; else it may be renewed. */
  #withClaim(task: Task, before: Fields, fields: ChangedFields): Task | null {
    const { claimId, leaseMs } = this.#options;
    const { parser, clock } = this.#context;
    if (claimId !== undefined && fields.set.has("status")) {
      for (const name of [CLAIM_ID, CLAIMED_UNTIL]) {
        fields.set.delete(name);
        if (name in before) fields.removed.add(name);
      }
    } else if (leaseMs !== undefined)
      fields.set.set(CLAIMED_UNTIL, leaseEnd(task, clock.now() + leaseMs / 1000, parser));
    if (fields.set.size + fields.removed.size === 0) return null;
    return changed(task, fields, clock.now(), parser);
  }
}

/** @throws TtsctlError USAGE */
export function checkUpdateOptions(options: UpdateOptions): void {
  checkOptions(options, "update: the options", ["claimId", "leaseMs"]);
  if (options.claimId !== undefined) checkString(options.claimId, "claimId");
  checkLease(options.leaseMs);
}

/** What is claimed, and what a claim writes. */
interface ClaimRule extends Omit<Claimable, "now"> {
  /** JSON text by field. */
  readonly fields: ReadonlyMap<string, string>;
  readonly leaseMs: number | undefined;
}

/** @throws TtsctlError USAGE */
export function claimRule(
  from: readonly string[],
  patch: Partial<BaseTask>,
  options: ClaimOptions,
  { rules, clock }: QueryContext,
): ClaimRule {
  checkStrings(from, "from", '["queued"]');
  checkOptions(options, "claim: the options", ["leaseMs"]);
  checkLease(options.leaseMs);
  const { statuses } = buildFilter(
    { statuses: from },
    { names: { ...OPTION_NAMES, statuses: "from" }, rules, now: clock.now() },
  );
  const claimed = patch?.status;
  if (typeof claimed !== "string" || isTerminal(claimed) || statuses.has(shownStatus(claimed) ?? "")) {
    const accepted = 'an object such as { status: "running" }, with a status that is neither one of from nor finished';
    throw wrongArgument(`the patch of claim() has the status ${JSON.stringify(claimed)}`, accepted);
  }
  const fixed = ["user_id", "task_id", "updated_at"].find((name) => name in patch);
  if (fixed !== undefined)
    throw wrongArgument(`the patch of claim() has ${fixed}`, "fields that claim() doesn't set itself");
  const fields = Object.entries(JSON.parse(jsonOf(patch)) as Fields);
  return {
    ...{ from: statuses, claimed, leaseMs: options.leaseMs },
    fields: new Map(fields.map(([name, value]) => [name, JSON.stringify(value)])),
  };
}

function checkLease(leaseMs: number | undefined): void {
  if (leaseMs === undefined || (Number.isFinite(leaseMs) && leaseMs > 0)) return;
  throw wrongArgument(`leaseMs: ${String(leaseMs)} is wrong`, "a number of milliseconds above zero");
}

/** The claim of a task: the oldest in one of some statuses, or one whose claim has expired. */
export class Claim implements Update {
  readonly kind = "update";
  readonly claimId = randomUUID();
  /** Why a task could not be changed. */
  failure: { readonly error: unknown } | null = null;
  readonly #rule: ClaimRule;
  readonly #context: ChangeContext;

  constructor(rule: ClaimRule, context: ChangeContext) {
    this.#rule = rule;
    this.#context = context;
  }

  find(...[snapshot, pending]: Parameters<Update["find"]>): Promise<TaskId | null> {
    const { from, claimed } = this.#rule;
    return findClaimable(snapshot, pending(), { from, claimed, now: this.#context.clock.now() });
  }

  change(task: Task): Task | null {
    const { parser, clock } = this.#context;
    const { fields, leaseMs } = this.#rule;
    const now = clock.now();
    const set = new Map([...fields, [CLAIM_ID, JSON.stringify(this.claimId)]]);
    if (leaseMs !== undefined) set.set(CLAIMED_UNTIL, leaseEnd(task, now + leaseMs / 1000, parser));
    const removed = new Set(leaseMs === undefined ? [CLAIMED_UNTIL] : []);
    try {
      return changed(task, { set, removed }, now, parser);
    } catch (error) {
      this.failure = { error };
      return null;
    }
  }
}

interface ChangedFields {
  /** JSON text by field. */
  readonly set: Map<string, string>;
  readonly removed: Set<string>;
}

/** Fields that differ. The others keep their bytes, because JavaScript doesn't keep every number. */
function fieldsChanged(before: Fields, after: Fields): ChangedFields {
  const json = (value: unknown) => JSON.stringify(value);
  const names = Object.keys(after).filter((name) => !(name in before) || json(before[name]) !== json(after[name]));
  return {
    set: new Map(names.map((name) => [name, json(after[name])])),
    removed: new Set(Object.keys(before).filter((name) => !(name in after))),
  };
}

/**
 * The task with its fields changed. `updated_at` moves to now, unless it was changed.
 * @throws TtsctlError TASK_INVALID
 */
function changed(task: Task, { set, removed }: ChangedFields, now: number, parser: RecordParser): Task {
  const json = withoutFields(task.json, removed);
  if (!set.has("updated_at") && !removed.has("updated_at")) {
    const next = touched({ ...task, json }, set, now, parser);
    if (next !== undefined) return next;
  }
  const next = parser.parse(setFields(json, set));
  if (isInvalid(next)) throw new TtsctlError("TASK_INVALID", `no valid task record: ${next.reason}`);
  if (next.userId === task.userId && next.taskId === task.taskId) return next;
  throw new TtsctlError("TASK_INVALID", "update() can't change user_id or task_id");
}

/** JSON text of the end of a lease, in the form of the record's `updated_at`; never before it. */
function leaseEnd(task: Task, end: number, parser: RecordParser): string {
  const like = fieldJson(task.json, "updated_at")!;
  return timeLike(like, like.startsWith('"') ? end : Math.ceil(end), parser.rules.zone);
}

/** The claim of a record; undefined for none. */
export function claimIdOf({ json }: Task): unknown {
  const text = fieldJson(json, CLAIM_ID);
  return text === undefined ? undefined : JSON.parse(text);
}
