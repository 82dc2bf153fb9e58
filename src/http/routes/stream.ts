import type { Context, Hono } from "hono";
import { usage } from "../../errors.ts";
import { parseQueryBody } from "../../operations/list-query.ts";
import { pageJson } from "../../render/item.ts";
import { readsAll } from "../../store/task-store.ts";
import { BODY_NAMES, KEY_NAMES, type QueryNames, type RawQuery, soleUser } from "../../task/query-fields.ts";
import { SPAN_NAMES } from "../../task/spans.ts";
import { type AnswerEvents, beat } from "../event-stream.ts";
import { healthOf, markOf } from "../health.ts";
import { LIMITS } from "../limits.ts";
import { Live } from "../live.ts";
import type { Env, ServerParts } from "../parts.ts";
import { choiceIn, type Params, paramsOf, queryOf, wholeNumberIn } from "../request.ts";
import type { BodyReader } from "../turns.ts";
import { type Counts, chartOf } from "./stats.ts";
import { listQueryOf } from "./voice-tasks.ts";

/** In a list. */
const MOST_TASKS = 100;
/** Characters of a list. */
const LONGEST = 4 << 20;
/** Seconds between two updates. */
const EVERY = 5;
export const MOST_EVERY = 3600;
const PARAMETERS = ["span", "every"] as const;

/**
 * `GET /stream` with the parameters of a list, and `POST /stream` with a query as its body: what the page shows, again when it
 * has changed.
 */
export function addStream(
  app: Hono<Env>,
  parts: ServerParts,
  answerEvents: AnswerEvents,
  withBody: BodyReader,
  counts: Counts,
): void {
  const { clock, failed } = parts;
  const live = new Live({ clock, failed, mark: () => markOf(parts) });
  const answer = (c: Context<Env>, params: Params, raw: RawQuery, names: QueryNames): Response => {
    const span = choiceIn(params, "span", SPAN_NAMES);
    const every = wholeNumberIn(params, "every", EVERY, MOST_EVERY, " of seconds");
    const query = listQueryOf(parts, raw, names);
    const { filter, ids, pageSize } = query;
    const tooMany = "use GET /voice-tasks or POST /voice-tasks/query instead";
    if ((ids?.length ?? pageSize) > MOST_TASKS) throw usage(`a stream has at most ${MOST_TASKS} tasks`, tooMany);
    if (readsAll(query)) throw usage(`a stream can't use ${names.search} or ${names.sort}`, tooMany);
    const makers = {
      list: async () => {
        const result = await parts.store.list(listQueryOf(parts, raw, names));
        const page = [...pageJson(result)].join("").trimEnd();
        if (page.length > LONGEST) throw usage("the records of these tasks are too long for a stream", tooMany);
        return `{"warnings":${JSON.stringify(result.warnings)},"page":${page}}`;
      },
      health: async () => JSON.stringify(await healthOf(parts)),
      stats: async () => {
        const { at, ...chart } = chartOf(await counts(soleUser(filter)), span);
        return { json: JSON.stringify(chart), made: Date.parse(at) / 1000 };
      },
    };
    const key = JSON.stringify([raw, span]);
    return answerEvents(c, async (stream, signal) => {
      await beat(stream); // so the client knows that nothing between holds events back
      await live.follow(key, makers, every, stream, signal);
    });
  };
  app.get("/stream", (c) => {
    const params = paramsOf(c.req.url, [...Object.values(KEY_NAMES), ...PARAMETERS]);
    return answer(c, params, queryOf(params), KEY_NAMES);
  });
  app.post("/stream", (c) => {
    const params = paramsOf(c.req.url, PARAMETERS);
    const work = async (body: string) => answer(c, params, parseQueryBody(body, "the body"), BODY_NAMES);
    return withBody(c.env, work, LIMITS.streamBodyBytes);
  });
}
