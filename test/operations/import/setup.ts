import { Readable } from "node:stream";
import { systemClock } from "../../../src/clock.ts";
import { exportTasks } from "../../../src/operations/export/export.ts";
import { type ImportOptions, importRecords } from "../../../src/operations/import/import.ts";
import { readSource } from "../../../src/operations/import/read-source.ts";
import { type ExportFormat, exportText } from "../../../src/render/csv.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { NO_FILTER } from "../../../src/task/query-fields.ts";
import { RecordingReporter } from "../../helpers/doubles.ts";
import { RULES } from "../../helpers/records.ts";
import { EVERYTHING } from "../setup.ts";

const OFF = { kind: "off" } as const;
const ALL = { filter: NO_FILTER, ids: null };

/** What an export of a store file prints. */
export async function exported(store: string, format: ExportFormat): Promise<string> {
  const text = exportText(format);
  const pieces: string[] = [];
  const write = async (tasks: Parameters<typeof text.of>[0]) => void pieces.push(...text.of(tasks));
  const file = new FileStore(store, RULES, systemClock);
  const parts = { file, mirror: OFF, reporter: new RecordingReporter(), signal: new AbortController().signal, write };
  await exportTasks(parts, { ...ALL, source: "file", asLines: format === "jsonl" });
  return [...pieces, ...text.end()].join("");
}

/** Imports a file, or a text as stdin, into a store file without Redis. */
export async function imported(store: string, from: string | { stdin: string }, options: Partial<ImportOptions> = {}) {
  const reporter = new RecordingReporter();
  const [path, stdin] = typeof from === "string" ? [from, ""] : [null, from.stdin];
  const { signal } = new AbortController();
  const reading = { stdin: Readable.from([Buffer.from(stdin)]), storePath: store, rules: RULES, signal };
  const source = await readSource(path, reading);
  await using _ = source.records;
  const file = new FileStore(store, RULES, systemClock);
  const parts = { file, mirror: OFF, reporter, signal, ledger: null, clock: systemClock };
  const all = { policy: "newer", dryRun: false, skipInvalid: false, selection: EVERYTHING, limits: null } as const;
  return { ...(await importRecords(parts, source, { ...all, ...options })), reporter };
}
