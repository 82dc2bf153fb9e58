import { signal } from "@preact/signals";
import { keyOf } from "../../src/task/ids.ts";
import { type ShownStatus, serviceWord } from "../../src/task/status.ts";
import type { Api, ChangeResult, Noted } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Messages } from "../i18n/en.ts";
import { type Filter, selectionOf } from "../model/filter.ts";
import type { Row } from "../model/row.ts";

/** Tasks to change: some rows, or all of a filter. */
export interface Choice {
  readonly rows: readonly Row[];
  readonly filter: Filter | null;
  /** How many tasks it is, as far as the page knows. */
  readonly count: number;
}

/** What is done to them. A status is what they are marked as, `mark` while none is chosen; a retry marks failed ones as waiting. */
export type Act = "delete" | "retry" | "mark" | ShownStatus;

/** A change that waits for confirmation, is under way, or wasn't done as planned. */
export interface Asked {
  readonly act: Act;
  readonly choice: Choice;
  /** Whether unfinished tasks are deleted, too. */
  readonly force: boolean;
  readonly busy: "plan" | "change" | null;
  /** Null until it is made. While another one is made it is the last one. */
  readonly plan: ChangeResult | null;
  /** Null until it is done. */
  readonly done: Noted<ChangeResult> | null;
  readonly failure: Failure | null;
}

/** Deletes or marks tasks after a plan was shown and confirmed. */
export class Change {
  readonly asked = signal<Asked | null>(null);
  #question = new AbortController();

  /** @param finished receives a finished change, also one whose dialog was closed */
  constructor(
    private readonly api: Api,
    private readonly finished: (asked: Asked, result: ChangeResult | Failure) => void,
  ) {}

  ask(act: Act, choice: Choice): void {
    const asked: Asked = { act, choice, force: false, busy: null, plan: null, done: null, failure: null };
    if (act === "mark") this.asked.value = asked;
    else void this.#plan(asked);
  }

  edit(change: Partial<Pick<Asked, "act" | "force">>): void {
    const asked = this.asked.value;
    if (asked !== null) void this.#plan({ ...asked, ...change, failure: null });
  }

  /** Closes the dialog if nothing was begun: another list is shown now. */
  leave(): void {
    const asked = this.asked.peek();
    if (asked !== null && asked.busy !== "change" && asked.done === null) this.close();
  }

  /** Closes the dialog. A change under way goes on. */
  close(): void {
    this.#question.abort();
    this.asked.value = null;
  }

  async confirm(): Promise<void> {
    const asked = this.asked.value;
    if (asked === null || asked.plan === null || asked.busy !== null || asked.done !== null) return;
    const working: Asked = { ...asked, busy: "change", failure: null };
    this.asked.value = working;
    const max = changedIn(asked.plan);
    const answer = await orFailure(this.#send(asked, { [asked.act === "delete" ? "max_delete" : "max_mark"]: max }));
    const isShown = this.asked.value === working;
    if (answer instanceof Failure) {
      if (!isShown) this.finished(asked, answer);
      else if (answer.problem?.code === "MAX_DELETE_EXCEEDED") await this.#plan({ ...asked, failure: answer });
      else this.asked.value = { ...asked, failure: answer };
      return;
    }
    const { missing, refused, failed, returned } = answer.body;
    const isSmooth = missing.length + refused.length + failed + returned + answer.warnings.length === 0;
    if (isShown) this.asked.value = isSmooth ? null : { ...asked, done: answer };
    this.finished(asked, answer.body);
  }

  async #plan(asked: Asked): Promise<void> {
    this.#question.abort();
    const question = new AbortController();
    this.#question = question;
    this.asked.value = { ...asked, busy: "plan" };
    const answer = await orFailure(this.#send(asked, { dry_run: true }, question.signal));
    if (question.signal.aborted) return;
    if (answer instanceof Failure) {
      this.asked.value = { ...asked, plan: null, busy: null, failure: answer };
      return;
    }
    const { body: result } = answer;
    const areGone = result.requested > 0 && result.missing.length === result.requested;
    this.asked.value = areGone ? null : { ...asked, busy: null, plan: result };
    if (areGone) this.finished(asked, result);
  }

  #send({ act, choice, force }: Asked, more: object, signal?: AbortSignal): Promise<Noted<ChangeResult>> {
    const { rows, filter } = choice;
    const only = act === "retry" ? ["error"] : undefined;
    const selection = selectionOf(filter ?? rows, only);
    if (act === "delete") return this.api.change("delete", { ...selection, force, ...more }, signal);
    const to = serviceWord(markOf(act));
    return this.api.change("mark", { ...selection, to, ...more }, signal);
  }
}

/** The status that tasks are marked with. */
export function markOf(act: Act): ShownStatus {
  return act === "error" || act === "done" || act === "run" ? act : "wait";
}

/** How many tasks were changed, or would be. */
export function changedIn(result: ChangeResult): number {
  return "deleted" in result ? result.deleted : result.marked;
}

/** The rows of tasks that are in neither store after a change. */
export function goneOf(rows: readonly Row[], result: ChangeResult): readonly Row[] {
  if (!("deleted" in result) || result.failed + result.returned > 0) return [];
  const kept = new Set(result.refused.map(({ user_id, task_id }) => keyOf({ userId: user_id, taskId: task_id })));
  return rows.filter(({ key }) => !kept.has(key));
}

/** A line that says how a change went. */
export function changeSaid(act: Act, { rows, count }: Choice, result: ChangeResult, text: Messages): string {
  const changed = changedIn(result);
  const [row] = rows;
  if (changed === 0 && result.missing.length > 0) return text.missingTasks(result.missing.length);
  if (act !== "delete") return text.marked(changed, text.status[markOf(act)]);
  return count === 1 && changed === 1 && row !== undefined ? text.deleted(row.taskId) : text.deletedMany(changed);
}
