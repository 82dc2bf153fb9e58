import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { fieldJson } from "../json/record.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { INDEX_KEY } from "../store/layout/keys.ts";
import { LEAST_STRANGE, type Mirror } from "../store/redis/mirror.ts";
import { otherLayout, shownLayout } from "../store/redis/shown-layout.ts";
import { lackText } from "../store/task-store.ts";
import type { TaskId } from "../task/ids.ts";
import { checkBrake, type MaxDelete } from "./brake.ts";

const SAMPLE = 64;
/** A larger difference is a wrong score, not a wrong zone. */
const MOST_ZONE_SECONDS = 26 * 3600;
/** How often the clocks are compared before they count as different. */
const MEASURED = 3;

/** Refuses to run if most of a sample's scores and our readings of the naive times differ by a minute or more. @throws TtsctlError TIMEZONE_MISMATCH */
export async function checkTimezone(mirror: Mirror): Promise<void> {
  const gaps: number[] = [];
  for (const { score, updatedAt } of await mirror.sample()) {
    const gap = Math.abs(score - mirror.parser.times.ofHash(updatedAt ?? ""));
    if (mirror.parser.times.naive && !Number.isNaN(gap)) gaps.push(gap);
  }
  const wrong = gaps.filter((gap) => gap >= 60 && gap <= MOST_ZONE_SECONDS);
  if (wrong.length * 2 <= gaps.length) return;
  const hours = Math.round(wrong[0]! / 360) / 10;
  const what = `in ${wrong.length} of ${gaps.length} tasks, updated_at is off by about ${hours} h: the service writes it in another time zone`;
  const hint =
    "set [service] timezone (or TTSCTL_TIMEZONE) to the zone that the service runs in, such as Asia/Shanghai";
  throw new TtsctlError("TIMEZONE_MISMATCH", what, { hint });
}

/** Refuses a clock off Redis's by more than `allowedSkew`. A slow answer looks like that: it asks again. @param age seconds @throws CLOCK_SKEW */
export async function checkClock(mirror: Mirror, clock: Clock, age: number): Promise<void> {
  let skew = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MEASURED && skew > allowedSkew(age); i++) skew = Math.min(skew, await clockSkew(mirror, clock));
  if (skew <= allowedSkew(age)) return;
  const apart = skew < 10 ? skew.toFixed(1) : Math.round(skew);
  const what = `this machine's clock and that of Redis at ${mirror.where} differ by ${apart} s`;
  throw new TtsctlError("CLOCK_SKEW", what, { hint: "nothing was changed; set the clocks (NTP) and run it again" });
}

/** The difference of this machine's clock and that of Redis, in seconds. */
export async function clockSkew(mirror: Mirror, clock: Clock): Promise<number> {
  const before = clock.now();
  const theirs = await mirror.time();
  return Math.abs(theirs - (before + clock.now()) / 2);
}

/** How far two clocks may differ: a minute, or a tenth of the shortest age that matters. Seconds. */
export function allowedSkew(age: number): number {
  return Math.min(60, age / 10);
}

/** A missing or empty store file may be in the wrong directory, or its disk lost. @param remedy the last part of the hint */
export function storeEmpty(snapshot: Snapshot, consequence = "", remedy = ALLOW_EMPTY): TtsctlError {
  return new TtsctlError("STORE_EMPTY", `${lackText(snapshot)}${consequence}`, {
    hint: `nothing was changed; check --store and the mount; ${IF_LOST}${remedy}`,
  });
}

/** For what takes tasks that the file lacks for removed: JSON Lines that end inside a record may be cut. @throws TtsctlError STORE_INVALID */
export function refuseCut({ layout, path }: Snapshot, consequence: string): void {
  if (layout === null || layout.unfinished === null) return;
  throw new TtsctlError("STORE_INVALID", `${path} ends inside a record: ${consequence}`, {
    hint: "run it again; if no service is appending, complete the last line or remove it; if the file was cut, see docs/runbook.md",
  });
}

/** @param of how many tasks Redis has @throws TtsctlError STORE_EMPTY, STORE_INVALID, MAX_DELETE_EXCEEDED */
export function checkPrune(snapshot: Snapshot, count: number, of: number, options: PruneOptions): void {
  if (snapshot.size === 0 && !options.allowEmpty) throw storeEmpty(snapshot);
  if (count > 0) refuseCut(snapshot, "tasks that it has lost would be deleted from Redis");
  checkBrake(count, of, options.maxDelete);
}

type PruneOptions = Pick<StoreQuestion, "allowEmpty"> & { readonly maxDelete?: MaxDelete | undefined };

export const IF_LOST = "if the file was lost, `ttsctl verify --repair --restore` fills it from Redis";
const INTO_EMPTY = `nothing was changed; check --store, the mount, and [redis] in config.ini; ${IF_LOST} first; if the input belongs to this Redis, import it with --no-redis and run \`ttsctl sync --allow-mismatch\``;
const ALLOW_EMPTY = "; if the empty store is intended, add --allow-empty";

export interface StoreQuestion {
  readonly snapshot: Snapshot;
  /** The records of an import, which may fill an empty file. */
  readonly input?: Snapshot;
  /** Accept an empty file, or a Redis of another store. */
  readonly allowEmpty?: boolean;
  readonly allowMismatch?: boolean | undefined;
  /** How many tasks in Redis make an empty file a wrong one. */
  readonly least?: number;
}

