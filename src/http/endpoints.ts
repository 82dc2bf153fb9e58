import type { Context, Hono } from "hono";
import { fieldOf, QUERY_PARTS } from "../task/query-fields.ts";
import { SPAN_NAMES } from "../task/spans.ts";
import { HttpError } from "./answer.ts";
import { type Dialect, dialectOf, PLAIN } from "./dialects.ts";
import type { Env, ServerParts } from "./parts.ts";
import { choiceParam, countParam, type Params, switchParam, textParam, type Values } from "./request.ts";
import { type SchemaName, schemaOf, TEXT } from "./schema.ts";
import { bodyReader, type turns } from "./turns.ts";

export interface Endpoint {
  readonly id: string;
  readonly summary: string;
  /** The name of the answer's schema, or the type of an answer that isn't JSON; none: 204. */
  readonly answer?: SchemaName | `${string}/${string}` | undefined;
  /** The schema in the dialect `api_ms`, which also answers failures with 200. */
  readonly inApiMs?: SchemaName;
  /** Of its URL. Any other is refused, unless it is open. */
  readonly params?: Params;
  /** Parameters that the dialect reads. */
  readonly more?: Params;
  readonly body?: SchemaName;
  /** Statuses that aren't an answer of the kind above, nor the default refusal. */
  readonly also?: Readonly<Record<number, string>>;
  /** Whether it needs no token. */
  readonly open?: true;
  /** Whether it is refused with `--read-only`. */
  readonly changes?: true;
}

type Row = Omit<Endpoint, "id" | "summary" | "answer">;

function row<R extends Row>(id: string, summary: string, answer?: Endpoint["answer"], more = {} as R) {
  return { id, summary, answer, ...more };
}

/** The answer to `If-None-Match` with its tag. */
const UNCHANGED = { also: { 304: "it hasn't changed since that tag" } };
const OPEN = { open: true } as const;
const LOGS_IN = "Opens a browser session: a cookie instead of the token";
const FOLLOWING = "The last lines of a task's logs, then new ones, until the task is finished";

const OF_USER = textParam("only the tasks of this user");
const FIELDS: Record<string, Params[string]> = {};
for (const field of QUERY_PARTS.map(fieldOf)) {
  FIELDS[field.key] = { ...textParam(field.help), schema: field.kind === "list" ? TEXT : schemaOf(field) };
}

/** The endpoints of one task. @param named what names the task beside its path and its user */
function ofOneTask<N extends Params>(name: string, named: N) {
  const params = { ...named, user_id: textParam("the user of the task", true) };
  const force = switchParam("true: also delete a task with the status wait or run", false);
  const logs = switchParam("false: skip logs, which may be in any hour's directory", true);
  const format = choiceParam("text: as `ttsctl logs` prints them", ["json", "text"]);
  const lines = countParam("how many of the last lines", 20, 10_000);
  return {
    get: row(`get${name}`, "One task", "Task", { inApiMs: "ApiMsTask", params, ...UNCHANGED }),
    remove: row(`delete${name}`, "Deletes a task from both stores, with its audio and logs", "Deletion", {
      ...{ inApiMs: "ApiMsRemoved", params: { ...params, force }, changes: true },
    }),
    files: row(`get${name}Files`, "The audio and logs of a task", "TaskFiles", { params: { ...params, logs } }),
    users: row(`get${name}Users`, "The users that have a task with this id", "TaskUsers", { params: named }),
    logs: row(`get${name}Logs`, "The last lines of a task's logs, oldest log first", "TaskLogs", {
      params: { ...params, lines, format },
    }),
    stream: row(`follow${name}Logs`, `${FOLLOWING}: events lines, note, problem, end`, "text/event-stream", {
      params: { ...params, lines },
    }),
  } as const;
}

const TASK = ofOneTask("Task", {});
/** Clients take the ids "." and ".." out of a path. */
const ANY_TASK = ofOneTask("AnyTask", { task_id: textParam("any id; a path can't have . and ..", true) });

