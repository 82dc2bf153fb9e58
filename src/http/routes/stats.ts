import type { Context } from "hono";
import type { CleanupState } from "../../app/cleanup-record.ts";
import { checkUser } from "../../app/list-query.ts";
import { type DriftCheck, driftIn, statsOf } from "../../app/stats.ts";
import type { Clock } from "../../clock.ts";
import { isRedisError, isTtsctlError, valueIf } from "../../errors.ts";
import type { StatsResult } from "../../operations/stats/stats.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import { identityText } from "../../store/file/identity.ts";
import { glanceAt } from "../../store/file/snapshot.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { trimId } from "../../task/ids.ts";
import { NO_FILTER } from "../../task/query-fields.ts";
import type { Span } from "../../task/spans.ts";
import { formatUtc } from "../../task/time.ts";
import { VERSION } from "../../version.ts";
import { jsonText, keptText } from "../answer.ts";
import { type AddEndpoint, inTurns } from "../endpoints.ts";
import type { Env, ServerParts } from "../parts.ts";
import type { AnswerOf, Health, StatsChart, StatsHealth } from "../schema.ts";
import { turns } from "../turns.ts";

function chartOf(stats: StatsResult, span: Span): StatsChart {
  const { source, at, user, total, byStatus, stuck, perHour, per6Hours, perDay } = stats;
  const hours = perHour.map(({ from, ...counts }) => {
    return { from, until: formatUtc(Date.parse(from) / 1000 + 3600), ...counts };
  });
  const bars = { "24h": hours, "7d": per6Hours, "30d": perDay }[span];
  return { source, at, user, total, byStatus, stuck: stuck.count, span, bars };
}

type Counts = ReturnType<typeof keptCounts>["counts"];

/** @returns counts that all who ask share, until they are forgotten. Those of some seconds ago may do */
export function keptCounts({ run, clock }: ServerParts) {
  // Two caches: counts of many users must not evict those of all.
  const [ofAll, ofUsers] = [keptAnswers<StatsResult>(clock), keptAnswers<StatsResult>(clock)];
  const counts = (userId: string | undefined, disk = false, estimate = false) => {
    const asked = { userId, disk, estimate, source: "auto" as const };
    const make = () => run.inStep({ sharesMirror: true }, (step) => statsOf(step, asked));
    return (userId === undefined ? ofAll : ofUsers).get(JSON.stringify(asked), make);
  };
  const forget = () => [ofAll, ofUsers].forEach((kept) => void kept.clear());
  return { counts, forget };
}

