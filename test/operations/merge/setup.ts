import { type MergeOptions, type MergeOutcome, mergeRecords } from "../../../src/operations/merge/merge.ts";
import type { MergeCounts } from "../../../src/operations/merge/merge-plan.ts";
import { spooled } from "../../../src/operations/merge/spool.ts";
import { EVERYTHING } from "../../../src/operations/select.ts";
import { RULES } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import type { Site } from "../setup.ts";

const DEFAULTS: MergeOptions = {
  ...{ policy: "newer", dryRun: false, selection: EVERYTHING },
};

/** Merges records, as JSON texts or values, into the store of a site. */
export async function merge(
  site: Site,
  records: readonly (RecordJson | string)[],
  options: Partial<MergeOptions> & { confirm?: (planned: MergeCounts) => Promise<void> } = {},
): Promise<MergeOutcome> {
  const { confirm, ...rest } = options;
  await using source = await spooled(site.root.store, RULES, async (add) => {
    for (const record of records) await add(typeof record === "string" ? record : JSON.stringify(record));
  });
  const parts = {
    file: site.file,
    mirror: site.state,
    reporter: site.reporter,
    signal: site.stop.signal,
    ledger: null,
  };
  const asked = confirm === undefined ? parts : { ...parts, confirm };
  return await mergeRecords(asked, source, { ...DEFAULTS, ...rest });
}
