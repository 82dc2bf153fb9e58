import { type ImportOptions, importRecords } from "../../../src/operations/import/import.ts";
import { BadLines } from "../../../src/operations/import/read-source.ts";
import type { MergeCounts } from "../../../src/operations/merge/merge.ts";
import { spooled } from "../../../src/operations/merge/spool.ts";
import { RULES } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { EVERYTHING, type Site } from "../setup.ts";

const DEFAULTS: ImportOptions = {
  ...{ policy: "newer", dryRun: false, skipInvalid: false, selection: EVERYTHING, limits: null },
};

/** Merges records into the store of a site. */
export async function merge(
  site: Site,
  records: readonly RecordJson[],
  options: Partial<ImportOptions> & { confirm?: (planned: MergeCounts) => Promise<void> } = {},
) {
  const { confirm, ...rest } = options;
  await using source = await spooled(site.root.store, RULES, async (add) => {
    for (const record of records) await add(JSON.stringify(record));
  });
  const { file, state, clock, reporter, stop } = site;
  const parts = { file, mirror: state, clock, reporter, signal: stop.signal, ledger: null };
  const asked = confirm === undefined ? parts : { ...parts, confirm };
  const read = { records: source, bad: new BadLines("the records") };
  const { result, counts, mirrored, problem } = await importRecords(asked, read, { ...DEFAULTS, ...rest });
  const { missing, returned } = result;
  return { ...counts, missing, returned, mirrored, problem };
}
