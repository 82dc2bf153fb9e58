import { TtsctlError } from "../errors.ts";
import type { Mirror, SampledTask } from "../store/redis/mirror.ts";
import type { LayoutName } from "../task/layouts.ts";
import { TimeReader } from "../task/time.ts";

const SAMPLE = 64;

/** By how many tasks of a sample Redis shows each layout; what shows none is in neither. */
export type LayoutSigns = Readonly<Record<LayoutName, number>>;

/** Looks at a sample: one layout has ISO 8601 times in its hashes, the other epoch seconds, and lookups (SPEC section 10). */
export async function layoutSigns(mirror: Mirror): Promise<LayoutSigns> {
  const times = new TimeReader(mirror.parser.rules.zone);
  const signs = { plain: 0, api_ms: 0 };
  for (const task of await mirror.sample(SAMPLE)) {
    const sign = signOf(task, times);
    if (sign !== null) signs[sign]++;
  }
  return signs;
}

function signOf({ updatedAt, hasLookup }: SampledTask, times: TimeReader): LayoutName | null {
  if (updatedAt !== null && /^-?\d+$/.test(updatedAt)) return "api_ms";
  if (updatedAt !== null && !Number.isNaN(times.parse(updatedAt))) return "plain";
  return hasLookup ? "api_ms" : null;
}

/**
 * Refuses to go on where most of a sample was written in another layout than the one in force: what is written there would
 * be read by nobody, and what looks like remains may be somebody's tasks.
 * @throws TtsctlError LAYOUT_MISMATCH
 */
export async function checkLayout(mirror: Mirror): Promise<void> {
  await mirror.detectAgain();
  const { layout } = mirror.parser.rules;
  const other: LayoutName = layout === "plain" ? "api_ms" : "plain";
  const signs = await layoutSigns(mirror);
  if (signs[other] <= signs[layout]) return;
  throw new TtsctlError(
    "LAYOUT_MISMATCH",
    `${signs[other]} of ${signs[other] + signs[layout]} tasks in Redis are in the layout ${other}, and [redis] layout is ${layout}`,
    { hint: `set \`layout = ${other}\` under [redis] in config.ini (or REDIS_LAYOUT=${other}); nothing was changed` },
  );
}
