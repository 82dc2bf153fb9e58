import { CHOOSING_PARTS, fieldOf, QUERY_PARTS, type QueryField, type QueryPart } from "../task/query-fields.ts";
import type { DialectName } from "../task/rules.ts";
import { SPAN_NAMES } from "../task/spans.ts";
import { STATUS_CHOICES } from "../task/status.ts";
import { VERSION } from "../version.ts";
import { WARNINGS_HEADER } from "./answer.ts";
import { DELETE_KINDS, MARK_KINDS } from "./routes/changes.ts";
import { LOG_FORMATS, MOST_LINES } from "./routes/logs.ts";

const TEXT = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };
const FLAG = { type: "boolean" };
const TIME = { type: "string", format: "date-time" };
const TEXTS = { type: "array", items: TEXT };
const ARRAY = { type: "array" };
const OBJECT = { type: "object" };

type SchemaName = keyof typeof SCHEMAS;

function ref(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** These properties, and none besides. */
function exact(required: Record<string, object>, optional: Record<string, object> = {}): object {
  const properties = { ...required, ...optional };
  return { type: "object", properties, required: Object.keys(required), additionalProperties: false };
}

function arrayOf(items: object): object {
  return { type: "array", items };
}

function oneOf(words: readonly string[]) {
  return { type: "string", enum: words };
}

function integerIn([minimum, maximum]: readonly [number, number]) {
  return { type: "integer", minimum, ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }) };
}

function schemaOf({ kind, range, choices }: QueryField): { type: string } {
  if (kind === "switch") return FLAG;
  return range !== undefined ? integerIn(range) : choices !== undefined ? oneOf(choices) : TEXT;
}

function orNull(schema: { type: string }): object {
  return { ...schema, type: [schema.type, "null"] };
}

const BY_STATUS = Object.fromEntries(STATUS_CHOICES.map((word) => [word, COUNT]));
const SOURCE = oneOf(["redis", "file", "mixed"]);
const HOURS = arrayOf(exact({ from: TIME, total: COUNT, ...BY_STATUS }));
const BARS = arrayOf(exact({ from: TIME, until: TIME, total: COUNT, ...BY_STATUS }));
const COUNTED = { source: SOURCE, at: TIME, user: orNull(TEXT), total: COUNT };
const OF_STATS = {
  ...COUNTED,
  perHour: HOURS,
  byStatus: OBJECT,
  users: COUNT,
  byUser: ARRAY,
  ages: ARRAY,
  dangling: COUNT,
};
const COMMAND = { ...TEXT, description: "a command that shows more, for the server's machine" };
const NAMED_TASK = exact({
  user_id: TEXT,
  task_id: TEXT,
  status: TEXT,
  updated_at: TIME,
  ageSeconds: { type: "number" },
});
const OF_USER_STATS = exact({ user_id: TEXT, total: COUNT, ...BY_STATUS, lastChange: TIME, disk: { type: "null" } });
const POSITIVE = { type: "integer", minimum: 1 };
const ANY_RECORD = { type: "object", description: "the whole record as the service wrote it" };

const OF_CHANGE = {
  requested: COUNT,
  missing: TEXTS,
  refused: arrayOf(exact({ user_id: TEXT, task_id: TEXT, reason: TEXT })),
  failed: COUNT,
  returned: COUNT,
  dryRun: FLAG,
};
const OF_PLAN = { byStatus: { ...OBJECT, description: "of a dry run: the tasks to change by their statuses" } };
const BRAKE = {
  type: ["integer", "string", "null"],
  description: 'the most tasks to change, such as 500 or "80%"; without it there is no limit',
};

function keysOf(parts: readonly QueryPart[]): Record<string, object> {
  return Object.fromEntries(
    parts.map(fieldOf).map((field) => [field.key, orNull(field.kind === "list" ? TEXTS : schemaOf(field))]),
  );
}

function requestFor(kinds: typeof DELETE_KINDS | typeof MARK_KINDS): object {
  const schemas = { switch: orNull(FLAG), text: orNull(TEXT), brake: BRAKE };
  const more = Object.entries(kinds).map(([key, kind]) => [key, schemas[kind]]);
  return {
    type: "object",
    description:
      "A selection, or all: true. Null is the same as leaving the key out; an empty list or text is an error.",
    properties: { ...keysOf(CHOOSING_PARTS), ...Object.fromEntries(more) },
    ...("to" in kinds ? { required: ["to"] } : {}),
    additionalProperties: false,
  };
}

function enveloped(data: object): object {
  return exact({ code: { const: 0 }, message: TEXT, data });
}

const FILES = arrayOf(
  exact({ path: TEXT, bytes: COUNT, url: orNull(TEXT), audio: FLAG }, { seconds: { type: "number" }, damaged: FLAG }),
);

