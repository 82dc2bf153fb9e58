import { expect, test } from "vitest";
import { Rows } from "../../../src/store/file/rows.ts";
import { KeyTable } from "../../../src/store/key-table.ts";

test("places of a file of many gigabytes are exact", () => {
  const rows = new Rows(false, new KeyTable());
  const gib = 2 ** 30;
  // On a border, before and behind one, behind several that no element starts between.
  const starts = [0, 4 * gib - 1, 4 * gib, 4 * gib + 7, 8 * gib + 1, 30 * gib, 32 * gib - 1, 32 * gib, 1000 * gib + 3];
  for (const [i, start] of starts.entries()) rows.addTask(start, start + i, rows.keys.addId("u", `t${i}`), 0, i);
  expect(starts.map((_, i) => [rows.start(i), rows.end(i)])).toEqual(starts.map((start, i) => [start, start + i]));
});
