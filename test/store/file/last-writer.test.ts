import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lastWriterOf, noteOf } from "../../../src/store/file/last-writer.ts";
import { Snapshot } from "../../../src/store/file/snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
import { RULES, record } from "../../helpers/records.ts";

const path = useFolder();
const line = (name: string) => `${JSON.stringify(record("alice", name))}\n`;
const OTHERS = 1000;

async function read(): Promise<Snapshot> {
  const snapshot = await Snapshot.read(path("tasks.jsonl"), RULES);
  await snapshot.close();
  return snapshot;
}

/** Whether a file is ours after a change that was noted, and another that followed. */
async function isOurs(intended: string, happened: () => void): Promise<boolean> {
  writeFileSync(path("tasks.jsonl"), line("t1"));
  const { identity } = await read();
  const note = noteOf(identity, OTHERS, { kind: "append", bytes: Buffer.from(intended) });
  happened();
  const snapshot = await Snapshot.read(path("tasks.jsonl"), RULES);
  const writer = await lastWriterOf(snapshot, note);
  await snapshot.close();
  expect(writer.others === OTHERS).toBe(writer.isOurs);
  return writer.isOurs;
}

const append = (text: string) => () => appendFileSync(path("tasks.jsonl"), text);
const OURS = line("t2") + line("t3");

it.each<[boolean, string, () => void]>([
  [true, "nothing", () => {}],
  [true, "all of it", append(OURS)],
  [true, "a part that ends within a line", append(OURS.slice(0, -20))],
  [false, "something else of the same length", append(OURS.replace("t2", "x2"))],
  [false, "a line of another program that is shorter", append(line("x"))],
  [false, "all of it and a line of another program", append(OURS + line("x"))],
  [
    false,
    "another file of the same content",
    () => {
      writeFileSync(path("other"), line("t1") + OURS);
      renameSync(path("other"), path("tasks.jsonl"));
    },
  ],
])("an append that was noted: %s, %s", async (expected, _, happened) => {
  expect(await isOurs(OURS, happened)).toBe(expected);
});

it("a file that was to be put in place is ours before and after, and no other", async () => {
  for (const name of ["old", "new", "tasks.jsonl"]) writeFileSync(path(name), line(name));
  const identityOf = async (name: string) => {
    const snapshot = await Snapshot.read(path(name), RULES);
    await snapshot.close();
    return snapshot.identity!;
  };
  const by = await identityOf("new");
  const note = noteOf(await identityOf("old"), OTHERS, { kind: "replace", by });
  const found: boolean[] = [];
  for (const name of ["tasks.jsonl", "old", "new"]) {
    renameSync(path(name), path("tasks.jsonl"));
    found.push((await lastWriterOf(await read(), note)).isOurs);
  }
  expect(found).toEqual([false, true, true]);
});
