import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import type { Tried } from "./tally.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The file in which the tests of this folder count what they tried. */
    faultTally: string;
  }
}

/** Says at the end of a run how many faults were tried and what was lost by them. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-tally-"));
  const path = join(folder, "tried.jsonl");
  project.provide("faultTally", path);
  return () => {
    if (existsSync(path)) console.log(`\n${summary(readFileSync(path, "utf8"))}`);
    rmSync(folder, { recursive: true });
  };
}

function summary(text: string): string {
  const all = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Tried);
  const sum = (kind: Tried["kind"]) => all.filter((one) => one.kind === kind).reduce((n, { count }) => n + count, 0);
  const lost = all.reduce((n, one) => n + one.lost, 0);
  return `faults tried: ${sum("fault")}, bad inputs tried: ${sum("bad input")}, records lost: ${lost}`;
}
