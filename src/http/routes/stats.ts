import type { Hono } from "hono";
import { statsOf } from "../../app/stats.ts";
import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { checkUser } from "../../operations/list-query.ts";
import type { Bar, StatsResult } from "../../operations/stats/types.ts";
import { trimId } from "../../task/ids.ts";
import { SPAN_NAMES, type Span } from "../../task/spans.ts";
import { formatUtc } from "../../task/time.ts";
import { keptText } from "../answer.ts";
import { healthOf } from "../health.ts";
import type { Env, ServerParts } from "../parts.ts";
import { choiceIn, paramsOf, switchIn } from "../request.ts";
import { turns } from "../turns.ts";

/** `GET /stats/users`, for suggestions. */
export type StatsUsers = Pick<StatsResult, "source" | "at" | "users" | "byUser">;
const MOST_SUGGESTED = 20;

/** `GET /stats/chart`: what a chart of a time needs, and the number of stuck tasks. */
export interface StatsChart extends Pick<StatsResult, "source" | "at" | "user" | "total" | "byStatus"> {
  readonly stuck: number;
  readonly span: Span;
  readonly bars: readonly Bar[];
}

const HOUR_MS = 3_600_000;

function chartOf(stats: StatsResult, span: Span): StatsChart {
  const { source, at, user, total, byStatus, stuck, perHour, per6Hours, perDay } = stats;
  const hours = () =>
    perHour.map(({ from, ...counts }) => {
      const until = formatUtc((Date.parse(from) + HOUR_MS) / 1000);
      return { from, until, ...counts };
    });
  const bars = span === "24h" ? hours() : span === "7d" ? per6Hours : perDay;
  return { source, at, user, total, byStatus, stuck: stuck.count, span, bars };
}

/** Counts without a look at the disk, unless it is asked for. Those of some seconds ago may do. */
export type Counts = (userId: string | undefined, disk?: boolean, estimate?: boolean) => Promise<StatsResult>;

/** @returns counts that all who ask share, until they are forgotten */
export function keptCounts({ run, clock }: ServerParts): { counts: Counts; forget: () => void } {
  const [ofAll, ofUsers] = [new KeptAnswers<StatsResult>(clock), new KeptAnswers<StatsResult>(clock)];
  const counts: Counts = (userId, disk = false, estimate = false) => {
    const kept = userId === undefined ? ofAll : ofUsers;
    return kept.get(JSON.stringify([userId, disk, estimate]), () =>
      run.inStep({ sharesMirror: true }, (step) => statsOf(step, { userId, disk, estimate, source: "auto" })),
    );
  };
  const forget = () => {
    ofAll.clear();
    ofUsers.clear();
  };
  return { counts, forget };
}

/** `GET /stats`, the JSON of `ttsctl stats`, small parts of it, and the metrics. Counts may be some seconds old; `at` is their time. */
export function addStats(app: Hono<Env>, parts: ServerParts, counts: Counts): void {
  const { clock, rules, cleanup, metrics } = parts;
  const ask = (user: string | undefined, disk: boolean, estimate: boolean) => {
    const userId = user === undefined ? undefined : checkUser(trimId(user), "user_id", rules);
    return counts(userId, disk, estimate);
  };
  const turn = turns<string>(clock, 4, (text) => text.length);
  const forMetrics = turns<string>(clock, 1, (text) => text.length);
  const forDisk = turns<string>(clock, 1, (text) => text.length);
  app.get("/stats", async (c) => {
    const params = paramsOf(c.req.url, ["user_id", "disk"]);
    const disk = switchIn(params, "disk", true);
    const make = async () => `${JSON.stringify(await ask(params.get("user_id"), disk, true))}\n`;
    const text = await (disk ? forDisk : turn)(c.env, make);
    return keptText(c, text);
  });
  app.get("/stats/chart", async (c) => {
    const params = paramsOf(c.req.url, ["user_id", "span"]);
    const span = choiceIn(params, "span", SPAN_NAMES);
    const chart = async () => chartOf(await ask(params.get("user_id"), false, false), span);
    return keptText(c, await turn(c.env, async () => `${JSON.stringify(await chart())}\n`));
  });
  app.get("/stats/users", async (c) => {
    const search = paramsOf(c.req.url, ["search"]).get("search")?.toLowerCase() ?? "";
    const text = await turn(c.env, async () => {
      const { source, at, users, byUser } = await ask(undefined, false, false);
      const found = byUser.filter(({ user_id }) => user_id.toLowerCase().includes(search));
      const answer: StatsUsers = { source, at, users, byUser: found.slice(0, MOST_SUGGESTED) };
      return `${JSON.stringify(answer)}\n`;
    });
    return keptText(c, text);
  });
  app.get("/metrics", async (c) => {
    paramsOf(c.req.url, []);
    const text = await forMetrics(c.env, async () => {
      const all = await counts(undefined).catch((error) => {
        if (error instanceof TtsctlError) return null; // neither store can answer
        throw error;
      });
      return metrics.text(await healthOf(parts), all, await cleanup.state());
    });
    return new Response(text, { headers: { "content-type": metrics.contentType } });
  });
}

/** Making answers takes at most this part of the time, however many requests there are. */
const LARGEST_SHARE = 1 / 20;
const LONGEST_S = 300;
const MOST_ANSWERS = 100;

interface Kept<T> {
  readonly answer: Promise<T>;
  /** Clock time until which it is used; Infinity while it is made. */
  until: number;
}

/** A cache of expensive answers: each is made once for all callers, and kept for 20 times as long as that took, at most 5 minutes. */
export class KeptAnswers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  clear(): void {
    this.#kept.clear();
  }

  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.answer;
    const began = this.#clock.monotonic();
    const made: Kept<T> = { answer: make(), until: Number.POSITIVE_INFINITY };
    this.#kept.delete(key);
    this.#kept.set(key, made);
    if (this.#kept.size > MOST_ANSWERS) {
      const [oldest] = [...this.#kept].find(([, { until }]) => until < Number.POSITIVE_INFINITY) ?? [];
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    const keep = () => {
      const now = this.#clock.monotonic();
      made.until = now + Math.min(LONGEST_S, (now - began) / LARGEST_SHARE);
    };
    made.answer.then(keep, () => this.#kept.delete(key));
    return made.answer;
  }
}
