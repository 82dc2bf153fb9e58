import type { Artifacts, FolderName } from "../artifacts/artifacts.ts";
import { isStoreError, TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { scoreOf } from "../store/layout/copy.ts";
import { MirrorUse } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";
import { counted, formatBytes, formatDuration } from "../task/amounts.ts";
import { formatUtc } from "../task/time.ts";
import type { Parts } from "./parts.ts";
import { preflight } from "./preflight.ts";
import { type PrepareOptions, prepare } from "./purge/cleanup-plan.ts";
import { type Copies, fileCopy, mirrorCopy } from "./purge/copies.ts";
import type { Looked, Reason } from "./purge/decide.ts";
import { describeCopy, type PolicyOrigins, type RuleSays, says, taskRules } from "./purge/explain-rules.ts";
import { shortestRetention } from "./purge/policy.ts";
import { newestArtifact } from "./purge/purge-artifacts.ts";

export type ExplainParts = Parts<"file" | "mirror" | "artifacts" | "clock" | "reporter">;

export interface ExplainedCopy {
  /** Shown word, `other`, or for an entry that isn't a task: `invalid`, `dangling`. */
  readonly status: string;
  /** ISO 8601, UTC; null if it can't be read. */
  readonly updated_at: string | null;
}

/** `cleanup --explain -o json`. */
export interface Explanation {
  readonly user_id: string;
  readonly task_id: string;
  /** The outcome of a pass that began now; `missing`: the task is in neither store. */
  readonly verdict: "purge" | "keep" | "missing";
  /** As in the `[CLEANUP]` line; null if the task is kept. */
  readonly reason: Reason | null;
  readonly file: ExplainedCopy | null;
  /** Also null if Redis was not read. */
  readonly redis: ExplainedCopy | null;
  readonly rules: readonly RuleSays[];
}

/**
 * What a pass that began now would do with one task, and why. It uses the code of a pass, without the brake, and changes nothing.
 * @throws TtsctlError STORE_*, REDIS_*
 */
export async function explainTask(
  parts: ExplainParts,
  options: PrepareOptions & { readonly origins: PolicyOrigins },
  id: TaskId,
): Promise<{ explanation: Explanation; lost: TtsctlError | null }> {
  const now = parts.clock.now();
  await using snapshot = await parts.file.read();
  const { use, refusal } = await checked(parts, snapshot, options);
  const ofStore = isStoreError(refusal);
  const { plan, found } = await prepare(parts, snapshot, use, options, now);
  const looked = await use.attempt((mirror) => look(snapshot, mirror, id));
  const { copies, indexScore, unread } = looked;
  const isThere = copies.file !== null || copies.mirror !== null;
  const rules = [
    switchRule(options),
    clockRule(use, ofStore ? null : refusal),
    storeRule(snapshot, ofStore ? refusal : null),
    says("file", "pass", describeCopy(copies.file, now)),
    redisRule(looked, now),
    ...taskRules({
      copies,
      indexScore,
      limits: plan.limits,
      policy: options,
      origins: options.origins,
      standing: plan.standing(id),
      newer: plan.newerOfUser(id),
      totals: plan.totals,
    }),
  ];
  if (isThere) {
    rules.push(artifactsRule(parts.artifacts, id, now));
    rules.push(await logsRule(parts.artifacts, parts.file.rules.namesOf(id.taskId), now));
  }
  const row = snapshot.rowOf(id.userId, id.taskId);
  const isChosen = (row >= 0 && found.rows.includes(row)) || found.others.find(id.userId, id.taskId) >= 0;
  const decision = isThere && isChosen ? plan.decide(looked) : null;
  const reason = decision?.kind === "purge" && !rules.some((rule) => rule.says === "keep") ? decision.reason : null;
  const explanation: Explanation = {
    user_id: id.userId,
    task_id: id.taskId,
    verdict: !isThere && unread === null ? "missing" : reason !== null ? "purge" : "keep",
    reason,
    file: explainedCopy(copies.file),
    redis: explainedCopy(copies.mirror),
    rules,
  };
  return { explanation, lost: use.lost };
}

interface LookedAt extends Looked {
  readonly asked: boolean;
  /** Why Redis's copy could not be read, or null. */
  readonly unread: TtsctlError | null;
  /** Its score in the index of Redis; NaN for none. */
  readonly indexScore: number;
}

async function look(snapshot: Snapshot, mirror: Mirror | null, id: TaskId): Promise<LookedAt> {
  const [answer] = mirror === null ? [null] : await mirror.copies([id], "scores");
  const unread = answer instanceof TtsctlError ? answer : null;
  const redis = answer instanceof TtsctlError ? null : (answer ?? null);
  const copies = { file: fileCopy(snapshot, id), mirror: redis && mirrorCopy(redis, mirror!) };
  const indexScore = scoreOf(redis?.indexScore ?? null) ?? Number.NaN;
  return { id, copies, redis, asked: mirror !== null, unread, indexScore };
}

function redisRule({ copies, asked, unread }: LookedAt, now: number): RuleSays {
  if (unread !== null) return says("redis", "keep", `its copy could not be read: ${unread.message}`);
  return asked ? says("redis", "pass", describeCopy(copies.mirror, now)) : says("redis", "off", "Redis is off or down");
}

function explainedCopy(copy: Copies["file"] | Copies["mirror"]): ExplainedCopy | null {
  if (copy === null) return null;
  if (typeof copy === "string") return { status: copy, updated_at: null };
  return { status: copy.status, updated_at: Number.isNaN(copy.time) ? null : formatUtc(copy.time) };
}

function switchRule({ retention, origins }: PrepareOptions & { readonly origins: PolicyOrigins }): RuleSays {
  if (retention <= 0) return says("cleanup", "keep", `switched off: retention is ${retention} (${origins.retention})`);
  return says("cleanup", "pass", `on: retention ${formatDuration(retention)} (${origins.retention})`);
}

/** Makes the checks of a pass. `refusal`: why it would refuse. */
async function checked(parts: ExplainParts, snapshot: Snapshot, options: PrepareOptions) {
  const asked = { snapshot, age: shortestRetention(options), allowEmpty: options.allowEmpty };
  try {
    const { use }: { use: MirrorUse } = await preflight(parts, "cleanup", asked);
    return { use, refusal: null };
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    return { use: new MirrorUse(parts.mirror), refusal: error };
  }
}

function clockRule(use: MirrorUse, refusal: TtsctlError | null): RuleSays {
  if (refusal !== null) return says("clocks", "keep", `a pass refuses: ${refusal.message}`);
  if (use.mirror === null) return says("clocks", "pass", "no Redis to compare the clock with");
  return says("clocks", "pass", "the clock and the time zone agree with Redis");
}

function storeRule(snapshot: Snapshot, refusal: TtsctlError | null): RuleSays {
  if (refusal !== null) return says("store", "keep", `a pass refuses: ${refusal.message}`);
  return says("store", "pass", `${snapshot.path} has ${counted(snapshot.size, "task")}`);
}

/** The checks of a pass before it removes a folder. */
function artifactsRule(artifacts: Artifacts, { userId, taskId }: TaskId, now: number): RuleSays {
  const measure = (name: FolderName) => artifacts.measureFolder(name.userId, name.taskId, newestArtifact(now));
  const folders = artifacts.foldersOf(userId, taskId).map(measure);
  const kept = folders.filter((folder) => folder.kind === "kept");
  const held = kept.find(({ newer, retry }) => newer || retry);
  if (held !== undefined) return says("artifacts", "keep", held.reason);
  if (kept.length > 0) return says("artifacts", "pass", `its directory is kept: ${kept[0]!.reason}`);
  const found = folders.filter((folder) => folder.kind === "removed");
  if (found.length === 0) return says("artifacts", "pass", "no directory");
  const files = found.reduce((sum, folder) => sum + folder.files, 0);
  const bytes = found.reduce((sum, folder) => sum + folder.bytes, 0);
  return says("artifacts", "pass", `${counted(files, "file")} in its directory, ${formatBytes(bytes)}`);
}

/** Logs go with the record. One that is newer than the pass stays, and keeps nothing else. */
async function logsRule(artifacts: Artifacts, names: readonly string[], now: number): Promise<RuleSays> {
  const logs = await artifacts.indexLogs((name) => names.includes(name));
  const found = names.map((name) => logs.measure(name, now));
  const sum = (of: "files" | "bytes" | "kept") => found.reduce((total, log) => total + log[of], 0);
  const left = found.flatMap(({ reasons }) => reasons).map((reason) => `; one is left: ${reason}`);
  if (sum("files") + sum("kept") === 0) return says("logs", "pass", "no logs");
  return says("logs", "pass", `${counted(sum("files"), "log")}, ${formatBytes(sum("bytes"))}${left.join("")}`);
}
