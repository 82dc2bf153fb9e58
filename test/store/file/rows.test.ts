import { writeFileSync } from "node:fs";
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

test("each line has its place: records in force, older ones, tombstones and what is invalid", async () => {
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
