import type { Context } from "hono";
import type { CleanupState } from "../../app/cleanup-record.ts";
import { type DriftCheck, driftIn, statsOf } from "../../app/stats.ts";
import type { Clock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { checkUser } from "../../operations/list-query.ts";
import type { StatsResult } from "../../operations/stats/types.ts";
import { trimId } from "../../task/ids.ts";
import type { Span } from "../../task/spans.ts";
import { formatUtc } from "../../task/time.ts";
import { jsonText, keptText } from "../answer.ts";
import type { AddEndpoint } from "../endpoints.ts";
import { healthOf } from "../health.ts";
import type { Env, ServerParts } from "../parts.ts";
import type { StatsChart, StatsHealth, StatsUsers } from "../schema.ts";
import { turns } from "../turns.ts";

const MOST_SUGGESTED = 20;
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
type Counts = (userId: string | undefined, disk?: boolean, estimate?: boolean) => Promise<StatsResult>;

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

/** The state of the server: health, counts, small parts of them, and the metrics. Counts may be some seconds old; `at` is their time. */
export function addStats(add: AddEndpoint, parts: ServerParts, counts: Counts): void {
  const { clock, rules, run, syncing, cleanup, metrics, command } = parts;
  const ask = (user: string | undefined, disk = false, estimate = false) => {
    const userId = user === undefined ? undefined : checkUser(trimId(user), "user_id", rules);
    return counts(userId, disk, estimate);
  };
  const sent = (c: Context<Env>, answer: object) => keptText(c, `${JSON.stringify(answer)}\n`);
  const [turn, forDisk, forMetrics] = [turns(clock, 4), turns(clock, 1), turns(clock, 1)];
  add("GET /stats", (c, { user_id, disk }) => {
    return (disk ? forDisk : turn)(c.env, async () => sent(c, await ask(user_id, disk, true)));
  });
  add("GET /stats/chart", (c, { user_id, span }) => {
    return turn(c.env, async () => sent(c, chartOf(await ask(user_id), span)));
  });
  add("GET /stats/users", (c, { search = "" }) => {
    return turn(c.env, async () => {
      const { source, at, users, byUser } = await ask(undefined);
      const found = byUser.filter(({ user_id }) => user_id.toLowerCase().includes(search.toLowerCase()));
      return sent(c, { source, at, users, byUser: found.slice(0, MOST_SUGGESTED) } satisfies StatsUsers);
    });
  });
  const kept = new KeptAnswers<DriftCheck | null>(clock);
  /** A sync or a pass changes one store after the other. */
  const isChanging = () => syncing.isRunning() || cleanup.isInPass();
  const drift = async () => {
    const found = isChanging() ? null : await driftIn(run);
    return isChanging() ? null : found;
  };
  add("GET /stats/health", async (c) => {
    const { redis } = await healthOf(parts);
    const comparison = redis === "ok" ? kept.get("", drift) : null;
    const [{ stuck }, compared, passes] = await Promise.all([counts(undefined), comparison, cleanup.state()]);
    const wrong = {
      stuck: stuck.count > 0,
      drift:
        compared !== null &&
        (Object.keys(compared.kinds).length > 0 || Math.abs(compared.inFile - compared.inRedis) > SLACK),
      cleanup: isWrong(passes, clock.now()),
    };
    const [oldest = null] = stuck.tasks;
    return sent(c, {
      attention: (["stuck", "drift", "cleanup"] as const).filter((part) => wrong[part]),
      stuck: { count: stuck.count, afterSeconds: stuck.afterSeconds, oldest, command: command("list --stuck") },
      drift: compared && { ...compared, command: command("verify") },
      cleanup: { ...passes, command: command("cleanup --once --dry-run --summary") },
    } satisfies StatsHealth);
  });
  add("GET /metrics", (c) => {
    return forMetrics(c.env, async () => {
      const all = await counts(undefined).catch((error) => {
        if (error instanceof TtsctlError) return null; // neither store can answer
        throw error;
      });
      const text = await metrics.text(await healthOf(parts), all, await cleanup.state());
      return jsonText(text, [], { "content-type": metrics.contentType });
    });
  });
}

/** The stores may be this many tasks apart: they are counted one after the other while a service writes. */
const SLACK = 10;

/** Seconds after which a pass of a watcher, or of a timer, is late. */
const WATCHER_LATE = 3600;
const TIMER_LATE = 86_400;

/** Whether the last pass failed, or the next one is late. */
function isWrong({ runs, retention, last }: CleanupState, now: number): boolean {
  if (runs === "off" || last === null) return false;
  const age = now - Date.parse(last.at) / 1000;
  const late = { here: Number.POSITIVE_INFINITY, watcher: WATCHER_LATE, unknown: Math.max(TIMER_LATE, retention) };
  const isFailed = last.exitCode !== 0 && last.error !== "INTERRUPTED";
  return isFailed || age > late[runs];
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
