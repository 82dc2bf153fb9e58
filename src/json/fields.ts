/** A field of a record that ttsctl knows. All others pass through. */
interface RecordField {
  /** Whether the scan of a record notes where its value is. */
  readonly scanned?: true;
  /** Another name: its head in tables, and for `--columns`. */
  readonly short?: string;
  /** Its place in the wide table. */
  readonly place?: number;
  /** Whether it is in the table that isn't wide, too. */
  readonly narrow?: true;
}

const TABLE = {
  user_id: { scanned: true, short: "user", place: 1, narrow: true },
  task_id: { scanned: true, short: "task", place: 2, narrow: true },
  status: { scanned: true, place: 3, narrow: true },
  error: { scanned: true, place: 8, narrow: true },
  created_at: { scanned: true, short: "created", place: 5 },
  updated_at: { scanned: true, short: "updated", place: 4, narrow: true },
  deleted: { scanned: true },
  result_path: { short: "result", place: 6 },
  text: { place: 7 },
} as const satisfies Record<string, RecordField>;

type Table = typeof TABLE;
export type Field = { [F in keyof Table]: Table[F] extends { scanned: true } ? F : never }[keyof Table];

export const RECORD_FIELDS: ReadonlyMap<string, RecordField> = new Map(Object.entries(TABLE));

/** The fields that a scan finds, by number. */
export const FIELDS = [...RECORD_FIELDS].flatMap(([name, { scanned }]) => (scanned ? [name as Field] : []));
