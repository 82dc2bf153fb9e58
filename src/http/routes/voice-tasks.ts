import type { Context } from "hono";
import { buildListQuery, parseQueryObject } from "../../app/list-query.ts";
import type { Artifacts, FolderName } from "../../artifacts/artifacts.ts";
import { mediaTypeOf } from "../../artifacts/media-types.ts";
import { usage } from "../../errors.ts";
import type { DeleteResult } from "../../operations/delete.ts";
import { foldersOf } from "../../operations/owners.ts";
import { type ListQuery, type ListResult, workOf } from "../../store/task-store.ts";
import { eachTaskWithId } from "../../store/tasks-with-id.ts";
import { keyOf, type TaskId, trimId } from "../../task/ids.ts";
import { BODY_NAMES, KEY_NAMES, type QueryNames, type RawQuery } from "../../task/query-fields.ts";
import { HttpError, json, keptText } from "../answer.ts";
import { type Dialect, PLAIN } from "../dialects.ts";
import { type AddEndpoint, inTurns } from "../endpoints.ts";
import type { Doorbell } from "../event-stream.ts";
import { artifactsOf, type Env, LIMITS, type ServerParts } from "../parts.ts";
import { countIds } from "../request.ts";
import type { AnswerOf, TaskFile } from "../schema.ts";
import { turns } from "../turns.ts";
import { type ChangeTurn, remove } from "./changes.ts";

/** Of one task: clients take the ids "." and ".." out of a path. */
export const TASK_PATHS = ["/voice-tasks/:task_id", "/voice-task"] as const;

/** The text of an answer, where it was read, and with which warnings. */
type Answer = Pick<ListResult, "source" | "warnings"> & { readonly text: string };

function sent(c: Context<Env>, { text, source, warnings }: Answer): Response {
  return keptText(c, text, warnings, { "ttsctl-source": source });
}

/** Lists, single tasks, and their deletion (docs/contract.md, HTTP). */
export function addVoiceTasks(add: AddEndpoint, parts: ServerParts, forChange: ChangeTurn, doorbell: Doorbell): void {
  const { clock } = parts;
  const [forSmall, forLarge, forSearch] = [turns(clock, 16), turns(clock, 1), turns(clock, 1)];
  const answerList = async (c: Context<Env>, dialect: Dialect, raw: RawQuery, names: QueryNames): Promise<Response> => {
    const asked = countIds(raw, names);
    const query = listQueryOf(parts, raw, names);
    const count = query.ids === null ? query.pageSize : dialect.isLoose ? asked : query.ids.length;
    const work = workOf(query);
    // A thousand tasks with long texts take 100 MB while they are answered.
    const turn = work === "records" ? forSearch : work === "ids" || count > 100 ? forLarge : forSmall;
    const ring = Number(c.req.header("ttsctl-ring")); // of `/stream`, after which a page asks
    return turn(c.env, async () => {
      const make = async (): Promise<Answer> => {
        const signal = work === "page" ? undefined : c.req.raw.signal; // aborted when the client leaves
        const found = await parts.store.list({ ...query, signal });
        const result = dialect.isLoose && raw.taskIds != null ? repeated(parts, raw, found) : found;
        const { source, warnings } = result;
        return { source, warnings, text: dialect.page(result) };
      };
      return sent(c, await (dialect === PLAIN ? doorbell.share(ring, raw, make) : make()));
    });
  };
  add("GET /voice-tasks", (c, _, { dialect }) => {
    return answerList(c, dialect, dialect.listOfUrl(c.req.url), KEY_NAMES);
  });
  add("POST /voice-tasks/query", (c, _, { body, dialect }) => {
    return answerList(c, dialect, dialect.listOfBody(body), BODY_NAMES);
  });
  const addAudio = inTurns(add, turns(clock, 2));
  const [addOne, addDetails] = [inTurns(add, turns(clock, 4)), inTurns(add, turns(clock, 4))];
  addAudio("POST /voice-tasks/audio", async (_c, _, { body }) => json(await audioOf(parts, tasksIn(parts, body))));
  for (const path of TASK_PATHS) {
    addOne(`GET ${path}`, async (c, { user_id }, { dialect }) => {
      const isAlone = dialect.isLoose && user_id === undefined;
      const results = isAlone ? tasksOf(parts, c) : [listOne(parts, idOf(parts, c, user_id))];
      for await (const { tasks, source, warnings } of results) {
        if (tasks[0] !== undefined) return sent(c, { text: dialect.task(tasks[0]), source, warnings });
      }
      throw notFound();
    });
    addDetails(`GET ${path}/files`, async (c, { user_id, logs }) => {
      const task = await knownTask(parts, c, user_id);
      using artifacts = artifactsOf(parts);
      const files = await filesOf(artifacts, foldersOf(parts.rules, task, task), logs ? task.taskId : null);
      return json({ files } satisfies AnswerOf<"TaskFiles">);
    });
    addDetails(`GET ${path}/users`, async (c) => {
      const users: string[] = [];
      for await (const { tasks } of tasksOf(parts, c)) users.push(...tasks.map(({ userId }) => userId));
      return json({ users } satisfies AnswerOf<"TaskUsers">);
    });
    add(`DELETE ${path}`, (c, { user_id, force }, { dialect }) => {
      const named = dialect.isLoose && user_id === undefined ? null : idOf(parts, c, user_id);
      return forChange(c, async () => {
        const { userId, taskId } = named ?? (await onlyTask(parts, c));
        const { result, warnings } = await remove(parts, c, { query: { users: [userId], taskIds: [taskId] } }, force);
        throwIfNotGone(result, warnings);
        return json(dialect.removed(result), warnings);
      });
    });
  }
}

