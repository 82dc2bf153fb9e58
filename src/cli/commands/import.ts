import { resolve } from "node:path";
import { Option } from "commander";
import { foundIds, selectionIn } from "../../app/choose.ts";
import { ended } from "../../app/ended.ts";
import { audited } from "../../app/ledger.ts";
import { isRedisError, usage } from "../../errors.ts";
import type { ImportResult } from "../../operations/import/import.ts";
import type { MergePolicy } from "../../operations/merge/merge.ts";
import { limitsOf, policyOf } from "../../operations/purge/rules.ts";
import { notFound, textOf } from "../../render/item-lines.ts";
import { counted } from "../../task/amounts.ts";
import { FLAG_NAMES } from "../../task/query-fields.ts";
import type { CommandSpec } from "../context.ts";
import { addSelection, idsOf, rawQueryOf } from "../selection.ts";

export const spec: CommandSpec = {
  about: "import records into the store file and Redis: all of a file, or chosen ones",
  declare(command) {
    const merge = new Option("--merge <policy>", "which record is kept if the store file has the task too");
    command
      .argument("<file>", "a file of export or --backup, or a store file; - for stdin")
      .addOption(merge.choices(["newer", "keep", "replace"] satisfies MergePolicy[]).default("newer"))
      .option("--skip-invalid", SKIP, false)
      .optionsGroup("Safety:")
      .option("--dry-run", "check everything, print the plan and change nothing", false)
      .option("-y, --yes", "do not ask before records of the store file are replaced", false);
    addSelection(command);
  },
  async run(context, flags, [path = ""]) {
    if (path === "-" && flags.ids === "-") {
      const hint = "name a file for the input, or list the ids after --ids";
      throw usage("stdin can't be both the input and the ids", hint);
    }
    const asking = { names: FLAG_NAMES, ...idsOf(flags), source: null };
    const chosen = await selectionIn(context, await rawQueryOf(context, flags), asking);
    await context.requireConfig(false);
    const run = await audited(context, !flags.dryRun, async (ledger) => {
      const { readSource } = await import("../../operations/import/read-source.ts");
      const { importRecords } = await import("../../operations/import/import.ts");
      const file = await context.changingFileStore();
      const from = path === "-" ? null : resolve(context.caller.cwd, path);
      const own = { stdin: context.terminal.streams.stdin, signal: context.signal };
      const source = await readSource(from, { ...own, storePath: file.path, rules: await context.rules() });
      context.onRelease(() => source.records.close());
      const selection = { ...chosen, ids: await foundIds(context, chosen.ids, source.records) };
      const question = (count: number) => `Replace ${counted(count, "task")} in the store file?`;
      const ask = context.confirmation(flags.yes, question, "replaced");
      const parts = {
        ...(await context.changeParts(ledger, flags.dryRun, file)),
        mirror: await context.mirrorState(),
        confirm: ({ replaced }: { replaced: number }) => (replaced > 0 ? ask(replaced) : Promise.resolve()),
      };
      const { merge: policy, dryRun, skipInvalid } = flags;
      const { cleanup } = await context.settings();
      const limits = cleanup.retention.value > 0 ? limitsOf(policyOf(cleanup), context.clock.now()) : null;
      const outcome = await importRecords(parts, source, { policy, dryRun, skipInvalid, selection, limits });
      const { refused, returned, invalid, missing, failed } = outcome.result;
      const when = isRedisError(outcome.problem) ? " when Redis is back" : "";
      return ended(parts, outcome, {
        isPartly: refused + returned + invalid + missing.length + failed + outcome.counts.changed > 0,
        goesOn: true,
        without: dryRun ? "only the file was checked" : `Redis may lack records; run \`ttsctl sync\`${when}`,
      });
    });
    return context.conclude(run, () => describe(run.result));
  },
  examples: `
newer: keep the record with the later updated_at, or at equal times that of
the store file. keep: keep that of the store file. replace: use the other.
Examples:
  ttsctl import backup.jsonl --dry-run
  ttsctl import purged.jsonl --user alice --ids t01       undo a purge
  gunzip -c backup.jsonl.gz | ttsctl import - --merge keep`,
};

const SKIP =
  "skip invalid lines, and a record that the input cuts off; without it, they stop the import before any change";

function describe(result: ImportResult): string {
  const { added, replaced, identical, kept, conflicts, refused, returned, invalid, missing, newerInRedis } = result;
  const would = result.dryRun ? "would be " : "";
  const counts = `${added} ${would}added, ${replaced} ${would}replaced, ${identical} identical, ${kept} kept from the file`;
  return textOf(
    `${counted(result.records, "record")}: ${counts}`,
    conflicts > 0 && `${conflicts} of those kept have the same time but different content`,
    refused > 0 && `${refused} refused`,
    invalid > 0 && `${counted(invalid, "invalid line")} left out`,
    missing.length > 0 && notFound(missing),
    newerInRedis > 0 &&
      `${newerInRedis} newer in Redis: kept there; ttsctl verify --details names ${newerInRedis === 1 ? "it" : "them"}`,
    result.failed > 0 && `${result.failed} could not be written to Redis`,
    returned > 0 && `${returned} were undone: the service holds the store in memory, or writes it without a pause`,
  );
}
