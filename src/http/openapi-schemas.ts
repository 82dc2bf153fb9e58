import { fieldOf, QUERY_PARTS } from "../task/query-fields.ts";

/** The shapes of bodies, for `/openapi.json`. */

const STRING = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };
const NUMBER = { type: "number" };
const FLAG = { type: "boolean" };
const TIME = { type: "string", format: "date-time" };
const STRINGS = { type: "array", items: STRING };

export function ref(name: keyof typeof SCHEMAS): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** All properties required, none besides. */
function exact(properties: Record<string, object>): object {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

export function integerIn([minimum, maximum]: readonly [number, number]): {
  type: string;
  minimum: number;
  maximum?: number;
} {
  return { type: "integer", minimum, ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }) };
}

function orNull(schema: { type: string }): object {
  return { ...schema, type: [schema.type, "null"] };
}

const BY_STATUS = { wait: COUNT, run: COUNT, done: COUNT, error: COUNT, other: COUNT };
const STATUS_COUNTS = { total: COUNT, ...BY_STATUS };
const SOURCE = { type: "string", enum: ["redis", "file", "mixed"] };
const HOURS = { type: "array", items: exact({ from: TIME, ...STATUS_COUNTS }) };

const POSITIVE = { type: "integer", minimum: 1 };
const ANY_RECORD = { type: "object", description: "the whole record as the service wrote it" };

/** An answer of the dialect api_ms. */
function enveloped(data: object): object {
  return exact({ code: { const: 0 }, message: STRING, data });
}

export const SCHEMAS = {
  Task: {
    type: "object",
    description: "The whole record as the service wrote it, the status as one of four words where it is known.",
    properties: {
      user_id: STRING,
      task_id: STRING,
      status: { ...STRING, description: "wait, run, done, error, or a word of the service's own" },
      error: { description: "a string, or null" },
      created_at: { description: "ISO 8601, or epoch seconds" },
      updated_at: { description: "ISO 8601, or epoch seconds" },
    },
    required: ["user_id", "task_id"],
    additionalProperties: true,
  },
  TaskPage: exact({
    total: COUNT,
    page: { type: "integer", minimum: 1 },
    pageSize: COUNT,
    source: SOURCE,
    items: { type: "array", items: { $ref: "#/components/schemas/Task" } },
    missing: { ...STRINGS, description: "ids asked for that neither store has" },
    dangling: { ...COUNT, description: "members of the index in Redis without a task" },
  }),
  Query: {
    type: "object",
    description: "Null, an empty list and an empty user don't filter. Task ids need their user.",
    properties: Object.fromEntries(
      QUERY_PARTS.map((part) => {
        const { key, kind, range } = fieldOf(part);
        return [key, orNull(range === undefined ? (kind === "list" ? STRINGS : STRING) : integerIn(range))];
      }),
    ),
    additionalProperties: false,
  },
  TaskFiles: exact({
    files: {
      type: "array",
      items: {
        type: "object",
        properties: { path: STRING, bytes: COUNT, seconds: NUMBER, damaged: FLAG, url: orNull(STRING), audio: FLAG },
        required: ["path", "bytes", "url", "audio"],
        additionalProperties: false,
      },
    },
  }),
  Deletion: exact({
    ...{ requested: COUNT, deleted: COUNT, missing: STRINGS },
    refused: { type: "array", items: exact({ user_id: STRING, task_id: STRING, reason: STRING }) },
    ...{ failed: COUNT, returned: COUNT, files: COUNT, bytes: COUNT, dryRun: FLAG },
  }),
  Stats: {
    type: "object",
    description: "As `ttsctl stats -o json`; docs/json.md has every part.",
    properties: {
      ...{ source: SOURCE, at: TIME, user: orNull(STRING), total: COUNT, users: COUNT, dangling: COUNT },
      ...{ byStatus: { type: "object" }, byUser: { type: "array" }, ages: { type: "array" }, perHour: HOURS },
    },
    required: ["source", "at", "user", "total", "byStatus", "users", "byUser", "ages", "perHour", "dangling"],
    additionalProperties: true,
  },
  StatsHours: exact({
    ...{ source: SOURCE, at: TIME, user: orNull(STRING), total: COUNT, perHour: HOURS },
    byStatus: exact(BY_STATUS),
  }),
  Health: exact({
    status: { type: "string", enum: ["ok", "degraded", "down"] },
    store: { type: "string", enum: ["ok", "missing", "unreadable"] },
    redis: { type: "string", enum: ["ok", "down", "off"] },
    ...{ syncing: FLAG, version: STRING },
    timezone: { ...STRING, description: "of times without an offset" },
    readOnly: { ...FLAG, description: "started with --read-only" },
    token: { ...FLAG, description: "whether all else needs one" },
  }),
  Login: exact({ token: STRING }),
  ApiMsPage: enveloped(
    exact({ total: COUNT, pageIndex: POSITIVE, pageSize: POSITIVE, data: { type: "array", items: ANY_RECORD } }),
  ),
  ApiMsTask: enveloped(ANY_RECORD),
  ApiMsRemoved: enveloped(exact({ removed: { ...FLAG, description: "false if the task doesn't exist" } })),
  ApiMsFailure: exact({
    code: { type: "integer", enum: [1, 2, 3], description: "1 failure, 2 not found or refused, 3 wrong parameter" },
    ...{ message: STRING, data: exact({}) },
  }),
  Problem: exact({
    ...{ type: { const: "about:blank" }, title: STRING, status: { type: "integer" }, detail: STRING },
    code: { ...STRING, description: "a word that stays the same, such as USAGE or TASK_UNFINISHED" },
    hint: orNull(STRING),
  }),
};