/** Each task as often as its id is given. @throws TtsctlError USAGE if the repeats take more than 8 Mi characters */
function repeated({ store }: ServerParts, { taskIds }: RawQuery, found: ListResult): ListResult {
  const byId = new Map(found.tasks.map((task) => [task.taskId, task]));
  const tasks = store.inUserOrder(taskIds!.flatMap((id) => byId.get(trimId(id)) ?? []));
  const [size, once] = [tasks, found.tasks].map((some) => some.reduce((sum, { json }) => sum + json.length, 0));
  if (size! - once! > 8 << 20) {
    throw usage("task_ids repeats ids so often that the answer is too large", "give each id once");
  }
  return { ...found, tasks: [...tasks], total: tasks.length, pageSize: tasks.length };
}

function notFound(): HttpError {
  return new HttpError("TASK_NOT_FOUND", "the task was not found");
}

function taskIdOf(c: Context<Env>): string {
  return c.req.param("task_id") ?? c.req.query("task_id") ?? "";
}

/** The lists of all users for the task id of a path, the intended one first; some may be empty. */
async function* tasksOf(parts: ServerParts, c: Context<Env>): AsyncGenerator<ListResult> {
  for await (const id of eachTaskWithId(parts.store, [trimId(taskIdOf(c))])) yield await listOne(parts, id);
}

/** @throws HttpError TASK_NOT_FOUND, TASK_REFUSED if several users have the task id */
async function onlyTask(parts: ServerParts, c: Context<Env>): Promise<TaskId> {
  const found: TaskId[] = [];
  for await (const { tasks } of tasksOf(parts, c)) found.push(...tasks);
  const [task, other] = found;
  if (task === undefined) throw notFound();
  if (other === undefined) return task;
  throw new HttpError("TASK_REFUSED", "more than one user has a task with this id", "add user_id");
}

function listOne(parts: ServerParts, { userId, taskId }: TaskId): Promise<ListResult> {
  return parts.store.list(listQueryOf(parts, { users: [userId], taskIds: [taskId] }, KEY_NAMES));
}

function listQueryOf({ rules, clock, settings }: ServerParts, raw: RawQuery, names: QueryNames): ListQuery {
  return buildListQuery(raw, "auto", { names, rules, now: clock.now(), stuckAfter: settings.cleanup.stuckAfter.value });
}

