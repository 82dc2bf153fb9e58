import type { Context, Hono } from "hono";
import type { Clock } from "../../clock.ts";
import { usage } from "../../errors.ts";
import type { DeleteResult } from "../../operations/delete.ts";
import { checkBody, kindsOf, parseQueryObject } from "../../operations/list-query.ts";
import type { MarkResult } from "../../operations/mark/mark.ts";
import { parsePart } from "../../task/amounts.ts";
import { BODY_NAMES, CHOOSING_PARTS, rawQuery } from "../../task/query-fields.ts";
import { HttpError, json } from "../answer.ts";
import type { Changed, ChangeRequest, Env, ServerParts } from "../parts.ts";
import { countIds, paramsOf } from "../request.ts";
import { type BodyReader, turns } from "../turns.ts";

/** The kinds of the keys that a body has beside those of a selection. */
export const DELETE_KINDS = { all: "switch", force: "switch", dry_run: "switch", max_delete: "brake" } as const;
export const MARK_KINDS = { to: "text", error: "text", all: "switch", dry_run: "switch", max_mark: "brake" } as const;

/** A checked body. */
interface Body extends Readonly<Record<string, unknown>> {
  readonly all?: boolean | null;
  readonly force?: boolean | null;
  readonly dry_run?: boolean | null;
  readonly max_delete?: string | number | null;
  readonly max_mark?: string | number | null;
  readonly to?: string | null;
  readonly error?: string | null;
}

type Changes = NonNullable<ServerParts["changes"]>;
/** Characters: every marked task gets the text. */
const MOST_ERROR = 10_000;
type Kinds = typeof DELETE_KINDS | typeof MARK_KINDS;

/** `POST /voice-tasks/delete` and `/mark`: what `ttsctl delete` and `mark` do, for the selection in a body. */
export function addChanges(app: Hono<Env>, parts: ServerParts, forChange: ChangeTurn, withBody: BodyReader): void {
  const forPlan = changeTurns(parts.clock);
  type Work = (changes: Changes, asked: ChangeRequest, body: Body) => Promise<Changed<ChangeResult>>;
  const answer = (c: Context<Env>, kinds: Kinds, work: Work): Promise<Response> => {
    const changes = changesOf(parts);
    return withBody(c.env, async (text) => {
      paramsOf(c.req.url, []);
      const body = bodyIn(text, kinds);
      const asked = { ...askedIn(body), request: requestOf(c) };
      const turn = asked.dryRun ? forPlan : forChange;
      const { result, warnings } = await turn(c, () => work(changes, asked, body));
      return json(result, warnings);
    });
  };
  app.post("/voice-tasks/delete", (c) => {
    return answer(c, DELETE_KINDS, (changes, asked, { force }) => changes.remove({ ...asked, force: force === true }));
  });
  app.post("/voice-tasks/mark", (c) => {
    return answer(c, MARK_KINDS, (changes, asked, { to, error }) => {
      if ((error?.length ?? 0) > MOST_ERROR) throw usage("error is too long", `at most ${MOST_ERROR} characters`);
      return changes.mark({ ...asked, to: to ?? undefined, error: error ?? undefined });
    });
  });
}

type ChangeResult = DeleteResult | MarkResult;
export type ChangeTurn = <R extends ChangeResult>(
  c: Context<Env>,
  change: () => Promise<Changed<R>>,
) => Promise<Changed<R>>;

/** Makes one change, or plan, at a time: changes that wait for the run lock would time out. @param done is called after each */
export function changeTurns(clock: Clock, done = () => {}): ChangeTurn {
  const turn = turns<Changed<ChangeResult>>(clock, 1, lengthOf);
  return async <R extends ChangeResult>(c: Context<Env>, change: () => Promise<Changed<R>>) => {
    const changed = await turn(c.env, () => waitedFor(c, change).finally(done));
    return changed as Changed<R>;
  };
}

/** Doesn't count the time of a large change as silence of its client. */
async function waitedFor<T>({ env }: Context<Env>, work: () => Promise<T>): Promise<T> {
  const { socket } = env.incoming;
  const { timeout = 0 } = socket;
  socket.setTimeout(0);
  try {
    return await work();
  } finally {
    socket.setTimeout(timeout);
  }
}

/** Characters of a line that names a task, some. */
const LINE = 150;

function lengthOf({ result: { refused, missing } }: Changed<ChangeResult>): number {
  return (refused.length + missing.length) * LINE;
}

/** @throws TtsctlError USAGE */
function bodyIn(text: string, kinds: Kinds): Body {
  const body = parseQueryObject(text, "the body");
  checkBody(body, { ...kindsOf(CHOOSING_PARTS), ...kinds }, "the body");
  return body;
}

/** Unlike in a query, an empty list or text is an error: it must not choose everything. @throws TtsctlError USAGE */
function askedIn(body: Body): Omit<ChangeRequest, "request"> {
  const query = rawQuery((_, { key, kind }) => {
    const value = body[key] ?? null;
    return kind === "user" && value !== null ? [value] : value;
  });
  countIds(query, BODY_NAMES);
  const max = body.max_delete ?? body.max_mark ?? null;
  return {
    query,
    all: body.all === true,
    dryRun: body.dry_run === true,
    max: max === null ? null : parsePart(`${max}`)!,
  };
}

/** @throws HttpError READ_ONLY */
export function changesOf({ changes }: ServerParts): Changes {
  if (changes === null) throw new HttpError("READ_ONLY", "this server was started with --read-only");
  return changes;
}

/** A request and its client, for the ledger. */
export function requestOf(c: Context<Env>): string {
  const { method, url, socket } = c.env.incoming;
  return `${method} ${url} from ${socket.remoteAddress}`;
}
