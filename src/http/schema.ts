import { CHOOSING_PARTS, fieldOf, QUERY_PARTS, type QueryField, type QueryPart } from "../task/query-fields.ts";
import { SPAN_NAMES } from "../task/spans.ts";
import { STATUS_CHOICES } from "../task/status.ts";

/** A JSON schema; `of` is the type of what it describes, and is never set. */
type Schema<T> = { readonly of?: T; readonly [keyword: string]: unknown };

type Of<S> = S extends Schema<infer T> ? T : never;
type Shape = Readonly<Record<string, Schema<unknown>>>;
type Required<R extends Shape> = { readonly [K in keyof R]: Of<R[K]> };
type Optional<O extends Shape> = { readonly [K in keyof O]?: Of<O[K]> };

export const TEXT: Schema<string> = { type: "string" };
const COUNT: Schema<number> = { type: "integer", minimum: 0 };
const POSITIVE: Schema<number> = { type: "integer", minimum: 1 };
const SECONDS: Schema<number> = { type: "number" };
const FLAG: Schema<boolean> = { type: "boolean" };
const TIME: Schema<string> = { type: "string", format: "date-time" };
const ARRAY: Schema<readonly unknown[]> = { type: "array" };
const OBJECT: Schema<object> = { type: "object" };
const TEXTS = arrayOf(TEXT);

export type SchemaName = keyof typeof SCHEMAS;

export function ref(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** These properties, and none besides. */
function exact<R extends Shape, O extends Shape = Record<never, never>>(
  required: R,
  optional?: O,
): Schema<Required<R> & Optional<O>> {
  const properties = { ...required, ...optional };
  return { type: "object", properties, required: Object.keys(required), additionalProperties: false };
}

function arrayOf<T>(items: Schema<T>): Schema<readonly T[]> {
  return { type: "array", items };
}

export function oneOf<const W extends string>(words: readonly W[]): Schema<W> {
  return { type: "string", enum: words };
}

export function integerIn([minimum, maximum]: readonly [number, number]): Schema<number> {
  return { type: "integer", minimum, ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }) };
}

export function schemaOf({ kind, range, choices }: QueryField): Schema<unknown> {
  if (kind === "list") return TEXTS;
  if (kind === "switch") return FLAG;
  return range !== undefined ? integerIn(range) : choices !== undefined ? oneOf(choices) : TEXT;
}

function orNull<T>(schema: Schema<T>): Schema<T | null> {
  return { ...schema, type: [schema.type, "null"] };
}

function about<T>(schema: Schema<T>, description: string): Schema<T> {
  return { ...schema, description };
}

function counts<K extends string>(...names: readonly K[]): Record<K, Schema<number>> {
  return Object.fromEntries(names.map((name) => [name, COUNT])) as Record<K, Schema<number>>;
}

const BY_STATUS = counts(...STATUS_CHOICES);
const SOURCE = oneOf(["redis", "file", "mixed"]);
const BAR = exact({ from: TIME, until: TIME, total: COUNT, ...BY_STATUS });
const COUNTED = { source: SOURCE, at: TIME, user: orNull(TEXT), total: COUNT };
const PER_HOUR = arrayOf(exact({ from: TIME, total: COUNT, ...BY_STATUS }));
const OF_STATS = { ...COUNTED, ...counts("users", "dangling"), perHour: PER_HOUR, byStatus: OBJECT, byUser: ARRAY };
const COMMAND = about(TEXT, "a command that shows more and changes nothing, for a shell on the server's machine");
const NAMED_TASK = exact({ user_id: TEXT, task_id: TEXT, status: TEXT, updated_at: TIME, ageSeconds: SECONDS });
const DISK = exact({ audioBytes: COUNT, logBytes: COUNT });
const USER_STATS = exact({ user_id: TEXT, total: COUNT, ...BY_STATUS, lastChange: TIME, disk: orNull(DISK) });
const ANY_RECORD = about(OBJECT, "the whole record as the service wrote it");
const UNFINISHED = about(FLAG, "only with force the task is deleted");
const REFUSED = arrayOf(exact({ user_id: TEXT, task_id: TEXT, reason: TEXT }, { unfinished: UNFINISHED }));
const OF_CHANGE = { ...counts("requested", "failed", "returned"), missing: TEXTS, refused: REFUSED, dryRun: FLAG };
const OF_PLAN = { byStatus: about(OBJECT, "of a dry run: the tasks to change by their statuses") };

