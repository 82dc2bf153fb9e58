import { memberOf, splitIds, type TaskId, trimId } from "../../src/task/ids.ts";
import {
  CHOOSING_PARTS,
  FLAG_NAMES,
  fieldOf,
  PAGE_PARTS,
  type PagePart,
  type QueryBody,
} from "../../src/task/query-fields.ts";

/** The tasks to show, by values of each part, and their order; none for any. Task ids need their user. */
export type Filter = Readonly<Record<PagePart, readonly string[]>>;

/** The text in the form, typed or half typed: values separated by commas or spaces. */
export type Draft = Readonly<Record<PagePart, string>>;

function eachPart<T>(value: (part: PagePart) => T): Record<PagePart, T> {
  return Object.fromEntries(PAGE_PARTS.map((part) => [part, value(part)])) as Record<PagePart, T>;
}

export const NO_FILTER: Filter = eachPart(() => []);

export function filterOfTask({ userId, taskId }: TaskId): Filter {
  return { ...NO_FILTER, users: [userId], taskIds: [taskId] };
}

/** Whether a part is one text, which may have spaces. */
function isSingle(part: PagePart): boolean {
  return fieldOf(part).kind !== "list";
}

/** The filter for these texts. The server refuses wrong ones. */
function filterIn(texts: Draft): Filter {
  return eachPart((part) => {
    if (!isSingle(part)) return splitIds(texts[part]);
    const value = trimId(texts[part]);
    return value === "" || (fieldOf(part).kind === "switch" && value === "false") ? [] : [value];
  });
}

/** The filter of a form; undefined if it has task ids without their user. */
export function filterOf(draft: Draft): Filter | undefined {
  const filter = filterIn(draft);
  return filter.taskIds.length > 0 && filter.users.length === 0 ? undefined : filter;
}

export function draftOf(filter: Filter): Draft {
  return eachPart((part) => filter[part].join(" "));
}

/** How many of its parts leave tasks out. */
export function countOf(filter: Filter): number {
  return PAGE_PARTS.filter((part) => part !== "sort" && filter[part].length > 0).length;
}

/** Whether the server reads many records for it: a search, or another order. */
export function isSlow({ search, sort }: Filter): boolean {
  return search.length + sort.length > 0;
}

/** By ids the answer is one page in the order asked, whatever page and order are asked for (docs/json.md). */
export function bodyOf({ filter, page, pageSize }: Request): QueryBody {
  const asked = filter.taskIds.length > 0 ? { ...filter, sort: [] } : filter;
  return { page, page_size: pageSize, ...keysOf(asked, PAGE_PARTS) };
}

function keysOf(filter: Filter, parts: readonly PagePart[]): QueryBody {
  const given = parts.filter((part) => filter[part].length > 0);
  return Object.fromEntries(
    given.map((part) => {
      const [first] = filter[part];
      const isOn = fieldOf(part).kind === "switch" && first === "true";
      return [fieldOf(part).key, isOn || (isSingle(part) ? first : filter[part])];
    }),
  );
}

/** Whether a change can choose all its tasks: commands that change tasks don't search. */
export function isSelection(filter: Filter): boolean {
  return !PAGE_PARTS.some((part) => filter[part].length > 0 && !CHOOSING.includes(part) && part !== "sort");
}

const CHOOSING = PAGE_PARTS.filter((part) => CHOOSING_PARTS.includes(part));

/** Chooses tasks for a change (docs/http.md): all of a filter, or some. @param only of these statuses */
export function selectionOf(chosen: Filter | readonly TaskId[], only?: readonly string[]): object {
  const status = only === undefined ? {} : { status: only };
  if ("users" in chosen) {
    const selection = { ...keysOf(chosen, CHOOSING), ...status };
    return Object.keys(selection).length === 0 ? { all: true } : selection;
  }
  const [first] = chosen;
  const isOfOne = chosen.every(({ userId }) => userId === first?.userId);
  if (isOfOne) return { user_id: first?.userId, task_ids: chosen.map(({ taskId }) => taskId), ...status };
  return { task_ids: chosen.map(memberOf), ...status };
}

/** How the page names a part, in its address and its form: as the flag. */
export function nameOf(part: PagePart): string {
  return FLAG_NAMES[part].slice(2);
}

/** A position in the list. */
export interface Place {
  readonly filter: Filter;
  /** From 1. */
  readonly page: number;
  /** The task whose row is open; null for none. */
  readonly task: NamedTask | null;
}

/** The request of the list: the filter last applied, never a half-typed one. */
export interface Request extends Omit<Place, "task"> {
  readonly pageSize: number;
}

/** A task of an address, and the tab of its row. */
export interface NamedTask extends TaskId {
  readonly tab?: Tab | undefined;
}

export type Tab = "record" | "log";

const TASK_ID = "task";
const TASK_USER = "task-user";
const TAB = "tab";

/** In characters. Some programs cut a longer address, so thousands of ids stay out of it. */
const LONGEST = 2000;

/**
 * The part of the address behind `#`: a page can be reloaded, bookmarked and shared, but its users don't get into the
 * server's log. Empty for the first page without a filter.
 *
 * If the place is too long for an address, the state of the history entry has it; else null.
 */
export function hashOf(place: Place): { hash: string; state: Place | null } {
  const withoutIds = { ...place, filter: { ...place.filter, taskIds: [] } };
  const hashes = [place, withoutIds, { ...withoutIds, task: null }].map(paramsOf);
  const hash = hashes.find(({ length }) => length <= LONGEST) ?? hashes[2]!;
  return { hash, state: hash === hashes[0] ? null : place };
}

function paramsOf({ filter, page, task }: Place): string {
  const draft = draftOf(filter);
  const params = new URLSearchParams();
  for (const part of PAGE_PARTS) if (draft[part] !== "") params.set(nameOf(part), draft[part]);
  if (page > 1) params.set("page", String(page));
  for (const [name, value] of task === null ? [] : taskParams(task)) params.set(name, value);
  return params.toString();
}

/** The part behind `#` of a task's own address, of any length. */
export function taskParams({ userId, taskId, tab }: NamedTask): URLSearchParams {
  return new URLSearchParams({ [TASK_ID]: taskId, [TASK_USER]: userId, ...(tab === "log" && { [TAB]: tab }) });
}

/** The place that an address names; the server checks its filter. @param state what `hashOf` made, or anything else */
export function placeOf(hash: string, state: Partial<Place> | null): Place {
  if (state?.filter !== undefined) return { ...(state as Place), filter: { ...NO_FILTER, ...state.filter } };
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const page = Number(params.get("page") ?? "1");
  const [userId, taskId] = [params.get(TASK_USER), params.get(TASK_ID)];
  return {
    filter: filterIn(eachPart((part) => params.get(nameOf(part)) ?? "")),
    page: Number.isSafeInteger(page) && page >= 1 ? page : 1,
    task: userId && taskId ? { userId, taskId, tab: params.get(TAB) === "log" ? "log" : undefined } : null,
  };
}
