import { fieldJson } from "../json/record.ts";
import { parseWholeNumber } from "./amounts.ts";
import { memberOf, splitIds, type TaskId } from "./ids.ts";
import { OTHER_STATUS, STATUS_CHOICES, shownStatus } from "./status.ts";
import { STUCK } from "./stuck.ts";
import type { Task } from "./task.ts";

/**
 * How a part of a query is given: `user` is one id, in flags several; a `list` is an array in JSON, else a text with commas; a
 * `switch` is true or false, as a flag it has no value.
 */
type Kind = "number" | "user" | "list" | "time" | "switch" | "text";

/** The orders of a list: newest first by a time, or ascending by an id. */
export const SORTS = ["updated", "created", "user", "task"] as const;
export type Sort = (typeof SORTS)[number];

export interface QueryField {
  readonly kind: Kind;
  /** In a JSON body and in a URL; as an option of the library, in camel case. */
  readonly key: string;
  /** As commander declares it; its long name is also that in the address of the page. */
  readonly flags: string;
  readonly help: string;
  /** For people the flag is repeatable, or has a default. */
  readonly flagHelp?: string;
  readonly range?: readonly [least: number, most: number];
  readonly choices?: readonly string[];
  /** The field of the record that must have one of the texts of a list. */
  readonly record?: string;
  /** Whether commands that choose tasks for another purpose than to list them don't have it. */
  readonly onlyLists?: true;
}

type More = Partial<Omit<QueryField, "kind" | "key" | "flags" | "help">>;

function row<K extends Kind, N extends string, const M extends More>(
  kind: K,
  key: N,
  flags: string,
  help: string,
  more = {} as M,
) {
  return { kind, key, flags, help, ...more };
}

const STATUS_HELP = "wait, run, done, error, other for unknown words, or the service's own, separated by commas";

const PAGE_SIZES = [1, 1000] as const;
export const DEFAULT_PAGE_SIZE = 20;

/** Everything that a list of tasks can be asked, for every asker (docs/contract.md, Reading, Commands and HTTP). */
export const QUERY_FIELDS = {
  page: row("number", "page", "-p, --page <n>", "which page, from 1", {
    onlyLists: true,
    range: [1, Number.MAX_SAFE_INTEGER],
  }),
  pageSize: row("number", "page_size", "-n, --page-size <n>", `tasks on a page, ${PAGE_SIZES.join(" to ")}`, {
    flagHelp: ` (default: ${DEFAULT_PAGE_SIZE})`,
    onlyLists: true,
    range: PAGE_SIZES,
  }),
  users: row("user", "user_id", "-u, --user <id>", "tasks of this user", { flagHelp: "; may be given several times" }),
  taskIds: row("list", "task_ids", "-i, --ids <ids>", "these tasks of the user, separated by commas or spaces", {
    flagHelp: "; without --user, each as user:task; - reads stdin",
  }),
  statuses: row("list", "status", "-s, --status <words>", STATUS_HELP, { choices: STATUS_CHOICES }),
  since: row("time", "since", "--since <time>", "last changed at or after: ISO time, or an age such as 2h"),
  until: row("time", "until", "--until <time>", "last changed before: ISO time, or an age such as 7d"),
  stuck: row("switch", "stuck", "--stuck", STUCK),
  search: row("text", "search", "--search <text>", "tasks with this in their text, error or ids; ignores case", {
    onlyLists: true,
  }),
  sort: row("text", "sort", "--sort <by>", "newest first by the last change or creation, or by user or task id", {
    choices: SORTS,
    onlyLists: true,
  }),
};

type Fields = typeof QUERY_FIELDS;
export type QueryPart = keyof Fields;
type KindOf<P extends QueryPart> = Fields[P]["kind"];

interface Values {
  readonly number: number;
  readonly user: readonly string[];
  readonly list: readonly string[];
  readonly time: string;
  readonly switch: boolean;
  readonly text: string;
}

/** An unchecked query of a person or a program; undefined and null mean "not given". */
export type RawQuery = { readonly [P in QueryPart]?: Values[KindOf<P>] | null };

/** The JSON body of a query (docs/contract.md, Commands, docs/json.md). */
export type QueryBody = {
  readonly [P in QueryPart as Fields[P]["key"]]?: (KindOf<P> extends "user" ? string : Values[KindOf<P>]) | null;
};

export const QUERY_PARTS = Object.keys(QUERY_FIELDS) as QueryPart[];
/** The filters and the order, which the page has controls for. */
export type PagePart = Exclude<QueryPart, "page" | "pageSize">;
export const PAGE_PARTS = QUERY_PARTS.filter((part): part is PagePart => part !== "page" && part !== "pageSize");
/** The parts that only lists have; the others choose tasks for any command. */
export const LIST_PARTS = QUERY_PARTS.filter((part) => fieldOf(part).onlyLists);
export const CHOOSING_PARTS = QUERY_PARTS.filter((part) => !LIST_PARTS.includes(part));

