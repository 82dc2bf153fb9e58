import type { Context, Hono } from "hono";
import { buildListQuery, type QueryNames, type RawQuery } from "../../operations/list-query.ts";
import { BODY_NAMES, parseQueryBody } from "../../operations/query-body.ts";
import { itemJson } from "../../render/item.ts";
import { pageJson } from "../../render/page.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { ListResult } from "../../store/task-store.ts";
import { soleUser } from "../../task/filter.ts";
import { jsonBody } from "../body.ts";
import { jsonText } from "../json.ts";
import { listParams, PARAM_NAMES, paramsOf, switchOf } from "../list-params.ts";
import type { Env, ServerParts } from "../parts.ts";
import { HttpError } from "../problem.ts";
import { removeTask } from "./remove.ts";
import { taskFiles } from "./task-files.ts";

/** Which store answered, also where the body does not say. */
const SOURCE_HEADER = "ttsctl-source";

/** Lists, single tasks, and their deletion (SPEC section 8). */
export function addVoiceTasks(app: Hono<Env>, parts: ServerParts): void {
  app.get("/voice-tasks", (c) => answerList(parts, listParams(c.req.url), PARAM_NAMES));
  app.post("/voice-tasks/query", async (c) => {
    paramsOf(c.req.url, []);
    return answerList(parts, parseQueryBody(await jsonBody(c.env.incoming), "the body"), BODY_NAMES);
  });
  app.get("/voice-tasks/:task_id", (c) => answerTask(parts, idOf(parts, c, ["user_id"])));
  app.get("/voice-tasks/:task_id/files", (c) => taskFiles(parts, idOf(parts, c, ["user_id"])));
  app.delete("/voice-tasks/:task_id", (c) => {
    const force = switchOf("force", paramsOf(c.req.url, ["user_id", "force"]).get("force"), false);
    const { url, socket } = c.env.incoming;
    const request = `DELETE ${url} from ${socket.remoteAddress}`;
    return removeTask(parts, { id: idOf(parts, c, ["user_id", "force"]), force, request });
  });
}

async function answerList(parts: ServerParts, raw: RawQuery, names: QueryNames): Promise<Response> {
  const result = await list(parts, raw, names);
  return jsonText([...pageJson(result)].join(""), { [SOURCE_HEADER]: result.source }, result.warnings);
}

async function answerTask(parts: ServerParts, { userId, taskId }: TaskId): Promise<Response> {
  const result = await list(parts, { users: [userId], taskIds: [taskId] }, PARAM_NAMES);
  const [task] = result.tasks;
  if (task === undefined) throw new HttpError("TASK_NOT_FOUND", "neither store has the task");
  return jsonText(`${itemJson(task)}\n`, { [SOURCE_HEADER]: result.source }, result.warnings);
}

function list({ store, rules, clock }: ServerParts, raw: RawQuery, names: QueryNames): Promise<ListResult> {
  return store.list(buildListQuery(raw, "auto", { names, rules, now: clock.now() }));
}

/** The task that a path and its `user_id` name. @throws TtsctlError USAGE */
function idOf(parts: ServerParts, c: Context<Env>, accepted: readonly string[]): TaskId {
  const userId = paramsOf(c.req.url, accepted).get("user_id");
  const names = { ...PARAM_NAMES, taskIds: "the task id of the path" };
  const query = buildListQuery(
    { users: userId === undefined ? null : [userId], taskIds: [c.req.param("task_id") ?? ""] },
    "auto",
    {
      ...parts,
      names,
      now: 0,
    },
  );
  return { userId: soleUser(query.filter)!, taskId: query.ids![0]! };
}
