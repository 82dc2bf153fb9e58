import type { Context } from "hono";
import { checkNewStatus, deleteChosen, markChosen } from "../../app/change.ts";
import { selectionIn } from "../../app/choose.ts";
import type { Ended } from "../../app/ended.ts";
import { checkBody, kindsOf, parseQueryObject } from "../../app/list-query.ts";
import type { RunParts } from "../../app/parts.ts";
import { within } from "../../clock.ts";
import { isRedisError, throwIfInterrupted, usage } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { Selection } from "../../operations/select.ts";
import { parsePart } from "../../task/amounts.ts";
import type { TaskId } from "../../task/ids.ts";
import { BODY_NAMES, CHOOSING_PARTS, type RawQuery, rawQuery } from "../../task/query-fields.ts";
import { json } from "../answer.ts";
import type { AddEndpoint } from "../endpoints.ts";
import type { Env, ServerParts } from "../parts.ts";
import { countIds } from "../request.ts";
import { type BodyOf, DELETE_KINDS, MARK_KINDS } from "../schema.ts";
import { turns } from "../turns.ts";

interface ChangeRequest {
  readonly query: RawQuery;
  /** Chooses every task, without a query. */
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly max?: MaxDelete;
}

/** `POST /voice-tasks/delete` and `/mark`: what `ttsctl delete` and `mark` do, for the selection in a body. */
export function addChanges(add: AddEndpoint, parts: ServerParts, forChange: ChangeTurn): void {
  const forPlan = changeTurns(parts);
  const turnOf = ({ dryRun }: ChangeRequest) => (dryRun ? forPlan : forChange);
  const sent = ({ result, warnings }: { result: object; warnings: string[] }) => json(result, warnings);
  add("POST /voice-tasks/delete", (c, _, { body: text }) => {
    const { body, asked } = askedIn(text, DELETE_KINDS, "max_delete");
    return turnOf(asked)(c, async () => sent(await remove(parts, c, asked, body.force === true)));
  });
  add("POST /voice-tasks/mark", (c, _, { body: text }) => {
    const { body, asked } = askedIn(text, MARK_KINDS, "max_mark");
    if ((body.error?.length ?? 0) > 10_000) throw usage("error is too long", "at most 10000 characters");
    return turnOf(asked)(c, async () => sent(await mark(parts, c, asked, body)));
  });
}

/** Deletes tasks as the command with `--yes`. */
export function remove(parts: ServerParts, c: Context<Env>, asked: ChangeRequest, force: boolean) {
  const { dryRun = false, max: maxDelete = null } = asked;
  return change(parts, c, asked, async (step, selection) => {
    await step.requireConfig(true);
    const ended = await deleteChosen(step, { force, dryRun, maxDelete, allowEmpty: false }, { selection });
    if (isRedisError(ended.outcome.problem) && !dryRun) void parts.syncing.begin(); // deletions may be owed to Redis
    return ended;
  });
}

function mark(parts: ServerParts, c: Context<Env>, asked: ChangeRequest, { to, error }: BodyOf<typeof MARK_KINDS>) {
  const status = checkNewStatus(to ?? undefined, { to: '"to"', statuses: BODY_NAMES.statuses });
  const { dryRun = false, max: maxMark = null } = asked;
  return change(parts, c, asked, async (step, selection) => {
    await step.requireConfig(false);
    const request = { ...status, dryRun, maxMark, allowEmpty: false, error: error ?? undefined };
    const ended = await markChosen(step, request, { selection });
    const { problem, result } = ended.outcome;
    if (!dryRun && (problem !== null || result.failed > 0)) parts.syncing.mayLack();
    return ended;
  });
}

const CHOOSE = `choose with ${CHOOSING_PARTS.map((part) => BODY_NAMES[part]).join(", ")}, or "all": true`;
const HOW = {
  ...{ names: BODY_NAMES, takesNames: true },
  instead: ({ userId, taskId }: TaskId) => JSON.stringify({ user_id: userId, task_ids: [taskId] }),
};

async function change<R>(
  { run, reporterOf }: ServerParts,
  c: Context<Env>,
  { query: raw, all = false, dryRun = false }: ChangeRequest,
  work: (step: RunParts, selection: Selection) => Promise<Ended<R>>,
) {
  throwIfInterrupted(run.signal, "nothing was changed");
  const warnings: string[] = [];
  const { method, url, socket } = c.env.incoming;
  const caller = { ...run.caller, request: `${method} ${url} from ${socket.remoteAddress}` };
  const reporter = reporterOf(dryRun, (line) => void warnings.push(line));
  return run.inStep({ caller, reporter }, async (step) => {
    const chosen = await selectionIn(step, raw, { ...HOW, change: { all, allName: '"all"', hint: CHOOSE } });
    const { result, error } = await work(step, chosen);
    if (error !== null) throw error;
    return { result, warnings };
  });
}

export type ChangeTurn = ReturnType<typeof changeTurns>;

/** Makes one change, or plan, at a time: changes that wait for the run lock would time out. @param done is called after each */
export function changeTurns({ clock, run }: Pick<ServerParts, "clock" | "run">, done = () => {}) {
  const turn = turns(clock, 1);
  let last: Promise<unknown> = Promise.resolve();
  run.onRelease(() => within<unknown>(clock, 1500, last, () => {}).then(() => {})); // to end its batch and its ledger lines
  return (c: Context<Env>, change: () => Promise<Response>): Promise<Response> =>
    turn(c.env, () => {
      const { socket } = c.env.incoming;
      const { timeout = 0 } = socket;
      socket.setTimeout(0); // the time of a large change doesn't count as silence of its client
      const changing = change().finally(() => {
        socket.setTimeout(timeout);
        done();
      });
      last = changing.catch(() => {});
      return changing;
    });
}

/** Unlike in a query, an empty list or text is an error: it must not choose everything. @throws TtsctlError USAGE */
function askedIn<K extends typeof DELETE_KINDS | typeof MARK_KINDS>(text: string, kinds: K, brake: keyof K & string) {
  const body: Readonly<Record<string, unknown>> = parseQueryObject(text, "the body");
  checkBody(body, { ...kindsOf(CHOOSING_PARTS), ...kinds }, "the body");
  const query = rawQuery((_, { key, kind }) => {
    const value = body[key] ?? null;
    return kind === "user" && value !== null ? [value] : value;
  });
  countIds(query, BODY_NAMES);
  const max = body[brake] == null ? null : { ...parsePart(`${body[brake]}`)!, name: brake };
  const asked: ChangeRequest = { query, all: body.all === true, dryRun: body.dry_run === true, max };
  return { body: body as BodyOf<K>, asked };
}
