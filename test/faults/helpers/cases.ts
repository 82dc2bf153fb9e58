import type { Place } from "../../e2e/setup.ts";
import { ago, record } from "../../helpers/records.ts";
import type { TestRecord } from "./stores.ts";

const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
export const OLD = some(3, "old");
export const YOUNG = some(2, "young", { updated_at: ago(3600) });
/** In both stores before each command, with audio and logs. */
export const BOTH = [...OLD, ...YOUNG];

/** The same tasks at another time, with other content. */
const changed = (tasks: readonly TestRecord[], updated_at: string) =>
  tasks.map((task) => ({ ...task, text: "changed", updated_at }));
const NEWER = changed(OLD.slice(0, 2), ago(1800));
const OLDER = changed(YOUNG, "2019-01-01T00:00:00");
const ADDED = some(2, "added");
const ALONE = some(2, "alone");
const UNOWNED = some(2, "unowned");

/** A command: what is there besides before it, and what must be there after it, or after its next run. */
export interface Case {
  readonly line: string;
  /** In Redis, alone or over what the file has. */
  readonly redis?: readonly TestRecord[];
  /** What is read with `import`. */
  readonly input?: readonly TestRecord[];
  /** What stays in Redis and on the disk, in file order. */
  readonly after: readonly TestRecord[];
  /** What is there before and after, and so at every moment, where it is not all of that. */
  readonly kept?: readonly TestRecord[];
  /** Tasks that Redis may go on having newer after a kill. */
  readonly mayStayNewer?: readonly TestRecord[];
  /** Artifacts of tasks that neither store has. */
  readonly unowned?: readonly TestRecord[];
  /** Whose audio and logs stay, where it is not the same. */
  readonly artifacts?: readonly TestRecord[];
  /** The status that tasks of user0 have in both stores in the end. */
  readonly marked?: string;
}

const AFTER_REPAIR = [...NEWER, ...OLD.slice(2), ...YOUNG];

/** These write the store file. */
export const WRITING: Case[] = [
  { line: "cleanup --once -o json", redis: ALONE, after: YOUNG },
  {
    line: "delete --user user0 --ids old0,alone0 --yes -o json",
    ...{ redis: ALONE.slice(0, 1), after: [...OLD.slice(1), ...YOUNG] },
  },
  {
    line: "import in.jsonl --skip-invalid --yes -o json",
    ...{ input: [...NEWER, ...ADDED, ...OLDER], after: [...AFTER_REPAIR, ...ADDED], artifacts: BOTH, kept: BOTH },
  },
  { line: "mark --to failed --user user0 --status done --yes -o json", after: BOTH, marked: "failed" },
  {
    line: "verify --repair --prune --yes -o json",
    ...{ redis: [...NEWER, ...ALONE], after: AFTER_REPAIR, artifacts: [...BOTH, ...ALONE] },
  },
  {
    line: "verify --repair --restore -o json",
    ...{ redis: [...NEWER, ALONE[0]!], after: [...AFTER_REPAIR, ALONE[0]!], kept: BOTH },
  },
  { line: "delete --status done --until 1d --yes -o json", redis: ALONE, after: YOUNG },
  {
    line: "import in.jsonl --merge replace --skip-invalid --yes -o json",
    ...{ input: [...OLDER, ...NEWER, ...ADDED], after: [...NEWER, ...OLD.slice(2), ...OLDER, ...ADDED] },
    ...{ artifacts: BOTH, kept: BOTH },
    // Between file and Redis: the next run finds the file as it should be, and never puts an older copy into Redis.
    mayStayNewer: OLDER,
  },
];

export const ORPHANS: Case = { line: "cleanup --orphans --yes -o json", after: BOTH, unowned: UNOWNED };

export const CASES: Case[] = [
  ...WRITING,
  { line: "sync --prune --yes -o json", redis: ALONE, after: BOTH, artifacts: [...BOTH, ...ALONE] },
  ORPHANS,
];

/** Both stores and the disk as every case begins, whatever another round left. Returns the text of the store file. */
export async function lay(here: Place, { redis = [], input, unowned = [] }: Partial<Case> = {}): Promise<string> {
  here.root.remove();
  here.root.configure(here.server.port);
  if (input !== undefined) {
    here.root.write("in.jsonl", [...input.map((task) => JSON.stringify(task)), "no record", ""].join("\n"));
  }
  here.root.writeStore(BOTH);
  here.root.writeArtifacts([...BOTH, ...redis, ...unowned]);
  await here.server.call("FLUSHALL");
  await here.mirrored(...BOTH, ...redis);
  return here.root.storeText();
}
