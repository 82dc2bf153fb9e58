import { expect } from "vitest";
import type { Place } from "../../e2e/setup.ts";
import { inProcess, lines, type Run } from "../../helpers/ttsctl.ts";
import { type Fault, withFault } from "./steps.ts";

/** Runs a command with a fault in it, and returns its steps: in this process, also when others are of the built program. */
export async function runFaulty({ root, run }: Place, line: string, fault: Fault) {
  const { result, steps } = await withFault(root.path, fault, () => run(line, inProcess()));
  return { ...result, steps };
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
