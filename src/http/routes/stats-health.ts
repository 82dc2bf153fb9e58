import type { Hono } from "hono";
import type { CleanupState } from "../../app/cleanup-record.ts";
import { type DriftCheck, driftIn } from "../../app/stats.ts";
import type { NamedTask, StatsResult } from "../../operations/stats/types.ts";
import { keptText } from "../answer.ts";
import { healthOf } from "../health.ts";
import type { Env, ServerParts } from "../parts.ts";
import { paramsOf } from "../request.ts";
import { KeptAnswers } from "./stats.ts";

interface WithCommand {
  /** For a shell on the server's machine: it shows more, and changes nothing. */
  readonly command: string;
}

/** `GET /stats/health`: what an operator looks at first. */
export interface StatsHealth {
  /** The parts that need attention. */
  readonly attention: readonly ("stuck" | "drift" | "cleanup")[];
  readonly stuck: {
    readonly count: number;
    readonly afterSeconds: number;
    readonly oldest: NamedTask | null;
  } & WithCommand;
  /** Null if the stores can't be compared now. */
  readonly drift: (DriftCheck & WithCommand) | null;
  readonly cleanup: CleanupState & WithCommand;
}

/** @param count counts all tasks */
export function addStatsHealth(app: Hono<Env>, parts: ServerParts, count: () => Promise<StatsResult>): void {
  const { clock, run, syncing, cleanup, command } = parts;
  const kept = new KeptAnswers<DriftCheck | null>(clock);
  /** A sync or a pass changes one store after the other. */
  const isChanging = () => syncing.isRunning() || cleanup.isInPass();
  const drift = async () => {
    const found = isChanging() ? null : await driftIn(run);
    return isChanging() ? null : found;
  };
  app.get("/stats/health", async (c) => {
    paramsOf(c.req.url, []);
    const { redis } = await healthOf(parts);
    const comparison = redis === "ok" ? kept.get("", drift) : null;
    const [{ stuck }, compared, passes] = await Promise.all([count(), comparison, cleanup.state()]);
    const attention = [
      ...(stuck.count > 0 ? (["stuck"] as const) : []),
      ...(compared !== null && hasDrift(compared) ? (["drift"] as const) : []),
      ...(isWrong(passes, clock.now()) ? (["cleanup"] as const) : []),
    ];
    const [oldest = null] = stuck.tasks;
    const answer: StatsHealth = {
      attention,
      stuck: { count: stuck.count, afterSeconds: stuck.afterSeconds, oldest, command: command("list --stuck") },
      drift: compared && { ...compared, command: command("verify") },
      cleanup: { ...passes, command: command("cleanup --once --dry-run --summary") },
    };
    return keptText(c, `${JSON.stringify(answer)}\n`);
  });
}

/** The stores may be this many tasks apart: they are counted one after the other while a service writes. */
const SLACK = 10;

function hasDrift({ kinds, inFile, inRedis }: DriftCheck): boolean {
  return Object.keys(kinds).length > 0 || Math.abs(inFile - inRedis) > SLACK;
}

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
