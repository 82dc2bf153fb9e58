import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { INVALID, LIVE, Rows, SUPERSEDED, TOMBSTONE } from "../../../src/store/file/rows.ts";
import { KeyTable } from "../../../src/store/key-table.ts";
import { useFolder } from "../../helpers/files.ts";
import { withSnapshot } from "./read-store.ts";

const path = useFolder();

test("some thousand rows and keys are kept as they were added", () => {
  const rows = new Rows(false, new KeyTable());
  const count = 5000;
  for (let i = 0; i < count; i++) rows.addTask(i * 10, i * 10 + (i % 7), rows.keys.addId("u", `t${i}`), i % 5, i / 4);
  expect([rows.size, rows.live, rows.keys.size]).toEqual([count, count, count]);
  for (let i = 0; i < count; i++) {
    const row = [rows.start(i), rows.end(i), rows.key(i), rows.status(i), rows.score(i), rows.state(i)];
    expect(row).toEqual([i * 10, i * 10 + (i % 7), i, i % 5, i / 4, LIVE]);
    expect([rows.liveRow(i), rows.hasInvalid(i)]).toEqual([i, false]);
  }
  // A newer record of the last task, and an invalid one of the first.
  rows.addTask(1, 2, count - 1, 0, count);
  rows.addInvalid(3, 4, 0);
  expect([rows.liveRow(count - 1), rows.state(count - 1), rows.state(count), rows.live]).toEqual([
    ...[count, SUPERSEDED, LIVE, count],
  ]);
  expect([rows.hasInvalid(0), rows.liveRow(0), rows.state(count + 1)]).toEqual([true, 0, INVALID]);
});

test("places of a file of many gigabytes are exact", () => {
  const rows = new Rows(false, new KeyTable());
  const gib = 2 ** 30;
  // On a border, before and behind one, behind several that no element starts between.
  const starts = [0, 4 * gib - 1, 4 * gib, 4 * gib + 7, 8 * gib + 1, 30 * gib, 32 * gib - 1, 32 * gib, 1000 * gib + 3];
  for (const [i, start] of starts.entries()) rows.addTask(start, start + i, rows.keys.addId("u", `t${i}`), 0, i);
  expect(starts.map((_, i) => [rows.start(i), rows.end(i)])).toEqual(starts.map((start, i) => [start, start + i]));
});

test("any order of tasks, duplicates, tombstones and invalid records is as in a plain table of them", () => {
  const event = fc.record({
    kind: fc.constantFrom("task", "task", "task", "invalid", "keyless", "tombstone", "mark"),
    task: fc.nat(12),
    score: fc.nat(3),
  });
  const story = fc.record({
    lines: fc.boolean(),
    events: fc.array(event, { maxLength: 40 }),
    plain: fc.nat(1500),
    fileSize: fc.constantFrom(0, 1000, 12_000, 1e6, 1e13),
  });
  fc.assert(
    fc.property(story, ({ lines, events, plain, fileSize }) => {
      const rows = new Rows(lines, new KeyTable(), fileSize);
      const states: number[] = [];
      const keys: number[] = [];
      const inForce = new Map<number, number>();
      const scores: number[] = [];
      const invalid = new Set<number>();
      const retire = (key: number) => {
        const row = inForce.get(key);
        if (row !== undefined) states[row] = SUPERSEDED;
        inForce.delete(key);
      };
      const add = (key: number, state: number, score = 0) => {
        keys.push(key);
        scores.push(score);
        return states.push(state) - 1;
      };
      const addTask = (key: number, score: number) => {
        rows.addTask(keys.length * 10, keys.length * 10 + 5, key, 1, score);
        const before = inForce.get(key);
        if (before !== undefined && !lines && scores[before]! > score) {
          add(key, SUPERSEDED, score);
          return;
        }
        retire(key);
        if (lines) invalid.delete(key);
        inForce.set(key, add(key, LIVE, score));
      };
      for (let i = 0; i < plain; i++) addTask(rows.keys.addId("plain", `${i}`), 0);
      for (const { kind, task, score } of events) {
        const key = kind === "keyless" ? -1 : rows.keys.addId("u", `${task}`);
        const at = keys.length * 10;
        if (kind === "task") addTask(key, score);
        else if (kind === "mark") {
          rows.markInvalid(key);
          invalid.add(key);
        } else if (kind === "tombstone") {
          rows.addTombstone(at, at + 5, key);
          add(key, TOMBSTONE);
          retire(key);
          invalid.delete(key);
        } else {
          rows.addInvalid(at, at + 5, key);
          add(key, INVALID);
          if (key >= 0 && lines) retire(key);
          if (key >= 0) invalid.add(key);
        }
      }
      const expected = {
        rows: keys.map((key, row) => [row * 10, key, states[row]]),
        keys: [...rows.keys.ids()].map((_, key) => [inForce.get(key) ?? -1, invalid.has(key)]),
        counts: [keys.length, inForce.size],
      };
      expect({
        rows: keys.map((_, row) => [rows.start(row), rows.key(row), rows.state(row)]),
        keys: [...rows.keys.ids()].map((_, key) => [rows.liveRow(key), rows.hasInvalid(key)]),
        counts: [rows.size, rows.live],
      }).toEqual(expected);
    }),
  );
});

test("each line has its place: records in force, older ones, tombstones and invalid ones", async () => {
  const lines = [
    '{"user_id":"a","task_id":"t","updated_at":1}',
    ' {"user_id":"a", "task_id":"t", "deleted":true}',
    '{"user_id":"b","task_id":"t","status":"done","updated_at":1}',
    '{"user_id":"b","task_id":"t","updated_at":2}  ',
    '{"user_id":"c","task_id":"t"}',
    '{"user_id":"用户","task_id":"t","updated_at":2}',
    '{"user_id":"用户","task_id":"t","deleted":true}',
  ];
  writeFileSync(path("s.json"), `${lines.join("\n")}\n`);
  await withSnapshot(path("s.json"), ({ rows }) => {
    const states = lines.map((_, row) => rows.state(row));
    expect(states).toEqual([SUPERSEDED, TOMBSTONE, SUPERSEDED, LIVE, INVALID, SUPERSEDED, TOMBSTONE]);
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const texts = lines.map((_, row) => bytes.toString("utf8", rows.start(row), rows.end(row)));
    expect(texts).toEqual(lines.map((line) => line.trim()));
    expect(lines.map((_, row) => rows.key(row))).toEqual([0, 0, 1, 1, 2, 3, 3]);
    expect([0, 1, 2, 3].map((key) => rows.liveRow(key))).toEqual([-1, 3, -1, -1]);
    // The status of the record before is not taken for that of one without.
    expect([rows.status(2), rows.status(3)]).toEqual([3, 0]);
  });
});
