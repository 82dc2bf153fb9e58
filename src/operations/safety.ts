import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { checkLayout } from "./layout-check.ts";

/** No two zones are further apart; a larger difference is a wrong score, not a wrong zone. */
const MOST_ZONE_SECONDS = 26 * 3600;

/**
 * Refuses to go on where what a service wrote cannot be read right: in another layout, or in another zone.
 * @throws TtsctlError LAYOUT_MISMATCH, TIMEZONE_MISMATCH
 */
export async function checkReading(mirror: Mirror): Promise<void> {
  await checkLayout(mirror);
  await checkTimezone(mirror);
}

/**
 * Refuses to go on where our reading of the service's naive times cannot be right: in most of a sample the service's
 * score and ours differ by a minute or more (SPEC section 6, Clocks).
 * @throws TtsctlError TIMEZONE_MISMATCH
 */
export async function checkTimezone(mirror: Mirror): Promise<void> {
  const gaps: number[] = [];
  for (const { score, updatedAt } of await mirror.sample()) {
    const ours = mirror.times.ofHash(updatedAt ?? "");
    if (mirror.times.naive && !Number.isNaN(ours)) gaps.push(Math.abs(score - ours));
  }
  const wrong = gaps.filter((gap) => gap >= 60 && gap <= MOST_ZONE_SECONDS);
  if (wrong.length * 2 <= gaps.length) return;
  const hours = Math.round(wrong[0]! / 360) / 10;
  throw new TtsctlError(
    "TIMEZONE_MISMATCH",
    `in ${wrong.length} of ${gaps.length} tasks the service's clock and our reading of updated_at differ, by about ${hours} h`,
    { hint: "set [service] timezone (or TTSCTL_TIMEZONE) to the zone that the service runs in, such as Asia/Shanghai" },
  );
}

/**
 * Refuses to change anything with a clock that is off from Redis's by more than a minute, or a tenth of the shortest
 * age that counts.
 * @param age seconds, such as the retention
 * @throws TtsctlError CLOCK_SKEW
 */
export async function checkClock(mirror: Mirror, clock: Clock, age: number): Promise<void> {
  const before = clock.now();
  const theirs = await mirror.time();
  const skew = Math.abs(theirs - (before + clock.now()) / 2);
  if (skew <= allowedSkew(age)) return;
  throw new TtsctlError(
    "CLOCK_SKEW",
    `this machine's clock and that of Redis at ${mirror.where} differ by ${Math.round(skew)} s`,
    {
      hint: "nothing was changed; set the clocks (NTP) and run it again",
    },
  );
}

/** How far two clocks may be apart, in seconds. */
export function allowedSkew(age: number): number {
  return Math.min(60, age / 10);
}

/** The refusal of a store file that is missing or has no tasks: it may be the wrong folder or a lost disk. */
export function storeEmpty(snapshot: Snapshot, consequence: string): TtsctlError {
  const what = snapshot.exists ? "has no tasks" : "is missing";
  return new TtsctlError("STORE_EMPTY", `${snapshot.path} ${what}${consequence}`, {
    hint: "check --store and the mount; if the file was lost, `ttsctl verify --repair --restore` fills it from Redis; if the empty store is meant, say --allow-empty",
  });
}