/** The task that a path and its `user_id` name. @throws TtsctlError USAGE */
export function idOf(parts: ServerParts, c: Context<Env>, userId: string | undefined): TaskId {
  const asked = { users: userId === undefined ? null : [userId], taskIds: [taskIdOf(c)] };
  return listQueryOf(parts, asked, { ...KEY_NAMES, taskIds: "the request" }).ids![0]!;
}

/** The same, if there is such a task. @throws TtsctlError USAGE, HttpError TASK_NOT_FOUND */
export async function knownTask(parts: ServerParts, c: Context<Env>, userId: string | undefined) {
  const [task] = (await listOne(parts, idOf(parts, c, userId))).tasks;
  if (task === undefined) throw notFound();
  return task;
}

function throwIfNotGone(result: DeleteResult, warnings: readonly string[]): void {
  const [refused] = result.refused;
  if (refused?.unfinished) throw new HttpError("TASK_UNFINISHED", refused.reason, "force=true deletes it anyway");
  if (refused !== undefined) throw new HttpError("TASK_REFUSED", refused.reason);
  if (result.missing.length > 0) throw notFound();
  if (result.returned > 0) throw new HttpError("TASK_RETURNED", "the service wrote the task back", warnings.join("; "));
  if (result.deleted === 0) throw new HttpError("DELETE_FAILED", "the task was not deleted", warnings.join("; "));
}

const TASKS_HINT = 'send {"tasks": [{"user_id": "...", "task_id": "..."}]}';

function tasksIn(parts: ServerParts, text: string): TaskId[] {
  const { tasks, ...others } = parseQueryObject(text, "the body");
  if (!Array.isArray(tasks) || Object.keys(others).length > 0) {
    throw usage('the body needs "tasks", a list, and nothing else', TASKS_HINT);
  }
  const most = LIMITS.audios;
  if (tasks.length > most) throw usage(`"tasks" has ${tasks.length} tasks`, `at most ${most} in a request`);
  return tasks.map((task: Partial<Record<string, unknown>> | null) => {
    const { user_id, task_id } = task ?? {};
    if (typeof user_id !== "string" || typeof task_id !== "string") {
      throw usage('an element of "tasks" lacks user_id or task_id', TASKS_HINT);
    }
    return listQueryOf(parts, { users: [user_id], taskIds: [task_id] }, BODY_NAMES).ids![0]!;
  });
}

async function audioOf(parts: ServerParts, ids: readonly TaskId[]): Promise<AnswerOf<"TasksAudio">> {
  const { tasks } = await parts.store.list({ ...listQueryOf(parts, {}, BODY_NAMES), ids });
  const known = new Map(tasks.map((task) => [keyOf(task), task])); // another one has no files
  using artifacts = artifactsOf(parts);
  const audio: TaskFile[][] = [];
  for (const id of ids) {
    const task = known.get(keyOf(id));
    const files = task === undefined ? [] : await filesOf(artifacts, foldersOf(parts.rules, id, task), null);
    audio.push(files.filter((file) => file.audio));
  }
  return { audio };
}

async function filesOf(artifacts: Artifacts, folders: FolderName[], logsOf: string | null): Promise<TaskFile[]> {
  const paths = folders.map((names) => ({ ...names, path: `${artifacts.folderPath(names.userId, names.taskId)}/` }));
  return (await artifacts.list(folders, logsOf)).map((artifact) => {
    const folder = paths.find(({ path }) => artifact.path.startsWith(path));
    if (folder === undefined) return { ...artifact, url: null, audio: false };
    const names = `${folder.userId}/${folder.taskId}/${artifact.path.slice(folder.path.length)}`.split("/");
    const url = ["output", ...names].map(encodeURIComponent).join("/");
    return { ...artifact, url, audio: mediaTypeOf(artifact.path) !== undefined };
  });
}
