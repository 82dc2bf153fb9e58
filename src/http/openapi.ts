import { CHOOSING_PARTS, fieldOf, QUERY_PARTS, type QueryField, type QueryPart } from "../task/query-fields.ts";
import { LAYOUT_NAMES } from "../task/rules.ts";
import { SPAN_NAMES } from "../task/spans.ts";
import { STATUS_CHOICES } from "../task/status.ts";
import { WARNINGS_HEADER } from "./answer.ts";
import { DIALECT_HEADER } from "./dialects.ts";
import { DELETE_KINDS, MARK_KINDS } from "./routes/changes.ts";
import { LOG_FORMATS, MOST_LINES } from "./routes/logs.ts";

const TEXT = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };
const FLAG = { type: "boolean" };
const TIME = { type: "string", format: "date-time" };
const TEXTS = { type: "array", items: TEXT };
const LIST = { type: "array" };
const OBJECT = { type: "object" };

function ref(name: keyof typeof SCHEMAS): object {
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
const OF_HOURS = { ...COUNTED, perHour: HOURS };
const OF_STATS = { ...OF_HOURS, byStatus: OBJECT, users: COUNT, byUser: LIST, ages: LIST, dangling: COUNT };
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
  StatsHours: exact({ ...OF_HOURS, byStatus: exact(BY_STATUS) }),
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

function inPath(name: string): object {
  return { name, in: "path", required: true, schema: TEXT };
}

const USER = query("user_id", "the user of the task", TEXT, true);
const USER_OR_LONE = query("user_id", "the user of the task; not needed in the dialect api_ms");
const OF_USER = query("user_id", "only the tasks of this user");
const TASK = inPath("task_id");
const SWITCH = oneOf(["true", "false"]);

const QUERY_PARAMETERS = QUERY_PARTS.map((part) => {
  const field = fieldOf(part);
  return query(field.key, field.help, field.kind === "list" ? TEXT : schemaOf(field));
});
const LIST_PARAMETERS = [
  ...QUERY_PARAMETERS,
  query("ids", "dialect api_ms: as task_ids"),
  query("task_id", "dialect api_ms: one more task id"),
];

const WARNINGS = {
  [WARNINGS_HEADER]: { description: "the warnings of the command line: a JSON array of strings", schema: TEXT },
};
const PROBLEM = { description: "the error (RFC 9457)", ...content(ref("Problem"), "application/problem+json") };
const REFUSAL = {
  description: "the error (RFC 9457), or in the dialect api_ms its envelope",
  content: { ...PROBLEM.content, ...content(ref("ApiMsFailure")).content },
};
const DIALECT = {
  name: DIALECT_HEADER,
  in: "header",
  required: false,
  schema: oneOf(LAYOUT_NAMES),
  description: "the dialect of this request, instead of [http] dialect",
};

function content(schema: object, type = "application/json") {
  return { content: { [type]: { schema } } };
}

function jsonOf(schema: object, description: string): object {
  return { description, headers: WARNINGS, ...content(schema) };
}

/** An answer in the plain dialect or in api_ms, which also answers failures with 200. */
function eitherOf(name: keyof typeof SCHEMAS, inApiMs: keyof typeof SCHEMAS, description: string): object {
  return jsonOf({ anyOf: [ref(name), ref(inApiMs), ref("ApiMsFailure")] }, description);
}

function bodyOf(name: keyof typeof SCHEMAS): object {
  return { required: true, ...content(ref(name)) };
}

type Extra = {
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly security?: readonly [];
};

function operation(summary: string, responses: Record<string, object>, extra: Extra = {}): object {
  return { summary, parameters: [], responses: { default: PROBLEM, ...responses }, ...extra };
}

/** An operation of an endpoint that has dialects. */
function inDialects(summary: string, answer: object, { parameters = [], ...extra }: Extra, more = {}): object {
  const responses = { 200: answer, ...more, default: REFUSAL };
  return operation(summary, responses, { ...extra, parameters: [...parameters, DIALECT] });
}

function ofOneTask(path: string, task: object): Record<string, object> {
  return {
    [`GET ${path}`]: inDialects(
      "One task",
      eitherOf("Task", "ApiMsTask", "the task"),
      {
        parameters: [task, USER_OR_LONE],
      },
      UNCHANGED,
    ),
    [`DELETE ${path}`]: inDialects(
      "Deletes a task from both stores, with its audio and logs",
      eitherOf("Deletion", "ApiMsRemoved", "the task was deleted"),
      {
        parameters: [
          task,
          USER_OR_LONE,
          query("force", "true: also delete a task with the status wait or run", SWITCH),
        ],
      },
      { 409: REFUSAL },
    ),
    [`GET ${path}/files`]: operation(
      "The audio and logs of a task",
      { 200: jsonOf(ref("TaskFiles"), "the files") },
      { parameters: [task, USER, query("logs", "false: skip logs, which may be in any hour's directory", SWITCH)] },
    ),
    [`GET ${path}/users`]: operation(
      "The users that have a task with this id",
      { 200: jsonOf(ref("TaskUsers"), "none if neither store has such a task") },
      { parameters: [task] },
    ),
    [`GET ${path}/logs`]: operation(
      "The last lines of a task's logs",
      { 200: { ...jsonOf(ref("TaskLogs"), "the lines, oldest log first"), content: LOG_CONTENT } },
      { parameters: [task, USER, LINES, query("format", "text: as `get --log` prints them", oneOf(LOG_FORMATS))] },
    ),
    [`GET ${path}/logs/stream`]: operation(
      "The last lines of a task's logs, then new ones as they come, until the task is finished",
      { 200: { description: "events: lines, note, problem, end", ...content(TEXT, "text/event-stream") } },
      { parameters: [task, USER, LINES] },
    ),
  };
}

const LINES = query("lines", "how many of the last lines; 20 by default", integerIn([1, MOST_LINES]));
const LOG_CONTENT = { ...content(ref("TaskLogs")).content, ...content(TEXT, "text/plain").content };

const SPAN = query("span", "the time span of the chart; 24h by default", oneOf(SPAN_NAMES));

/** The answer to `If-None-Match` with its tag. */
const UNCHANGED = { 304: { description: "it hasn't changed since that tag" } };

const OPEN = { security: [] } as const;
const FILE = { "*/*": {} };

const OPERATIONS: Readonly<Record<string, object>> = {
  "GET /voice-tasks": inDialects(
    "A page of tasks, newest first, 20 by default (api_ms: 10, at most 100); or the tasks of some ids",
    eitherOf("TaskPage", "ApiMsPage", "the page, as `ttsctl list -o json`"),
    { parameters: LIST_PARAMETERS },
    UNCHANGED,
  ),
  "POST /voice-tasks/query": inDialects(
    "The same for a query of up to 8 MiB and 100,000 ids",
    eitherOf("TaskPage", "ApiMsPage", "the page, as `ttsctl query -o json`"),
    { requestBody: bodyOf("Query") },
  ),
  ...ofOneTask("/voice-tasks/{task_id}", TASK),
  ...ofOneTask("/voice-task", query("task_id", "any id; a path can't have . and ..", TEXT, true)),
  "POST /voice-tasks/delete": operation(
    "Deletes chosen tasks from both stores, with their audio and logs",
    { 200: jsonOf(ref("Deletion"), "as `ttsctl delete -o json`"), 409: PROBLEM },
    { requestBody: bodyOf("DeletionRequest") },
  ),
  "POST /voice-tasks/audio": operation(
    "The audio of some tasks, at most 1,000",
    { 200: jsonOf(ref("TasksAudio"), "the files of each task; none of an unknown one") },
    { requestBody: bodyOf("AudioRequest") },
  ),
  "POST /voice-tasks/mark": operation(
    "Sets the status of chosen tasks in both stores",
    { 200: jsonOf(ref("Marking"), "as `ttsctl mark -o json`"), 409: PROBLEM },
    { requestBody: bodyOf("MarkingRequest") },
  ),
  "GET /output/{user}/{task}/{file}": operation(
    "A file of a task, or a part of it with Range; the file may be in subdirectories",
    {
      200: { description: "the file", content: FILE },
      206: { description: "a part of it", content: FILE },
      ...UNCHANGED,
      416: PROBLEM,
    },
    { parameters: [inPath("user"), inPath("task"), inPath("file")] },
  ),
  "GET /stats": operation(
    "Counts, ages, disk use; some seconds old if counting takes long",
    { 200: jsonOf(ref("Stats"), "as `ttsctl stats -o json`"), ...UNCHANGED },
    { parameters: [OF_USER, query("disk", "false: leave out audio and logs", SWITCH)] },
  ),
  "GET /stats/hours": operation(
    "Tasks by status, and by the hour of their last change",
    { 200: jsonOf(ref("StatsHours"), "the last 24 hours"), ...UNCHANGED },
    { parameters: [OF_USER] },
  ),
  "GET /stats/chart": operation(
    "Tasks by status, and by the time of their last change",
    { 200: jsonOf(ref("StatsChart"), "24 hours by hour, 7 days by 6 hours, or 30 days by day"), ...UNCHANGED },
    { parameters: [OF_USER, SPAN] },
  ),
  "GET /stats/users": operation(
    "Users, those with the most tasks first, for suggestions",
    { 200: jsonOf(ref("StatsUsers"), "at most 20 of the 10,000 users with the most tasks"), ...UNCHANGED },
    { parameters: [query("search", "only users with this text in their ids, ignoring case")] },
  ),
  "GET /stream": operation("An event whenever the stores may have changed", {
    200: { description: "events: changed", ...content(TEXT, "text/event-stream") },
  }),
  "GET /stats/health": operation(
    "Stuck tasks, differences between file and Redis in a sample, and the cleanup's last pass",
    { 200: jsonOf(ref("StatsHealth"), "with a command for each"), ...UNCHANGED },
  ),
  "GET /healthz": operation(
    "Whether the stores can answer",
    { 200: jsonOf(ref("Health"), "one of them can"), 503: jsonOf(ref("Health"), "neither can") },
    OPEN,
  ),
  "GET /metrics": operation("For Prometheus", { 200: { description: "the metrics", ...content(TEXT, "text/plain") } }),
  "GET /openapi.json": operation(
    "This description",
    { 200: { description: "OpenAPI 3.1", content: { "application/json": {} } } },
    OPEN,
  ),
  "POST /login": operation(
    "Opens a browser session: a cookie instead of the token",
    { 204: { description: "a cookie is set" } },
    { ...OPEN, requestBody: bodyOf("Login") },
  ),
  "POST /logout": operation("Ends it", { 204: { description: "the cookie is removed" } }, OPEN),
  "GET /": operation("The page", { 200: { description: "the page", ...content(TEXT, "text/html") } }, OPEN),
};

function paths(): object {
  const found: Record<string, Record<string, object>> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const [method, path] = name.split(" ") as [string, string];
    found[path] = { ...found[path], [method.toLowerCase()]: operation };
  }
  return found;
}

/** @param cookie the name of that of a session */
export function openapi(version: string, basePath: string, cookie: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "ttsctl",
      version,
      license: { name: "MIT", identifier: "MIT" },
      description: "The tasks of a text-to-speech service: from Redis if it can answer, else from the store file.",
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ token: [] }, { session: [] }],
    paths: paths(),
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "[http] token, if one is set" },
        session: { type: "apiKey", in: "cookie", name: cookie },
      },
    },
  };
}
