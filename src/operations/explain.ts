import type { Artifacts, FolderName, LogPlace } from "../artifacts/artifacts.ts";
import { isStoreError, ours, TtsctlError } from "../errors.ts";
import { MirrorUse } from "../store/mirror-link.ts";
import { counted, formatBytes, formatDuration } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import { formatUtc } from "../task/time.ts";
import { type Copies, fileCopy, mirrorCopy } from "./copies.ts";
import type { Parts } from "./parts.ts";
import { preflight } from "./preflight.ts";
import { type PrepareOptions, planCleanup } from "./purge/cleanup-plan.ts";
import { newestArtifact } from "./purge/purge-artifacts.ts";
import { describeCopy, shortestRetention, type Verdict, verdict, verdictsOn } from "./purge/rules.ts";

type ExplainParts = Parts<"file" | "mirror" | "artifacts" | "clock" | "reporter">;

export type Explanation = Awaited<ReturnType<typeof explainTask>>["explanation"];

/** What a pass that began now would do with one task, and why, but for the brake. @throws TtsctlError STORE_*, REDIS_* */
export async function explainTask(parts: ExplainParts, options: PrepareOptions, id: TaskId) {
  const { file, artifacts } = parts;
  const now = parts.clock.now();
  await using snapshot = await file.read();
  const asked = { snapshot, age: shortestRetention(options), allowEmpty: options.allowEmpty, dryRun: true };
  const cleared = await preflight(parts, "cleanup", asked).catch(ours);
  const refusal = cleared instanceof TtsctlError ? cleared : null;
  const use: MirrorUse = cleared instanceof TtsctlError ? new MirrorUse(parts.mirror) : cleared.use;
  const { plan, found } = await planCleanup(parts, snapshot, use, options, now);
  const answers = await use.ask((mirror) => mirror.copies([id], "scores"));
  const answer = answers?.[0] ?? null;
  const unread = answer instanceof TtsctlError ? answer : null;
  const redis = answer instanceof TtsctlError ? null : answer;
  const copies = { file: fileCopy(snapshot, id), mirror: redis && mirrorCopy(redis, use.mirror!) };
  const looked = { id, copies, redis };
  const isThere = copies.file !== null || copies.mirror !== null;
  const { retention, origins } = options;
  const isOfStore = isStoreError(refusal);
  const verdicts = [
    retention <= 0
      ? verdict("cleanup", "keep", () => `switched off: retention is ${retention} (${origins.retention})`)
      : verdict("cleanup", "pass", () => `on: retention ${formatDuration(retention)} (${origins.retention})`),
    checkVerdict("clocks", isOfStore ? null : refusal, () =>
      use.mirror === null ? "no Redis to compare the clock with" : "the clock and the time zone agree with Redis",
    ),
    checkVerdict("store", isOfStore ? refusal : null, () => `${snapshot.path} has ${counted(snapshot.size, "task")}`),
    verdict("file", "pass", () => describeCopy(copies.file, now)),
    unread !== null
      ? verdict("redis", "keep", () => `its copy could not be read: ${unread.message}`)
      : answers === undefined
        ? verdict("redis", "off", () => use.lost?.message ?? "Redis is off")
        : verdict("redis", "pass", () => describeCopy(copies.mirror, now)),
    ...verdictsOn(plan.evidence(looked)),
    ...(isThere ? [artifactsVerdict(artifacts, id, now)] : []),
    ...(isThere ? [await logsVerdict(artifacts, file.rules.namesOf(id.taskId), now)] : []),
  ];
  const row = snapshot.rowOf(id);
  const isChosen = (row >= 0 && found.rows.includes(row)) || found.others.find(id.userId, id.taskId) >= 0;
  const decision = isThere && isChosen ? plan.decide(looked) : null;
  const isKept = verdicts.some(({ says }) => says === "keep");
  const reason = decision?.kind === "purge" && !isKept ? decision.reason : null;
  const verdictOfAll = reason !== null ? ("purge" as const) : ("keep" as const);
  /** `cleanup --explain -o json`. */
  const explanation = {
    user_id: id.userId,
    task_id: id.taskId,
    /** The outcome of a pass that began now; `missing`: the task is in neither store. */
    verdict: !isThere && unread === null ? ("missing" as const) : verdictOfAll,
    /** As in the `[CLEANUP]` line; null if the task is kept. */
    reason,
    file: explainedCopy(copies.file),
    /** Also null if Redis was not read. */
    redis: explainedCopy(copies.mirror),
    /** Those of a pass before it looks at the task, those on the task, and those on its files. */
    rules: verdicts.map(({ rule, says, saw }) => ({ rule, says, saw: saw() })),
  };
  return { explanation, lost: use.lost };
}

/** Its status as shown, `other`, `invalid` or `dangling`, and its time in ISO 8601, UTC; null if that can't be read. */
function explainedCopy(copy: Copies["file"] | Copies["mirror"]) {
  if (copy === null) return null;
  if (typeof copy === "string") return { status: copy, updated_at: null };
  return { status: copy.status, updated_at: Number.isNaN(copy.time) ? null : formatUtc(copy.time) };
}

function checkVerdict(rule: string, refusal: TtsctlError | null, passed: () => string): Verdict {
  if (refusal === null) return verdict(rule, "pass", passed);
  return verdict(rule, "keep", () => `a pass refuses: ${refusal.message}`);
}

/** The checks of a pass before it removes a folder. */
function artifactsVerdict(artifacts: Artifacts, { userId, taskId }: TaskId, now: number): Verdict {
  const measure = (name: FolderName) => artifacts.measureFolder(name.userId, name.taskId, newestArtifact(now));
  const folders = artifacts.foldersOf(userId, taskId).map(measure);
  const kept = folders.filter((folder) => folder.kind === "kept");
  const held = kept.find(({ newer, retry }) => newer || retry);
  if (held !== undefined) return verdict("artifacts", "keep", () => held.reason);
  if (kept.length > 0) return verdict("artifacts", "pass", () => `its directory is kept: ${kept[0]!.reason}`);
  const found = folders.filter((folder) => folder.kind === "removed");
  if (found.length === 0) return verdict("artifacts", "pass", () => "no directory");
  const files = found.reduce((sum, folder) => sum + folder.files, 0);
  const bytes = found.reduce((sum, folder) => sum + folder.bytes, 0);
  return verdict("artifacts", "pass", () => `${counted(files, "file")} in its directory, ${formatBytes(bytes)}`);
}

/** Logs go with the record. One that is newer than the pass stays, and keeps nothing else. */
async function logsVerdict(artifacts: Artifacts, names: readonly string[], now: number): Promise<Verdict> {
  const logs: LogPlace[] = [];
  await artifacts.logs.walk((log) => void (names.includes(log.taskId) && logs.push(log)));
  const found = logs.map(({ taskId, hour }) => artifacts.logs.remove(taskId, [hour], now, true));
  const sum = (of: "files" | "bytes" | "kept") => found.reduce((total, log) => total + log[of], 0);
  const left = found.flatMap(({ reasons }) => reasons).map((reason) => `; one is left: ${reason}`);
  if (sum("files") + sum("kept") === 0) return verdict("logs", "pass", () => "no logs");
  return verdict("logs", "pass", () => `${counted(sum("files"), "log")}, ${formatBytes(sum("bytes"))}${left.join("")}`);
}