/** The state of the server: health, counts, small parts of them, and the metrics. Counts may be some seconds old; `at` is their time. */
export function addStats(add: AddEndpoint, parts: ServerParts, counts: Counts): void {
  const { clock, rules, run, syncing, cleanup, metrics, command } = parts;
  const ask = (user: string | undefined, disk = false, estimate = false) => {
    return counts(user === undefined ? undefined : checkUser(trimId(user), "user_id", rules), disk, estimate);
  };
  const sent = (c: Context<Env>, answer: object) => keptText(c, `${JSON.stringify(answer)}\n`);
  const [turn, forDisk] = [turns(clock, 4), turns(clock, 1)];
  const [addInTurn, addMetrics] = [inTurns(add, turn), inTurns(add, turns(clock, 1))];
  add("GET /stats", (c, { user_id, disk }) => {
    return (disk ? forDisk : turn)(c.env, async () => sent(c, await ask(user_id, disk, true)));
  });
  addInTurn("GET /stats/chart", async (c, { user_id, span }) => sent(c, chartOf(await ask(user_id), span)));
  addInTurn("GET /stats/users", async (c, { search = "" }) => {
    const { source, at, users, byUser } = await ask(undefined);
    const found = byUser.filter(({ user_id }) => user_id.toLowerCase().includes(search.toLowerCase()));
    return sent(c, { source, at, users, byUser: found.slice(0, 20) } satisfies AnswerOf<"StatsUsers">);
  });
  const kept = keptAnswers<DriftCheck | null>(clock);
  /** A sync or a pass changes one store after the other. */
  const isChanging = () => syncing.isRunning() || cleanup.isInPass();
  const drift = async () => {
    const found = isChanging() ? null : await driftIn(run);
    return isChanging() ? null : found;
  };
  add("GET /stats/health", async (c) => {
    const comparison = (await run.mirrorState()).kind === "on" ? kept.get("", drift) : null;
    const [{ stuck }, compared, passes] = await Promise.all([counts(undefined), comparison, cleanup.state()]);
    const wrong = {
      stuck: stuck.count > 0,
      drift: compared !== null && isDrift(compared),
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
  addMetrics("GET /metrics", async () => {
    const all = await counts(undefined).catch(valueIf(isTtsctlError, null)); // neither store can answer
    const text = await metrics.text(await healthOf(parts), all, await cleanup.state());
    return jsonText(text, [], { "content-type": metrics.contentType });
  });
}

/** The stores may be 10 tasks apart: they are counted one after the other while a service writes. */
function isDrift({ kinds, inFile, inRedis }: DriftCheck): boolean {
  return Object.keys(kinds).length > 0 || Math.abs(inFile - inRedis) > 10;
}

/** Whether the last pass failed, or the next one, of a watcher or perhaps a timer, is late. */
function isWrong({ runs, retention, last }: CleanupState, now: number): boolean {
  if (runs === "off" || last === null) return false;
  const age = now - Date.parse(last.at) / 1000;
  const late = { here: Number.POSITIVE_INFINITY, watcher: 3600, unknown: Math.max(86_400, retention) };
  return (last.exitCode !== 0 && last.error !== "INTERRUPTED") || age > late[runs];
}

/** A cache of expensive answers: each is made once for all callers, and kept for 20 times as long as that took, at most 5 minutes. */
export function keptAnswers<T>(clock: Clock) {
  /** Each until a monotonic time; Infinity while it is made. */
  const kept = new Map<string, { readonly answer: Promise<T>; until: number }>();
  return {
    clear: () => kept.clear(),

    get(key: string, make: () => Promise<T>): Promise<T> {
      const known = kept.get(key);
      if (known !== undefined && clock.monotonic() < known.until) return known.answer;
      const began = clock.monotonic();
      const made = { answer: make(), until: Number.POSITIVE_INFINITY };
      kept.delete(key);
      kept.set(key, made);
      if (kept.size > 100) {
        const [oldest] = [...kept].find(([, { until }]) => until < Number.POSITIVE_INFINITY) ?? [];
        if (oldest !== undefined) kept.delete(oldest);
      }
      const keep = () => {
        const now = clock.monotonic();
        made.until = now + Math.min(300, 20 * (now - began));
      };
      made.answer.then(keep, () => kept.delete(key));
      return made.answer;
    },
  };
}

/** The least that a list reads. */
const ONE_TASK = { filter: NO_FILTER, ids: null, page: 1, pageSize: 1, source: "auto" } as const;

/** Everybody may read it: it names no path and no host. If Redis answers, only the file's ends are read: probes come every few seconds. */
export async function healthOf({ store: stores, settings, rules, readOnly, syncing }: ServerParts): Promise<Health> {
  const state = await stores.link.open();
  const redis = ({ on: "ok", down: "down", off: "off" } as const)[state.kind];
  const mirror = state.kind === "on" ? state.mirror : null;
  const store = syncing.isStoreLost() ? "unreadable" : await storeHealth(stores.file, mirror);
  // A Redis that was flushed, or has lost its index, answers no list.
  const isAnswered = store === "ok" || (await stores.list(ONE_TASK).then(() => true, valueIf(isTtsctlError, false)));
  const status = !isAnswered ? "down" : store !== "unreadable" && redis !== "down" ? "ok" : "degraded";
  const server = { version: VERSION, timezone: rules.zone.name, readOnly, token: settings.http.token.value !== null };
  return { status, store, redis, syncing: syncing.isRunning(), ...server };
}

async function storeHealth(file: FileStore, mirror: Mirror | null): Promise<Health["store"]> {
  try {
    if (mirror !== null) {
      const seen = await glanceAt(file.path);
      if (seen === "whole" || seen === "damaged") return seen === "whole" ? "ok" : "unreadable";
      // Tasks that only Redis has: the file was lost.
      if ((await mirror.size(undefined).catch(valueIf(isRedisError, 0))) > 0) return "unreadable";
      return seen === "missing" ? "missing" : "ok";
    }
    await using snapshot = await file.read();
    return snapshot.exists ? "ok" : "missing";
  } catch (error) {
    return valueIf<Health["store"]>(isTtsctlError, "unreadable")(error);
  }
}

/** Another text after almost every change: a write of the service moves the file's time, or tops the index with its task. */
export async function markOf({ store: { file, link }, syncing }: ServerParts): Promise<string> {
  const state = await link.open();
  const all = { userId: undefined, since: null, until: null };
  const index = state.kind === "on" ? state.mirror.page(all, 0, 1).catch(() => "lost") : null;
  const identity = await file.identity().then(identityText, () => "unreadable");
  return JSON.stringify([identity, state.kind, state.kind === "on" && state.behind, await index, syncing.isRunning()]);
}