/** Every endpoint, by its method and its path in the words of Hono. */
export const ENDPOINTS = {
  "GET /voice-tasks": row("listTasks", "A page of tasks, newest first; or the tasks of some ids", "TaskPage", {
    inApiMs: "ApiMsPage",
    more: FIELDS,
    ...UNCHANGED,
  }),
  "POST /voice-tasks/query": row("queryTasks", "The same for a query in the body", "TaskPage", {
    inApiMs: "ApiMsPage",
    body: "Query",
  }),
  "GET /voice-tasks/:task_id": TASK.get,
  "DELETE /voice-tasks/:task_id": TASK.remove,
  "GET /voice-tasks/:task_id/files": TASK.files,
  "GET /voice-tasks/:task_id/users": TASK.users,
  "GET /voice-tasks/:task_id/logs": TASK.logs,
  "GET /voice-tasks/:task_id/logs/stream": TASK.stream,
  "GET /voice-task": ANY_TASK.get,
  "DELETE /voice-task": ANY_TASK.remove,
  "GET /voice-task/files": ANY_TASK.files,
  "GET /voice-task/users": ANY_TASK.users,
  "GET /voice-task/logs": ANY_TASK.logs,
  "GET /voice-task/logs/stream": ANY_TASK.stream,
  "POST /voice-tasks/delete": row("deleteTasks", "Deletes chosen tasks, with their audio and logs", "Deletion", {
    body: "DeletionRequest",
    changes: true,
  }),
  "POST /voice-tasks/audio": row("getAudio", "The audio of tasks; none of an unknown one", "TasksAudio", {
    body: "AudioRequest",
  }),
  "POST /voice-tasks/mark": row("markTasks", "Sets the status of chosen tasks in both stores", "Marking", {
    body: "MarkingRequest",
    changes: true,
  }),
  "GET /output/:user/:task/:file{.+}": row("getFile", "A file of a task, also below its directory", "*/*", {
    also: { 206: "the part that Range asks for", ...UNCHANGED.also },
  }),
  "GET /stats": row("getStats", "Counts, ages, disk use; some seconds old if counting takes long", "Stats", {
    params: { user_id: OF_USER, disk: switchParam("false: leave out audio and logs", true) },
    ...UNCHANGED,
  }),
  "GET /stats/chart": row("getChart", "Tasks by hour, six hours or day of their last change", "StatsChart", {
    params: { user_id: OF_USER, span: choiceParam("the time span of the chart; 24h by default", SPAN_NAMES) },
    ...UNCHANGED,
  }),
  "GET /stats/users": row("getUsers", "At most 20 users, those with the most tasks first", "StatsUsers", {
    params: { search: textParam("only users with this text in their ids, ignoring case") },
    ...UNCHANGED,
  }),
  "GET /stats/health": row(
    "getAttention",
    "Stuck tasks, drift in a sample, and the last cleanup",
    "StatsHealth",
    UNCHANGED,
  ),
  "GET /stream": row("listen", "An event whenever the stores may have changed: changed, problem", "text/event-stream"),
  "GET /healthz": row("getHealth", "Whether the stores can answer", "Health", {
    ...OPEN,
    also: { 503: "neither can" },
  }),
  "GET /metrics": row("getMetrics", "For Prometheus", "text/plain"),
  "GET /openapi.json": row("getDescription", "This description", "application/json", OPEN),
  "POST /login": row("logIn", LOGS_IN, undefined, { ...OPEN, body: "Login" }),
  "POST /logout": row("logOut", "Ends it", undefined, OPEN),
  "GET /": row("getPage", "The page", "text/html", OPEN),
} as const;

type Where = keyof typeof ENDPOINTS;
type ParamsOf<W extends Where> = (typeof ENDPOINTS)[W] extends { readonly params: infer P extends Params } ? P : Params;

type Answer = Response | Promise<Response>;
/** @param answer gets the text of the body @throws HttpError, TtsctlError USAGE */
export type AddEndpoint = <W extends Where>(
  where: W,
  answer: (c: Context<Env>, values: Values<ParamsOf<W>>, more: { body: string; dialect: Dialect }) => Answer,
) => void;

/** Adds endpoints whose answers are made in turn. */
export function inTurns(add: AddEndpoint, turn: ReturnType<typeof turns>): AddEndpoint {
  return (where, answer) => add(where, (...asked) => turn(asked[0].env, async () => answer(...asked)));
}

export function endpointsOf(app: Hono<Env>, parts: ServerParts): AddEndpoint {
  const withBody = bodyReader(parts.clock);
  return (where, answer) => {
    const { params = {}, more, body, open, changes, inApiMs }: Endpoint = ENDPOINTS[where];
    const [method, path] = where.split(" ") as [string, string];
    app.on(method, path, async (c) => {
      if (changes && parts.readOnly) throw new HttpError("READ_ONLY", "this server was started with --read-only");
      const dialect = inApiMs === undefined ? PLAIN : dialectOf(c, parts);
      const isChecked = !open && more === undefined;
      const given = isChecked ? dialect.params(c.req.url, Object.keys(params)) : new Map<string, string>();
      const read = Object.entries(params).map(([name, param]) => [name, param.read(given.get(name), name)]);
      const values = Object.fromEntries(read) as Values<ParamsOf<typeof where>>;
      if (body === undefined || open) return answer(c, values, { body: "", dialect });
      return withBody(c.env, async (text) => answer(c, values, { body: text, dialect }));
    });
  };
}
