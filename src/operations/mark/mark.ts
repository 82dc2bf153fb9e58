import type { Clock } from "../../clock.ts";
import type { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { checkFileLayout } from "../layout-check.ts";
import { MirrorUse } from "../mirror-use.ts";
import type { Survey } from "../purge/survey.ts";
import { checkClock, checkReading, storeEmpty } from "../safety.ts";
import { checkSameStore } from "../same-store.ts";
import { type Selection, select } from "../select.ts";
import { MarkRun } from "./mark-run.ts";
import { Marker } from "./marker.ts";
import { planMarks } from "./plan.ts";
import type { MarkOptions, MarkParts, MarkResult } from "./types.ts";

/**
 * Sets the status of chosen tasks: in the file first, in one rewrite, then in Redis. A task that the service has changed
 * meanwhile, in either store, is left as it is. The caller holds the run lock, unless it is a dry run.
 * @throws TtsctlError STORE_*, LAYOUT_MISMATCH, TIMEZONE_MISMATCH, CLOCK_SKEW, MAX_DELETE_EXCEEDED before the first mark
 */
export async function markTasks(
  parts: MarkParts,
  selection: Selection,
  options: MarkOptions,
): Promise<{ result: MarkResult; problem: TtsctlError | null }> {
  const { status, error } = options;
  const marker = new Marker({ status, error, now: parts.clock.now() }, parts.rules);
  const use = new MirrorUse(parts.mirror);
  await use.attempt(async (mirror) => mirror && checkClocks(mirror, parts.clock, selection));
  const snapshot = await parts.file.read();
  try {
    const rule = { filter: selection.filter, shown: options.shown, always: typeof error === "string" };
    const { found, plan } = await use.attempt(async (mirror) => {
      const found = await select(snapshot, mirror, selection);
      refuseEmpty(snapshot, found, options);
      if (mirror !== null) {
        await checkFileLayout(snapshot, mirror);
        await checkSameStore(snapshot, mirror);
      }
      return { found, plan: await planMarks({ snapshot, mirror, marker, rule }, found) };
    });
    const run = new MarkRun(parts, options, { plan, marker, mirror: use.mirror });
    if (selection.ids !== null) run.result.missing = plan.gone.map(({ taskId }) => taskId);
    if (options.dryRun) await run.tellPlan();
    else await run.apply(Math.max(snapshot.size, found.members));
    return { result: run.end(), problem: use.lost ?? run.problem };
  } finally {
    await snapshot.close();
  }
}

/** What is marked gets this machine's time, which decides from then on which copy is the newer one. */
async function checkClocks(mirror: Mirror, clock: Clock, { age }: Selection): Promise<void> {
  await checkReading(mirror);
  await checkClock(mirror, clock, age ?? Number.POSITIVE_INFINITY);
}

function refuseEmpty(snapshot: Snapshot, { members }: Survey, { allowEmpty }: MarkOptions): void {
  if (snapshot.size > 0 || members === 0 || allowEmpty) return;
  throw storeEmpty(snapshot, ` while Redis has ${members}: nothing was marked`);
}
