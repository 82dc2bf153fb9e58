import { isTtsctlError, ours, valueIf } from "../errors.ts";
import { policyOf } from "../operations/purge/rules.ts";
import type { Kind } from "../operations/verify/drift.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { formatUtc } from "../task/time.ts";
import type { RunParts } from "./parts.ts";

type Asked = { userId: string | undefined; disk: boolean; estimate: boolean; source: SourceChoice };

/** @param disk whether audio and logs count too @param estimate whether to say what a cleanup would free */
export async function statsOf(parts: RunParts, asked: Asked) {
  const { countTasks, estimateCleanup } = await import("../operations/stats/stats.ts");
  const { noArtifacts } = await import("../artifacts/artifacts.ts");
  const { cleanup } = await parts.settings();
  const { source, disk, userId } = asked;
  const { reporter, clock } = parts;
  const stores = await parts.stores();
  const uncounted = (error: unknown) => {
    reporter.warn(`audio and logs aren't counted: ${ours(error).message}`);
    return null;
  };
  const artifacts = disk ? await parts.artifacts("count").catch(uncounted) : null;
  /** Null if the file, which is needed, may not be read. */
  const estimate: Parameters<typeof countTasks>[0]["estimate"] = async (known) => {
    if (!asked.estimate || source === "redis" || cleanup.retention.value <= 0) return null;
    if (disk && artifacts === null) return null; // a cleanup would refuse
    const policy = disk ? policyOf(cleanup) : { ...policyOf(cleanup), maxBytes: 0 };
    const mirror = source === "file" ? ({ kind: "off" } as const) : await parts.mirrorState();
    const looking = { file: stores.file, clock, reporter, mirror, artifacts: artifacts ?? noArtifacts(), ...known };
    try {
      await parts.artifacts("remove"); // as a cleanup opens them
      return await estimateCleanup(looking, policy, { userId, withFiles: disk });
    } catch (error) {
      const { code, message } = ours(error);
      if (code !== "CONFIG_REQUIRED") reporter.warn(`cannot estimate what a cleanup would free: ${message}`);
      return null;
    }
  };
  const { zone } = await parts.rules();
  const rule = { now: clock.now(), after: cleanup.stuckAfter.value, zone };
  return countTasks({ ...stores, artifacts, reporter, estimate }, { source, userId, rule });
}

export type DriftCheck = NonNullable<Awaited<ReturnType<typeof driftIn>>>;

/** A comparison of some tasks, as `verify` compares all. Null if Redis may not be read, or one of the stores can't. */
export async function driftIn(parts: RunParts) {
  const { clock, signal } = parts;
  const state = await parts.mirrorState();
  if (state.kind !== "on" || state.behind !== undefined) return null;
  const { mirror } = state;
  try {
    const { compareSample } = await import("../operations/verify/compare.ts");
    const file = await parts.fileStore();
    await using snapshot = await file.read();
    const { compared: checked, counts } = await compareSample({ mirror, clock, signal, file }, snapshot);
    const kinds: Partial<Record<Kind, number>> = Object.fromEntries(counts);
    const sizes = { inFile: snapshot.size, inRedis: await mirror.size(undefined) };
    return { at: formatUtc(clock.now()), checked, ...sizes, kinds };
  } catch (error) {
    return valueIf(isTtsctlError, null)(error);
  }
}
