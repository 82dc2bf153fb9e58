import { setTimeout as sleep } from "node:timers/promises";
import type { LogFollower, LogPart } from "../artifacts/artifacts.ts";

/** Milliseconds between two looks for new lines. */
const POLL_MS = 200;
/** Every so many of them the task's status, and the logs' names, are looked at too. */
const POLLS_A_LOOK = 5;

/** Why following ended: the task is finished or gone, a signal came, or nobody reads any more. */
export type FollowEnd = "finished" | "gone" | "interrupted" | "unread";

export interface FollowParts {
  readonly logs: LogFollower;
  /** Whether the task may still write; asked about once a second. */
  readonly state: () => Promise<"open" | "finished" | "gone">;
  readonly signal: AbortSignal;
  /** Called with lines as they come; false where nobody reads them. */
  readonly onLines: (part: LogPart) => Promise<boolean>;
  /** Called with what happened to a log. */
  readonly onNews: (line: string) => Promise<void>;
  /** Whether the task was finished before: then there is nothing to wait for. */
  readonly finished: boolean;
}

/**
 * Hands over the lines of a task's logs as they come, after `logs.begin`, until the task is finished. The status changes
 * before the last lines are on the disk, so a second passes between the two.
 */
export async function followLog(parts: FollowParts): Promise<FollowEnd> {
  const { logs, signal } = parts;
  let over: FollowEnd | undefined = parts.finished ? "finished" : undefined;
  for (let polls = 0; ; polls++) {
    if (!(await handOver(parts))) return "unread";
    if (signal.aborted) over = "interrupted";
    if (over !== undefined && (parts.finished || signal.aborted || polls % POLLS_A_LOOK === 0)) break;
    if (polls % POLLS_A_LOOK === 0) {
      over = endOf(await parts.state());
      for (const line of await logs.look()) await parts.onNews(line);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
  for (const part of logs.rest()) await parts.onLines(part);
  return over;
}

function endOf(state: "open" | "finished" | "gone"): FollowEnd | undefined {
  return state === "open" ? undefined : state;
}

/** Hands over all that is new; false where nobody reads it. */
async function handOver({ logs, signal, onLines }: FollowParts): Promise<boolean> {
  for (let part = await logs.read(); part !== undefined && !signal.aborted; part = await logs.read()) {
    if (part.lines.length > 0 && !(await onLines(part))) return false;
  }
  return true;
}
