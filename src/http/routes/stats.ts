import type { Hono } from "hono";
import { checkUser } from "../../operations/list-query.ts";
import type { StatsResult } from "../../operations/stats/types.ts";
import { trimId } from "../../task/ids.ts";
import { json } from "../json.ts";
import { KeptAnswers } from "../kept-answers.ts";
import { paramsOf, switchOf } from "../params.ts";
import type { Env, ServerParts } from "../parts.ts";

/** `GET /stats/hours`: how many tasks there are by status, and how many were last changed in each of the last 24 hours, for a chart. */
export type StatsHours = Pick<StatsResult, "source" | "at" | "user" | "total" | "byStatus" | "perHour">;

/**
 * `GET /stats`, the JSON of `ttsctl stats` (`disk=false` leaves out the look at audio and logs), and a small part of it. Both
 * may be some seconds old: `at` says of when they are.
 */
export function addStats(app: Hono<Env>, { stats, rules, clock }: ServerParts): void {
  const kept = new KeptAnswers<StatsResult>(clock);
  const ask = (user: string | undefined, disk: boolean, estimate: boolean) => {
    const userId = user === undefined ? undefined : checkUser(trimId(user), "user_id", rules);
    return kept.get(JSON.stringify([userId ?? null, disk, estimate]), () => stats({ userId, disk, estimate }));
  };
  app.get("/stats", async (c) => {
    const params = paramsOf(c.req.url, ["user_id", "disk"]);
    return json(await ask(params.get("user_id"), switchOf("disk", params.get("disk"), true), true));
  });
  app.get("/stats/hours", async (c) => {
    const stats = await ask(paramsOf(c.req.url, ["user_id"]).get("user_id"), false, false);
    const { source, at, user, total, byStatus, perHour } = stats;
    return json({ source, at, user, total, byStatus, perHour } satisfies StatsHours);
  });
}