const SCHEMAS = {
  Task: {
    type: "object",
    description: "The whole record as the service wrote it, the status as one of four words if it is known.",
    properties: {
      user_id: TEXT,
      task_id: TEXT,
      status: { ...TEXT, description: "wait, run, done, error, or a word of the service's own" },
      error: { description: "a string, or null" },
      created_at: { description: "ISO 8601, or epoch seconds" },
      updated_at: { description: "ISO 8601, or epoch seconds" },
    },
    required: ["user_id", "task_id"],
    additionalProperties: true,
  },
  TaskPage: exact(
    {
      total: COUNT,
      page: POSITIVE,
      pageSize: COUNT,
      source: SOURCE,
      items: arrayOf({ $ref: "#/components/schemas/Task" }),
      missing: { ...TEXTS, description: "ids asked for that neither store has" },
      dangling: { ...COUNT, description: "members of the index in Redis without a task" },
    },
    {
      stopped: {
        ...exact({ looked: COUNT, at: orNull(TIME) }),
        description: "the search stopped early, after this many of the newest tasks; to continue, send at as until",
      },
    },
  ),
  Query: {
    type: "object",
    description: "Null, an empty list and an empty user don't filter. Task ids need a user.",
    properties: keysOf(QUERY_PARTS),
    additionalProperties: false,
  },
  DeletionRequest: requestFor(DELETE_KINDS),
  MarkingRequest: requestFor(MARK_KINDS),
  TaskFiles: exact({ files: FILES }),
  AudioRequest: {
    type: "object",
    properties: { tasks: arrayOf(exact({ user_id: TEXT, task_id: TEXT })) },
    required: ["tasks"],
    additionalProperties: false,
  },
  TasksAudio: exact({ audio: { ...arrayOf(FILES), description: "one list for each task, in the order asked" } }),
  TaskUsers: exact({ users: TEXTS }),
  TaskLogs: exact({ logs: arrayOf(exact({ path: TEXT, lines: TEXTS })) }),
  Deletion: exact({ ...OF_CHANGE, deleted: COUNT, files: COUNT, bytes: COUNT }, OF_PLAN),
  Marking: exact({ ...OF_CHANGE, marked: COUNT, unchanged: COUNT }, OF_PLAN),
  Stats: {
    ...exact(OF_STATS),
    description: "As `ttsctl stats -o json`; docs/json.md has every part.",
    additionalProperties: true,
  },
  StatsUsers: exact({ source: SOURCE, at: TIME, users: COUNT, byUser: arrayOf(OF_USER_STATS) }),
  StatsChart: exact({ ...COUNTED, byStatus: exact(BY_STATUS), stuck: COUNT, span: oneOf(SPAN_NAMES), bars: BARS }),
  StatsHealth: exact({
    attention: { ...arrayOf(oneOf(["stuck", "drift", "cleanup"])), description: "the parts that need attention" },
    stuck: exact({
      count: COUNT,
      afterSeconds: { type: "number" },
      oldest: { anyOf: [NAMED_TASK, { type: "null" }] },
      command: COMMAND,
    }),
    drift: {
      anyOf: [
        exact({
          at: TIME,
          checked: { ...COUNT, description: "how many tasks were compared" },
          inFile: COUNT,
          inRedis: COUNT,
          kinds: {
            type: "object",
            additionalProperties: COUNT,
            description: "how many differ, as `ttsctl verify -o json`",
          },
          command: COMMAND,
        }),
        { type: "null", description: "the stores can't be compared now" },
      ],
    },
    cleanup: exact({
      runs: { ...oneOf(["here", "watcher", "unknown", "off"]), description: "which process purges" },
      retention: { type: "number", description: "seconds" },
      last: {
        anyOf: [
          exact({ at: TIME, exitCode: COUNT, error: orNull(TEXT), purged: orNull(COUNT) }),
          { type: "null", description: "unknown" },
        ],
      },
      next: orNull(TIME),
      command: COMMAND,
    }),
  }),
  Health: exact({
    status: oneOf(["ok", "degraded", "down"]),
    store: oneOf(["ok", "missing", "unreadable"]),
    redis: oneOf(["ok", "down", "off"]),
    syncing: FLAG,
    version: TEXT,
    timezone: { ...TEXT, description: "of times without an offset" },
    readOnly: { ...FLAG, description: "started with --read-only" },
    token: { ...FLAG, description: "whether other requests need one" },
  }),
  Login: exact({ token: TEXT }),
  ApiMsPage: enveloped(exact({ total: COUNT, pageIndex: POSITIVE, pageSize: POSITIVE, data: arrayOf(ANY_RECORD) })),
  ApiMsTask: enveloped(ANY_RECORD),
  ApiMsRemoved: enveloped(exact({ removed: { ...FLAG, description: "false if the task doesn't exist" } })),
  ApiMsFailure: exact({
    code: { type: "integer", enum: [1, 2, 3], description: "1 failure, 2 not found or refused, 3 wrong parameter" },
    message: TEXT,
    data: exact({}),
  }),
  Problem: exact({
    type: { const: "about:blank" },
    title: TEXT,
    status: { type: "integer" },
    detail: TEXT,
    code: { ...TEXT, description: "a fixed word, such as USAGE or TASK_UNFINISHED" },
    hint: orNull(TEXT),
  }),
};

