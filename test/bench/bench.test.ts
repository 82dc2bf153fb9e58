import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bench } from "../../bench/bench.ts";
import { compareRows } from "../../bench/compare.ts";
import { largeText, measureLarge } from "../../bench/scaling/large.ts";
import { measureScaling, scalingText } from "../../bench/scaling/scaling.ts";
import { drawn } from "../faults/helpers/chance.ts";
import { binary } from "../helpers/ttsctl.ts";

const scratch = mkdtempSync(join(tmpdir(), "ttsctl-bench-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Rows whose peers need no installation; the others are left out by name where theirs is not there. */
const ROWS = [
  ...[
    ["version", "page"],
    ["list-file", "query"],
    ["sync", "sync-again", "sync-changed"],
    ["scale-sync", "scale-page"],
  ],
  ...[["cleanup"], ["library", "library-memory"], ["cluster-page", "cluster-ids"], ["latency", "memory"]],
];

it("rows do what they say, for ttsctl and its peer", { tags: ["slow"] }, async () => {
  const rows = drawn("rows of the bench", ROWS, 3).flat();
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 4 };
  const options = { tasks: [1000], runs: 1, only: new Set(rows) };
  const results = await bench(place, options, () => {});
  expect(results.map(({ id }) => id).sort()).toEqual([...rows].sort());
  for (const { id, leftOut, value } of results) expect([id, leftOut, Number.isFinite(value)]).toEqual([id, null, true]);
});

it("two builds are compared by CPU times", { tags: ["slow"] }, async () => {
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 0 };
  const rows = compareRows("HEAD", binary());
  const results = await bench(
    place,
    {
      tasks: [1000],
      runs: 1,
      rows,
      only: new Set(drawn("compared rows", ["page", "sync", "repair", "purge", "cleanup-few", "stats"], 2)),
    },
    () => {},
  );
  for (const { id, leftOut, peer, target } of results)
    expect([id, leftOut, peer, target.by]).toEqual([id, null, "the same at HEAD", "cpu"]);
  for (const { id, cpuRatio } of results) expect([id, cpuRatio! > 0.2 && cpuRatio! < 5]).toEqual([id, true]);
});

it("every figure that docs/scaling.md uses is measured", { tags: ["slow"] }, async () => {
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 0 };
  const report = await measureScaling(place, 1000);
  for (const { id, value } of report.figures) expect([id, value > 0 && Number.isFinite(value)]).toEqual([id, true]);
  const memory = (id: string) => report.figures.find((figure) => figure.id === id)!.value;
  expect(memory("memory-packed")).toBeLessThan(memory("memory"));
  expect(scalingText(report)).toContain("| 10^9 |");
});

it("the commands of a large store do what they say, for each shape", { tags: ["slow"] }, async () => {
  const place = { project: new URL("../..", import.meta.url).pathname, binary: binary(), scratch, loadSeconds: 0 };
  const results = await measureLarge(place, 1000, () => {});
  const [lines, array] = [
    results.filter(({ shape }) => shape === "jsonl"),
    results.filter(({ shape }) => shape === "array"),
  ];
  expect(lines.length).toBeGreaterThan(5);
  expect(array.map(({ command }) => command)).toEqual(lines.map(({ command }) => command));
  expect(largeText(results, 1000)).toMatch(
    /^\| jsonl \| `sync` \| [\d.]+ m?s \| [\d.]+ m?s \| \d+ MB \| \d+ bytes \|$/m,
  );
});

it("an unknown row is refused", async () => {
  const place = { project: "/", binary: "/", scratch, loadSeconds: 0 };
  await expect(bench(place, { tasks: [], runs: 1, only: new Set(["speed"]) }, () => {})).rejects.toThrow("speed");
});
