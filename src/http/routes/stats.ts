import type { Hono } from "hono";
import { checkUser } from "../../operations/list-query.ts";
import { trimId } from "../../task/ids.ts";
import { jsonText } from "../json.ts";
import { paramsOf, switchOf } from "../list-params.ts";
import type { Env, ServerParts } from "../parts.ts";

/** `GET /stats`: the JSON of `ttsctl stats`; `disk=false` leaves out the look at audio and logs. */
export function addStats(app: Hono<Env>, { stats }: ServerParts): void {
  app.get("/stats", async (c) => {
    const params = paramsOf(c.req.url, ["user_id", "disk"]);
    const user = params.get("user_id");
    const userId = user === undefined ? undefined : checkUser(trimId(user), "user_id");
    return jsonText(await stats({ userId, disk: switchOf("disk", params.get("disk"), true) }));
  });
}
