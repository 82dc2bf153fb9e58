import { TtsctlError } from "../errors.ts";
import type { QueryNames } from "../operations/list-query.ts";
import type { Selection } from "../operations/select.ts";
import { trimId, uniqueIds } from "../task/ids.ts";
import type { Context } from "./context.ts";
import { FLAG_NAMES, rawQueryOf, type SelectionFlags } from "./flags.ts";

/**
 * The tasks that the flags choose.
 * @param names how the flags are called in messages
 * @throws TtsctlError USAGE
 */
export async function selectionOf(
  context: Context,
  flags: SelectionFlags,
  names: QueryNames = FLAG_NAMES,
): Promise<Selection> {
  const { buildFilter, checkIds, shortestAge } = await import("../operations/list-query.ts");
  const raw = rawQueryOf(flags);
  const checking = { names, rules: await context.rules(), now: context.clock.now() };
  return { ids: checkIds(raw, checking), filter: buildFilter(raw, checking), age: shortestAge(raw) };
}

/**
 * The same for a command that also takes ids without a user in a layout in which an id is one task's.
 * @throws TtsctlError USAGE, also if several users have one of the ids, REDIS_*, STORE_*
 */
export async function selectionByIds(context: Context, flags: SelectionFlags): Promise<Selection> {
  const rules = await context.rules();
  if (flags.ids === undefined || flags.user !== undefined || !rules.taskIdIsUnique) return selectionOf(context, flags);
  const { ids: _, ...rest } = flags;
  const ids = uniqueIds(rawQueryOf(flags).taskIds!);
  if (ids.length === 0) return selectionOf(context, flags);
  const { ownersOf } = await import("../store/tasks-with-id.ts");
  const parts = { file: await context.fileStore(), link: await context.mirrorLink() };
  return { ...(await selectionOf(context, rest)), ids, owners: await ownersOf(parts, ids) };
}

/**
 * A command that changes tasks takes no silence for "all of them" (SPEC section 5).
 * @throws TtsctlError USAGE
 */
export function requireSelection(flags: SelectionFlags, all: boolean, hint: string): void {
  const { user, ids, status, since, until } = flags;
  const chosen = [user, ids, status, since, until].some((flag) => flag !== undefined);
  if (chosen !== all) return;
  throw new TtsctlError("USAGE", all ? "--all and a selection exclude each other" : "no tasks chosen", { hint });
}

/**
 * The user of `--user`, for a command that chooses by nothing else.
 * @throws TtsctlError USAGE
 */
export async function userOf(context: Context, { user }: { readonly user?: string }): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { checkUser } = await import("../operations/list-query.ts");
  return checkUser(trimId(user), FLAG_NAMES.users, await context.rules());
}