function query(name: string, description: string, schema: object = TEXT, required = false): object {
  return { name, in: "query", description, required, schema };
}

/** How an endpoint is described. Parameters in its path are added. */
interface Operation {
  readonly id: string;
  readonly summary: string;
  /** The name of the answer's schema, or the type of an answer that isn't JSON; none: 204. */
  readonly answer?:
    | SchemaName
    | "text/plain"
    | "text/html"
    | "text/event-stream"
    | "application/json"
    | "*/*"
    | undefined;
  /** The schema in the dialect `api_ms`, which also answers failures with 200. */
  readonly inApiMs?: SchemaName;
  readonly params?: readonly object[];
  readonly body?: SchemaName;
  /** Statuses that aren't an answer of the kind above, nor the default refusal. */
  readonly also?: Readonly<Record<number, string>>;
  /** Whether it needs no token. */
  readonly open?: true;
}

const SWITCH = oneOf(["true", "false"]);
const LINES = query("lines", "how many of the last lines; 20 by default", integerIn([1, MOST_LINES]));
const OF_USER = query("user_id", "only the tasks of this user");
/** The answer to `If-None-Match` with its tag. */
const UNCHANGED = { 304: "it hasn't changed since that tag" };

const LIST = QUERY_PARTS.map((part) => {
  const field = fieldOf(part);
  return query(field.key, field.help, field.kind === "list" ? TEXT : schemaOf(field));
});

type Answer = Operation["answer"];
type More = Omit<Operation, "id" | "summary" | "answer">;

function row(id: string, summary: string, answer?: Answer, more: More = {}): Operation {
  return { id, summary, answer, ...more };
}

const ANY_TASK = query("task_id", "any id; a path can't have . and ..", TEXT, true);
const EVENTS = "text/event-stream";

function ofOneTask(path: string, name: string, task: readonly object[], isApiMs: boolean): Record<string, Operation> {
  const user = query("user_id", "the user of the task", TEXT, true);
  const owner = { ...user, required: !isApiMs };
  const force = query("force", "true: also delete a task with the status wait or run", SWITCH);
  const logs = query("logs", "false: skip logs, which may be in any hour's directory", SWITCH);
  const format = query("format", "text: as `ttsctl logs` prints them", oneOf(LOG_FORMATS));
  const removing = { inApiMs: "ApiMsRemoved", params: [...task, owner, force] } as const;
  const one = { inApiMs: "ApiMsTask", params: [...task, owner], also: UNCHANGED } as const;
  const following = "The last lines of a task's logs, then new ones, until the task is finished";
  const rows = {
    GET: row(`get${name}`, "One task", "Task", one),
    DELETE: row(`delete${name}`, "Deletes a task from both stores, with its audio and logs", "Deletion", removing),
    "GET /files": row(`get${name}Files`, "The audio and logs of a task", "TaskFiles", {
      params: [...task, user, logs],
    }),
    "GET /users": row(`get${name}Users`, "The users that have a task with this id", "TaskUsers", { params: task }),
    "GET /logs": row(`get${name}Logs`, "The last lines of a task's logs, oldest log first", "TaskLogs", {
      params: [...task, user, LINES, format],
    }),
    "GET /logs/stream": row(`follow${name}Logs`, `${following}: events lines, note, problem, end`, EVENTS, {
      params: [...task, user, LINES],
    }),
  };
  return Object.fromEntries(Object.entries(rows).map(([at, each]) => [at.replace(/ |$/, ` ${path}`), each]));
}

