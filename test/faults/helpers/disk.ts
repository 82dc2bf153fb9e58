import { expect } from "vitest";
import type { Place } from "../../e2e/setup.ts";
import { ago, record } from "../../helpers/records.ts";
import { lines, type Run } from "../../helpers/ttsctl.ts";
import { type Fault, withFault } from "./steps.ts";
import type { TestRecord } from "./stores.ts";

export const OLD = [record("a", "t1"), record("b", "t2"), record("a", "t3")];
export const YOUNG = [record("a", "y1", { updated_at: ago(3600) }), record("c", "y2", { updated_at: ago(3600) })];

export const BIG = () => record("z", "big", { text: "x".repeat(80_000), updated_at: ago(3600) });

/** Newer than the file's, in Redis or in what is imported. */
export const NEWER = [{ ...OLD[0]!, text: "changed", updated_at: ago(1800) }];
export const ELSEWHERE = record("d", "x1");

/** A command that writes the store file, and what it leaves. */
export interface Case {
  readonly line: string;
  /** In Redis, over what the file has. */
  readonly redis?: readonly TestRecord[];
  readonly input?: readonly TestRecord[];
  readonly after: readonly TestRecord[];
  /** Artifacts of tasks that neither store has. */
  readonly unowned?: readonly TestRecord[];
  /** Whose artifacts stay, where it is not the same. */
  readonly artifacts?: readonly TestRecord[];
}

export const CASES: Case[] = [
  { line: "cleanup --once -o json", after: YOUNG },
  { line: "delete --user a --ids t1,t3 --yes -o json", after: [OLD[1]!, ...YOUNG] },
  { line: "delete --status done --until 1d --yes -o json", after: YOUNG },
  { line: "mark --to failed --status done --yes -o json", after: [...OLD, ...YOUNG] },
  {
    line: "import in.jsonl --skip-invalid --yes -o json",
    ...{ input: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
  {
    line: "import in.jsonl --skip-invalid --merge replace --yes -o json",
    ...{ input: [ELSEWHERE, ...NEWER], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
  {
    line: "verify --repair --prune --yes -o json",
    ...{ redis: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG] },
  },
  {
    line: "verify --repair --restore -o json",
    ...{ redis: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
];

/** Runs a command with a fault in it, and returns its steps. */
export async function runFaulty({ root, run }: Place, line: string, fault: Fault) {
  const { result, steps } = await withFault(root.path, fault, () => run(line));
  return { ...result, steps };
}

/** Both stores and the disk as every case begins. Returns the text of the store file. */
export async function lay(here: Place, { redis = [], input, unowned = [] }: Omit<Case, "line" | "after"> = {}) {
  here.root.remove();
  if (input !== undefined) {
    here.root.write("in.jsonl", [...input.map((task) => JSON.stringify(task)), "no record", ""].join("\n"));
  }
  here.root.writeStore([...OLD, ...YOUNG]);
  here.root.configure(here.server.port);
  here.root.writeArtifacts([...OLD, ...YOUNG, ...unowned]);
  await here.server.call("FLUSHALL");
  await here.mirrored(...OLD, ...YOUNG, ...redis);
  return here.root.storeText();
}

/** One line that names the file, or its directory, with a code other than that of unexpected errors. */
export function expectNamed(run: Run, label: string): void {
  const errors = lines(run.stderr).filter((line) => line.startsWith("{"));
  expect(errors, `${label}: ${run.stderr}`).toHaveLength(1);
  const { error, code } = JSON.parse(errors[0]!);
  expect(error, label).toMatch(/voice_task\.json|in\.jsonl|temporary file in \//);
  expect(code, `${label}: ${error}`).not.toBe("INTERNAL");
}

export const isTemporary = (name: string): boolean => /\.(ttsctl|spool)$/.test(name);