/** Why a file isn't that of a Redis: it is empty while Redis has tasks, or they have none in common. Null if it may be. */
export async function storeRefusal(
  mirror: Mirror,
  { snapshot, input, allowEmpty = false, allowMismatch = false, least = 1 }: StoreQuestion,
): Promise<TtsctlError | null> {
  if (allowMismatch) return null;
  if (snapshot.size > 0) return storeMismatch(snapshot, mirror);
  if (input !== undefined) {
    const what = `${lackText(snapshot)}, and the input and Redis at ${mirror.where} have no task in common`;
    const isOther = (await storeMismatch(input, mirror)) !== null;
    return isOther ? new TtsctlError("STORE_MISMATCH", what, { hint: INTO_EMPTY }) : null;
  }
  if (allowEmpty) return null;
  const members = await mirror.size(undefined);
  const isLost = members === 0 && (await mirror.hasMore(undefined, Math.max(least, 1) - 1));
  if (members < least && !isLost) return null;
  const count = isLost ? `${INDEX_KEY} has none: it was lost` : members;
  const inRedis = members > 0 || isLost ? ` while Redis has tasks (${count})` : "";
  return storeEmpty(snapshot, inRedis);
}

/** Refuses to run if most of a sample is in a layout of the other kind: the service wouldn't read our writes. @throws TtsctlError LAYOUT_MISMATCH */
export async function checkLayout(mirror: Mirror): Promise<void> {
  const { layout } = mirror.parser.rules;
  const shown = await otherLayout(mirror);
  if (shown === null) return;
  const { name, count, of } = shown;
  const what = `${count} of ${of} tasks in Redis are in the layout ${name}, and [redis] layout is ${layout}`;
  const hint = `set \`layout = ${name}\` under [redis] in config.ini (or REDIS_LAYOUT=${name}); nothing was changed`;
  throw new TtsctlError("LAYOUT_MISMATCH", what, { hint });
}

/** The size of a sample of the file, and of its largest record in bytes. */
const RECORDS = 16;
const MOST_BYTES = 1 << 16;

/** Refuses the default layout, unless Redis uses it, if most sampled records look like the published service's. @throws TtsctlError LAYOUT_MISMATCH */
export async function checkFileLayout(snapshot: Snapshot, mirror: Mirror | null): Promise<void> {
  const { isPublished, layoutIsSet } = snapshot.rules;
  if (layoutIsSet || isPublished) return;
  const records = await sampleRecords(snapshot);
  if (records.filter(isOfPublishedService).length * 2 <= records.length) return;
  if (mirror !== null && (await shownLayout(mirror)).name === "plain") return;
  const what = `${snapshot.path} looks like the store of the published service (epoch times, segments_done), and [redis] layout is not set`;
  const hint =
    "set `layout = api_ms` under [redis] in config.ini (or REDIS_LAYOUT=api_ms); if your service keeps its tasks otherwise, `layout = plain`";
  throw new TtsctlError("LAYOUT_MISMATCH", what, { hint });
}

/** Includes invalid records: in the plain layout, a colon in a user id makes a record invalid. */
async function sampleRecords(snapshot: Snapshot): Promise<string[]> {
  const { rows } = snapshot;
  const step = Math.max(1, Math.ceil(rows.size / RECORDS));
  const records: string[] = [];
  for (let row = 0; row < rows.size; row += step) {
    const [from, end] = [rows.start(row), rows.end(row)];
    if (end - from <= MOST_BYTES) records.push((await snapshot.readBytes(from, end)).toString());
  }
  return records;
}

function isOfPublishedService(json: string): boolean {
  if (!json.startsWith("{") || fieldJson(json, "segments_done") === undefined) return false;
  return /^[-\d]/.test(fieldJson(json, "updated_at") ?? "");
}

/**
 * The error if a store file and a Redis belong to two services: none of Redis's newest tasks is in the file, none of a sample of the file's
 * in Redis. Else null. @param isOurs whether the file had a task that may still be in Redis; without it an empty file matches
 */
export async function storeMismatch(snapshot: Snapshot, mirror: Mirror, isOurs?: (id: TaskId) => boolean) {
  if (snapshot.size === 0 && isOurs === undefined) return null;
  const newest = await mirror.withUnlisted(await mirror.newest(undefined, SAMPLE));
  if (newest.length < LEAST_STRANGE || newest.some((id) => snapshot.holds(id) || isOurs?.(id))) return null;
  const step = Math.max(1, Math.floor(snapshot.size / SAMPLE));
  const ids = [...snapshot.liveRows()].filter((_, i) => i % step === 0).map((row) => snapshot.idOf(row));
  const statuses = await mirror.statuses(ids);
  if (statuses.some((status) => status !== null)) return null;
  return new TtsctlError("STORE_MISMATCH", `${snapshot.path} and Redis at ${mirror.where} have no task in common`, {
    hint: "nothing was changed; check --store, and [store] and [redis] in config.ini: a second store needs its own db or prefix; if they belong together (as after a long outage), run `ttsctl sync --allow-mismatch`",
  });
}
