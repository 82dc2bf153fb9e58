import type { Clock } from "../../clock.ts";
import type { TtsctlError } from "../../errors.ts";
import { MirrorUse } from "../../store/mirror-link.ts";
import { type MergeOptions, type MergeParts, mergeRecords } from "../merge/merge.ts";
import { checkFileLayout, checkLayout } from "../safety.ts";
import type { Source } from "./read-source.ts";

export interface ImportOptions extends MergeOptions {
  /** Bad lines are left out; without it nothing is imported then. */
  readonly skipInvalid: boolean;
}

/** `import -o json`: records = added + replaced + identical + kept + refused. */
export interface ImportResult {
  records: number;
  added: number;
  replaced: number;
  identical: number;
  /** The store file's record is kept. */
  kept: number;
  /** Of those, records of the same time with other content. */
  conflicts: number;
  refused: number;
  returned: number;
  /** Lines of the input that hold no valid record. */
  invalid: number;
  /** Ids asked for that the input does not have. */
  missing: string[];
  newerInRedis: number;
  /** Records that are in the file and could not be written to Redis. */
  failed: number;
  dryRun: boolean;
  durationMs: number;
}

/**
 * Merges an input into both stores. It was read whole: with a bad line nothing is written at all. The caller holds the
 * run lock, unless it is a dry run, and closes the source.
 * @throws TtsctlError IMPORT_INVALID, LAYOUT_MISMATCH, and as `mergeRecords`
 */
export async function importRecords(
  parts: MergeParts & { readonly clock: Clock },
  { records, bad }: Source,
  options: ImportOptions,
): Promise<{ result: ImportResult; changed: number; problem: TtsctlError | null }> {
  const started = parts.clock.monotonic();
  if (bad.count > 1 || options.skipInvalid) bad.warn(parts.reporter);
  if (bad.count > 0 && !options.skipInvalid) throw bad.error();
  // If Redis fails here, the write to it reports that.
  await new MirrorUse(parts.mirror).attempt(async (mirror) => {
    if (mirror !== null) await checkLayout(mirror);
    await checkFileLayout(records, mirror);
  });
  const merged = await mergeRecords(parts, records, options);
  const { added, replaced, identical, conflict, changed, refused, mirrored } = merged;
  const kept = merged.older + conflict + merged.present + changed;
  const result = {
    records: added + replaced + identical + kept + refused,
    added,
    replaced,
    identical,
    kept,
    conflicts: conflict,
    refused,
    returned: merged.returned.length,
    invalid: bad.count,
    missing: merged.missing,
    newerInRedis: mirrored.newer,
    failed: mirrored.failed,
    dryRun: options.dryRun,
    durationMs: Math.round((parts.clock.monotonic() - started) * 1000),
  };
  return { result, changed, problem: merged.problem };
}
