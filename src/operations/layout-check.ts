import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { Mirror, SampledTask } from "../store/redis/mirror.ts";
import type { LayoutName } from "../task/layouts.ts";
import { TimeReader } from "../task/time.ts";

/** By how many tasks of a sample Redis shows each layout; what shows none is in neither. */
export type LayoutSigns = Readonly<Record<LayoutName, number>>;

/** Looks at a sample: one layout has ISO 8601 times in its hashes, the other epoch seconds, and lookups (SPEC section 10). */
export async function layoutSigns(mirror: Mirror): Promise<LayoutSigns> {
  const times = new TimeReader(mirror.parser.rules.zone);
  const signs = { plain: 0, api_ms: 0 };
  for (const task of await mirror.sample()) {
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

/** How many records of the file are looked at, and up to which size in bytes. */
const RECORDS = 16;
const MOST_BYTES = 1 << 16;

/**
 * Refuses the default layout if most of a sample of the file's records look like the published service's, unless Redis
 * holds tasks in the default layout.
 * @throws TtsctlError LAYOUT_MISMATCH
 */
export async function checkFileLayout(snapshot: Snapshot, mirror: Mirror | null): Promise<void> {
  const { layout, layoutIsSet } = snapshot.rules;
  if (layoutIsSet || layout !== "plain") return;
  const records = await sampleRecords(snapshot);
  const published = records.filter(isOfPublishedService).length;
  if (published * 2 <= records.length) return;
  if (mirror !== null && (await layoutSigns(mirror)).plain > 0) return;
  throw new TtsctlError(
    "LAYOUT_MISMATCH",
    `${snapshot.path} looks like the store of the published service (epoch times, segments_done), and [redis] layout is not set`,
    {
      hint: "set `layout = api_ms` under [redis] in config.ini (or REDIS_LAYOUT=api_ms); if your service keeps its tasks otherwise, `layout = plain`",
    },
  );
}

/** Records from all over the file, including invalid ones: in the plain layout a colon in a user id makes a record invalid. */
async function sampleRecords(snapshot: Snapshot): Promise<unknown[]> {
  const { rows } = snapshot;
  const step = Math.max(1, Math.ceil(rows.size / RECORDS));
  const records: unknown[] = [];
  for (let row = 0; row < rows.size; row += step) {
    const [from, end] = [rows.start(row), rows.end(row)];
    if (end - from <= MOST_BYTES) records.push(parsed(await snapshot.readBytes(from, end)));
  }
  return records;
}

/** Python writes NaN and Infinity, which aren't JSON; such a record is ignored. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}

function isOfPublishedService(record: unknown): boolean {
  if (typeof record !== "object" || record === null || !("segments_done" in record)) return false;
  return "updated_at" in record && typeof record.updated_at === "number";
}