function operations(isApiMs: boolean): Readonly<Record<string, Operation>> {
  const more = isApiMs ? [query("ids", "as task_ids"), query("task_id", "one more task id")] : [];
  return {
    "GET /voice-tasks": row("listTasks", "A page of tasks, newest first; or the tasks of some ids", "TaskPage", {
      inApiMs: "ApiMsPage",
      params: [...LIST, ...more],
      also: UNCHANGED,
    }),
    "POST /voice-tasks/query": row("queryTasks", "The same for a query of up to 8 MiB and 100,000 ids", "TaskPage", {
      inApiMs: "ApiMsPage",
      body: "Query",
    }),
    ...ofOneTask("/voice-tasks/{task_id}", "Task", [], isApiMs),
    ...ofOneTask("/voice-task", "AnyTask", [ANY_TASK], isApiMs),
    "POST /voice-tasks/delete": row("deleteTasks", "Deletes chosen tasks, with their audio and logs", "Deletion", {
      body: "DeletionRequest",
    }),
    "POST /voice-tasks/audio": row(
      "getAudio",
      "The audio of at most 1,000 tasks; none of an unknown one",
      "TasksAudio",
      {
        body: "AudioRequest",
      },
    ),
    "POST /voice-tasks/mark": row("markTasks", "Sets the status of chosen tasks in both stores", "Marking", {
      body: "MarkingRequest",
    }),
    "GET /output/{user}/{task}/{file}": row("getFile", "A file of a task, also below its directory", "*/*", {
      also: { 206: "the part that Range asks for", ...UNCHANGED },
    }),
    "GET /stats": row("getStats", "Counts, ages, disk use; some seconds old if counting takes long", "Stats", {
      params: [OF_USER, query("disk", "false: leave out audio and logs", SWITCH)],
      also: UNCHANGED,
    }),
    "GET /stats/chart": row("getChart", "Tasks by hour, six hours or day of their last change", "StatsChart", {
      params: [OF_USER, query("span", "the time span of the chart; 24h by default", oneOf(SPAN_NAMES))],
      also: UNCHANGED,
    }),
    "GET /stats/users": row("getUsers", "At most 20 users, those with the most tasks first", "StatsUsers", {
      params: [query("search", "only users with this text in their ids, ignoring case")],
      also: UNCHANGED,
    }),
    "GET /stats/health": row("getAttention", "Stuck tasks, drift in a sample, and the last cleanup", "StatsHealth", {
      also: UNCHANGED,
    }),
    "GET /stream": row("listen", "An event whenever the stores may have changed: changed, problem", EVENTS),
    "GET /healthz": row("getHealth", "Whether the stores can answer", "Health", {
      open: true,
      also: { 503: "neither can" },
    }),
    "GET /metrics": row("getMetrics", "For Prometheus", "text/plain"),
    "GET /openapi.json": row("getDescription", "This description", "application/json", { open: true }),
    "POST /login": row("logIn", "Opens a browser session: a cookie instead of the token", undefined, {
      open: true,
      body: "Login",
    }),
    "POST /logout": row("logOut", "Ends it", undefined, { open: true }),
    "GET /": row("getPage", "The page", "text/html", { open: true }),
  };
}

const WARNINGS = {
  [WARNINGS_HEADER]: { description: "the warnings of the command line: a JSON array of strings", schema: TEXT },
};

function content(schema: object, type = "application/json") {
  return { content: { [type]: { schema } } };
}

function answerOf(answer: Operation["answer"], isApiMs: boolean): object {
  if (answer === undefined) return {};
  if (answer.includes("/")) return content(answer.startsWith("text/") ? TEXT : {}, answer);
  const schema = ref(answer as SchemaName);
  const { content: json } = content(isApiMs ? { anyOf: [schema, ref("ApiMsFailure")] } : schema);
  return {
    headers: WARNINGS,
    content: answer === "TaskLogs" ? { ...json, ...content(TEXT, "text/plain").content } : json,
  };
}

function described(path: string, operation: Operation, isServedAsApiMs: boolean): object {
  const { id, summary, answer, inApiMs, params = [], body, also = {}, open } = operation;
  const isApiMs = isServedAsApiMs && inApiMs !== undefined;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const refusal = isApiMs ? content(ref("ApiMsFailure")) : content(ref("Problem"), "application/problem+json");
  const whole = answerOf(isApiMs ? inApiMs : answer, isApiMs);
  const others = Object.entries(also).map(([status, description]) => {
    return [status, { description, ...(status === "304" ? {} : whole) }];
  });
  return {
    operationId: id,
    summary,
    parameters: [...names.map((name) => ({ name, in: "path", required: true, schema: TEXT })), ...params],
    ...(body === undefined ? {} : { requestBody: { required: true, ...content(ref(body)) } }),
    responses: {
      [answer === undefined ? 204 : 200]: { description: summary, ...whole },
      ...Object.fromEntries(others),
      default: { description: "the error", ...refusal },
    },
    ...(open ? { security: [] } : {}),
  };
}

/** @param cookie the name of that of a session @param dialect that of the server */
export function openapi(basePath: string, cookie: string, dialect: DialectName): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, operation] of Object.entries(operations(dialect === "api_ms"))) {
    const [method, path] = name.split(" ") as [string, string];
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(path, operation, dialect === "api_ms") };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "ttsctl",
      version: VERSION,
      license: { name: "MIT", identifier: "MIT" },
      description: "The tasks of a text-to-speech service: from Redis if it can answer, else from the store file.",
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "[http] token, if one is set" },
        session: { type: "apiKey", in: "cookie", name: cookie },
      },
    },
  };
}