/** The kinds of the keys that a body has beside those of a selection. */
export const DELETE_KINDS = { all: "switch", force: "switch", dry_run: "switch", max_delete: "brake" } as const;
export const MARK_KINDS = { to: "text", error: "text", all: "switch", dry_run: "switch", max_mark: "brake" } as const;

const MOST = 'the most tasks to change, such as 500 or "80%"; without it there is no limit';
const BRAKE: Schema<number | string | null> = { type: ["integer", "string", "null"], description: MOST };
const OF_KIND = { switch: orNull(FLAG), text: orNull(TEXT), brake: BRAKE };

/** A checked body with keys of these kinds. */
export type BodyOf<K extends Readonly<Record<string, keyof typeof OF_KIND>>> = {
  readonly [P in keyof K]?: Of<(typeof OF_KIND)[K[P]]>;
} & Readonly<Record<string, unknown>>;

function keysOf(parts: readonly QueryPart[]): Record<string, object> {
  return Object.fromEntries(parts.map(fieldOf).map((field) => [field.key, orNull(schemaOf(field))]));
}

const OF_REQUESTS =
  "A selection, or all: true. Null is the same as leaving the key out; an empty list or text is an error.";

function requestFor(kinds: typeof DELETE_KINDS | typeof MARK_KINDS): object {
  const more = Object.entries(kinds).map(([key, kind]) => [key, OF_KIND[kind]]);
  return {
    type: "object",
    description: OF_REQUESTS,
    properties: { ...keysOf(CHOOSING_PARTS), ...Object.fromEntries(more) },
    ...("to" in kinds ? { required: ["to"] } : {}),
    additionalProperties: false,
  };
}

function enveloped(data: Schema<unknown>): object {
  return exact({ code: { const: 0 }, message: TEXT, data });
}

/** A file of a task, as in `get -o json`. */
const FILE_URL = about(orNull(TEXT), "relative to where the API is; null for a log");
const FILE = exact({ path: TEXT, bytes: COUNT, url: FILE_URL, audio: FLAG }, { seconds: SECONDS, damaged: FLAG });

const ITEM = { $ref: "#/components/schemas/Task" } as Schema<Readonly<Record<string, unknown>>>;
const STOPPED = about(
  exact({ looked: COUNT, at: orNull(TIME) }),
  "the search stopped early, after this many of the newest tasks; to continue, send at as until",
);
const KINDS = about<Readonly<Record<string, number>>>(
  { type: "object", additionalProperties: COUNT },
  "how many differ, as `ttsctl verify -o json`",
);
const CHECKED = about(COUNT, "how many tasks were compared");
const DRIFT = exact({ at: TIME, checked: CHECKED, ...counts("inFile", "inRedis"), kinds: KINDS, command: COMMAND });
const LAST_PASS = exact({ at: TIME, exitCode: COUNT, error: orNull(TEXT), purged: orNull(COUNT) });