export function fieldOf(part: QueryPart): QueryField {
  return QUERY_FIELDS[part];
}

/** How an asker names each part, for messages. */
export type QueryNames = Readonly<Record<QueryPart, string>>;

function namedBy(name: (field: QueryField) => string): QueryNames {
  return Object.fromEntries(QUERY_PARTS.map((part) => [part, name(QUERY_FIELDS[part])])) as QueryNames;
}

/** `page-size`, `page_size` and `page.size` as `pageSize`. */
export function camelCase(name: string): string {
  return name.replace(/[-_.](\w)/g, (_, letter: string) => letter.toUpperCase());
}

export const FLAG_NAMES = namedBy(({ flags }) => /--[\w-]+/.exec(flags)![0]);
export const KEY_NAMES = namedBy(({ key }) => key);
export const BODY_NAMES = namedBy(({ key }) => JSON.stringify(key));
export const OPTION_NAMES = namedBy(({ key }) => camelCase(key));

/** A query of what was given for each part, in the form that its kind has. */
export function rawQuery(given: (part: QueryPart, field: QueryField) => unknown): RawQuery {
  return Object.fromEntries(QUERY_PARTS.map((part) => [part, given(part, QUERY_FIELDS[part]) ?? null]));
}

/** The value of a text; undefined if it isn't one of the kind. */
export function valueIn(text: string, { kind }: QueryField): Values[Kind] | undefined {
  if (kind === "number") return parseWholeNumber(text);
  if (kind === "list") return splitIds(text);
  if (kind === "switch") return text === "true" || text === "false" ? text === "true" : undefined;
  return kind === "user" ? [text] : text;
}

/** Which tasks are meant. Times are epoch seconds: `since <= updated_at < until`. */
export interface TaskFilter {
  readonly users: ReadonlySet<string>;
  /** Shown words, and `other` for all words outside the table; empty means any. */
  readonly statuses: ReadonlySet<string>;
  readonly since: number | null;
  readonly until: number | null;
  /** By field of the record: the texts of which it has one. An absent field and null are the empty text. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  /** In lower case: what the text, the error or an id has. */
  readonly search?: string | undefined;
}

export const NO_FILTER: TaskFilter = {
  users: new Set(),
  statuses: new Set(),
  since: null,
  until: null,
  fields: new Map(),
};

/** What may be known of a task without its record. */
type Known = { readonly userId?: string; readonly status?: string; readonly score?: number };

/** Whether what is known of a task passes; what isn't passes too. */
export function mayPass({ userId, status, score }: Known, filter: TaskFilter): boolean {
  const { users, statuses } = filter;
  if (userId !== undefined && users.size > 0 && !users.has(userId)) return false;
  if (status !== undefined && statuses.size > 0 && !statuses.has(shownStatus(status) ?? OTHER_STATUS)) return false;
  return score === undefined || timePasses(score, filter);
}

export function timePasses(score: number, { since, until }: TaskFilter): boolean {
  return (since === null || score >= since) && (until === null || score < until);
}

/** All tasks of a user, or (undefined) of all. */
export function ofUser(userId: string | undefined): TaskFilter {
  return userId === undefined ? NO_FILTER : { ...NO_FILTER, users: new Set([userId]) };
}

/** The user of a filter that has one; undefined for none and for several. */
export function soleUser({ users }: TaskFilter): string | undefined {
  return users.size === 1 ? [...users][0] : undefined;
}

/** A task as the request names it: by its id if the user is given, else as `user:task`. */
export function givenName(id: TaskId, filter: TaskFilter): string {
  return soleUser(filter) === undefined ? memberOf(id) : id.taskId;
}

export function passes(task: Task, filter: TaskFilter): boolean {
  return mayPass(task, filter) && recordPasses(task, filter);
}

/** The part of a filter that only the record can answer. */
export function recordPasses(task: Task, { fields, search }: TaskFilter): boolean {
  const searched = () => [task.userId, task.taskId, task.error, textOf(task, "text")];
  if (search !== undefined && !searched().some((text) => text.toLowerCase().includes(search))) return false;
  return [...fields].every(([name, texts]) => texts.has(textOf(task, name)));
}

/** Whether a filter asks for more of a record than user, status and time. */
export function needsRecord({ fields, search }: TaskFilter): boolean {
  return fields.size > 0 || search !== undefined;
}

function textOf({ json }: Task, field: string): string {
  const value = fieldJson(json, field) ?? "null";
  return value.startsWith('"') ? (JSON.parse(value) as string) : value === "null" ? "" : value;
}
