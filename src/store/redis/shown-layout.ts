import type { LayoutName } from "../../task/rules.ts";
import { TimeReader } from "../../task/time.ts";
import type { Mirror, SampledTask } from "./mirror.ts";

/** The layout that tasks in Redis show. */
interface ShownLayout {
  /** That of most; null if none shows any. Without a sign of the version of the published service, the one in force, or `api_ms`. */
  readonly name: LayoutName | null;
  readonly isPublished: boolean;
  /** How many of how many tasks show whether it is that of the published service. */
  readonly count: number;
  readonly of: number;
}

/** What most of a random sample shows: ISO 8601 times; or epoch seconds and lookups, and the score in the user's index. */
export async function shownLayout(mirror: Mirror): Promise<ShownLayout> {
  const { rules } = mirror.parser;
  const iso = new TimeReader(rules.zone);
  const seconds = new TimeReader(rules.zone, { wholeSeconds: true });
  const counts = { plain: 0, published: 0, byUpdate: 0, byCreation: 0 };
  for (const task of await mirror.sample()) {
    const sign = signOf(task, iso);
    if (sign !== null) counts[sign]++;
    const score = scoreOf(task, seconds);
    if (sign === "published" && score !== null) counts[score]++;
  }
  const { plain, published, byUpdate, byCreation } = counts;
  const of = plain + published;
  const isPublished = published === plain ? rules.isPublished : published > plain;
  const inForce = rules.isPublished ? rules.layout : "api_ms";
  const version = byUpdate === byCreation ? inForce : byCreation > byUpdate ? "api_ms_v3" : "api_ms";
  return {
    name: of === 0 ? null : isPublished ? version : "plain",
    isPublished,
    count: Math.max(plain, published),
    of,
  };
}

/** The layout that the tasks show, if `[redis] layout` is of the other service; else null. */
export async function otherLayout(mirror: Mirror): Promise<ShownLayout | null> {
  const shown = await shownLayout(mirror);
  return shown.name === null || shown.isPublished === mirror.parser.rules.isPublished ? null : shown;
}

function signOf({ updatedAt, hasLookup }: SampledTask, times: TimeReader): "plain" | "published" | null {
  if (updatedAt !== null && /^-?\d+$/.test(updatedAt)) return "published";
  if (updatedAt !== null && !Number.isNaN(times.parse(updatedAt))) return "plain";
  return hasLookup ? "published" : null;
}

/** A task whose global score differs from its hash is being written, so it is ignored; so is one whose two times are equal. */
function scoreOf({ score, userScore, updatedAt, createdAt }: SampledTask, times: TimeReader) {
  const [updated, created] = [times.ofHash(updatedAt ?? ""), times.ofHash(createdAt ?? "")];
  if (updated === created || (!Number.isNaN(score) && score !== updated)) return null;
  return userScore === created ? "byCreation" : userScore === updated ? "byUpdate" : null;
}