export const SCHEMAS = {
  Task: {
    type: "object",
    description: "The whole record as the service wrote it, the status as one of four words if it is known.",
    properties: {
      user_id: TEXT,
      task_id: TEXT,
      status: about(TEXT, "wait, run, done, error, or a word of the service's own"),
      error: { description: "a string, or null" },
      created_at: { description: "ISO 8601, or epoch seconds" },
      updated_at: { description: "ISO 8601, or epoch seconds" },
    },
    required: ["user_id", "task_id"],
    additionalProperties: true,
  },
  TaskPage: exact(
    {
      ...counts("total", "pageSize"),
      page: POSITIVE,
      source: SOURCE,
      items: arrayOf(ITEM),
      missing: about(TEXTS, "ids asked for that neither store has"),
      dangling: about(COUNT, "members of the index in Redis without a task"),
    },
    { stopped: STOPPED },
  ),
  Query: {
    type: "object",
    description: "Null, an empty list and an empty user don't filter. Task ids need a user.",
    properties: keysOf(QUERY_PARTS),
    additionalProperties: false,
  },
  DeletionRequest: requestFor(DELETE_KINDS),
  MarkingRequest: requestFor(MARK_KINDS),
  TaskFiles: exact({ files: arrayOf(FILE) }),
  AudioRequest: exact({ tasks: arrayOf(exact({ user_id: TEXT, task_id: TEXT })) }),
  TasksAudio: exact({ audio: about(arrayOf(arrayOf(FILE)), "one list for each task, in the order asked") }),
  TaskUsers: exact({ users: TEXTS }),
  TaskLogs: exact({ logs: arrayOf(exact({ path: TEXT, lines: TEXTS })) }),
  Deletion: exact({ ...OF_CHANGE, ...counts("deleted", "files", "bytes") }, OF_PLAN),
  Marking: exact({ ...OF_CHANGE, ...counts("marked", "unchanged") }, OF_PLAN),
  Stats: {
    ...exact({ ...OF_STATS, ages: ARRAY }),
    description: "As `ttsctl stats -o json`; docs/json.md has every part.",
    additionalProperties: true,
  },
  StatsUsers: exact({ source: SOURCE, at: TIME, users: COUNT, byUser: arrayOf(USER_STATS) }),
  StatsChart: exact({
    ...COUNTED,
    byStatus: exact(BY_STATUS),
    stuck: COUNT,
    span: oneOf(SPAN_NAMES),
    bars: arrayOf(BAR),
  }),
  StatsHealth: exact({
    attention: about(arrayOf(oneOf(["stuck", "drift", "cleanup"])), "the parts that need attention"),
    stuck: exact({ count: COUNT, afterSeconds: SECONDS, oldest: orNull(NAMED_TASK), command: COMMAND }),
    drift: about(orNull(DRIFT), "null: the stores can't be compared now"),
    cleanup: exact({
      runs: about(oneOf(["here", "watcher", "unknown", "off"]), "which process purges"),
      retention: about(SECONDS, "seconds"),
      last: about(orNull(LAST_PASS), "null: unknown"),
      next: orNull(TIME),
      command: COMMAND,
    }),
  }),
  Health: exact({
    status: about(oneOf(["ok", "degraded", "down"]), "degraded: one of the stores can't answer; down: neither can"),
    store: about(
      oneOf(["ok", "missing", "unreadable"]),
      "missing counts as an empty store; unreadable also if Redis has tasks and the file none",
    ),
    redis: oneOf(["ok", "down", "off"]),
    syncing: FLAG,
    version: TEXT,
    timezone: about(TEXT, "of times without an offset, an IANA name"),
    readOnly: about(FLAG, "started with --read-only"),
    token: about(FLAG, "whether other requests need one"),
  }),
  Login: exact({ token: TEXT }),
  ApiMsPage: enveloped(exact({ total: COUNT, pageIndex: POSITIVE, pageSize: POSITIVE, data: arrayOf(ANY_RECORD) })),
  ApiMsTask: enveloped(ANY_RECORD),
  ApiMsRemoved: enveloped(exact({ removed: about(FLAG, "false if the task doesn't exist") })),
  ApiMsFailure: exact({
    code: { type: "integer", enum: [1, 2, 3], description: "1 failure, 2 not found or refused, 3 wrong parameter" },
    message: TEXT,
    data: exact({}),
  }),
  Problem: exact({
    type: { const: "about:blank" } as Schema<"about:blank">,
    title: TEXT,
    status: { type: "integer" } as Schema<number>,
    detail: TEXT,
    code: about(TEXT, "a fixed word, such as USAGE or TASK_UNFINISHED"),
    hint: orNull(TEXT),
  }),
};

/** Answers by the names of their schemas. */
export type AnswerOf<N extends SchemaName> = Of<(typeof SCHEMAS)[N]>;
export type Health = AnswerOf<"Health">;
export type StatsChart = AnswerOf<"StatsChart">;
export type StatsHealth = AnswerOf<"StatsHealth">;
export type TaskFile = Of<typeof FILE>;
export type TaskPage = AnswerOf<"TaskPage">;
