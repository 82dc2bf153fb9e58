import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bench } from "../../bench/bench.ts";
import { measureScaling, scalingText } from "../../bench/scaling/scaling.ts";
import { drawn } from "../faults/helpers/chance.ts";
import { binary } from "../helpers/ttsctl.ts";

const scratch = mkdtempSync(join(tmpdir(), "ttsctl-bench-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Rows whose peers are there wherever `script/test` ran; the others are left out by name where theirs is not. */
const ROWS = [
  ...[
    ["version", "page", "mark", "complete"],
    ["list-file", "query"],
    ["sync", "sync-again", "sync-changed", "repair"],
    ["scale-sync", "scale-page"],
  ],
  ...[
    ["cleanup", "cleanup-few"],
    ["purge", "stats"],
    ["library", "library-memory"],
    ["cluster-page", "cluster-ids"],
    ["latency", "memory"],
  ],
];

it("rows do what they say, for ttsctl and its peer", { tags: ["slow"] }, async () => {
  const rows = drawn("rows of the bench", ROWS, 3).flat();
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 4 };
  const options = { tasks: [1000], runs: 1, only: new Set(rows) };
  const results = await bench(place, options, () => {});
  expect(results.map(({ id }) => id).sort()).toEqual([...rows].sort());
  for (const { id, leftOut, value } of results) expect([id, leftOut, Number.isFinite(value)]).toEqual([id, null, true]);
});

it("every figure that docs/scaling.md uses is measured", { tags: ["slow"] }, async () => {
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 0 };
  const report = await measureScaling(place, 1000);
  for (const { id, value } of report.figures) expect([id, value > 0 && Number.isFinite(value)]).toEqual([id, true]);
  const memory = (id: string) => report.figures.find((figure) => figure.id === id)!.value;
  expect(memory("memory-packed")).toBeLessThan(memory("memory"));
  expect(scalingText(report)).toContain("| 10^9 |");
});

it("an unknown row is refused", async () => {
  const place = { project: "/", binary: "/", scratch, loadSeconds: 0 };
  await expect(bench(place, { tasks: [], runs: 1, only: new Set(["speed"]) }, () => {})).rejects.toThrow("speed");
});
