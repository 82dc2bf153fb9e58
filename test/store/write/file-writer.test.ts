import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { LineLog } from "../../../src/store/file/line-log.ts";
import { redisLink } from "../../../src/store/mirror-link.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { readWithPython } from "./python-eyes.ts";
import { useWriter } from "./setup.ts";

const here = useWriter("voice_task.jsonl");
afterEach(() => vi.restoreAllMocks());
const line = (taskId: string, more = {}) => `${JSON.stringify(record("alice", taskId, more))}\n`;
const task = (taskId: string, more = {}) => taskOf(record("alice", taskId, more));
const tasksHeld = () => Object.keys(readWithPython(here().path)).map((name) => name.slice("alice:".length));

describe("an append to JSON Lines", () => {
  it("gives a writer without our lock a second to finish its line", async () => {
    here().fill(line("t1"));
    const half = line("t2");
    appendFileSync(here().path, half.slice(0, 20));
    const asked = here().writer.upsert(task("t3"));
    await here().clock.sleep(300);
    appendFileSync(here().path, half.slice(20));
    await asked;
    expect(tasksHeld()).toEqual(["t1", "t2", "t3"]);
  });

  it("cuts off no line that was finished after it was looked at", async () => {
    here().fill(line("t1"));
    appendFileSync(here().path, line("t2").slice(0, 20));
    await using snapshot = await here().shared.read();
    await using log = await LineLog.open(here().path, snapshot);
    appendFileSync(here().path, line("t2").slice(20));
    await log!.cut(snapshot);
    expect(tasksHeld()).toEqual(["t1", "t2"]);
  });

  it("reads lines appended without our lock, and decides by them", async () => {
    here().fill(line("t1"));
    await here().writer.upsert(task("t2"));
    appendFileSync(here().path, line("t2", { updated_at: "2030-01-01T00:00:00" }));
    expect(await here().writer.upsert(task("t2"))).toMatchObject({ file: "newer" });
    appendFileSync(here().path, '{"task_id": "t2", "user_id": "alice", "deleted": true}\n');
    expect(await here().writer.upsert(task("t2"))).toMatchObject({ file: "written" });
    expect(tasksHeld()).toEqual(["t1", "t2"]);
  });

  it("is watched again when the file was replaced, though another process appended to the old one", async () => {
    here().text = line("t1");
    await here().writer.upsert(task("t2"));
    appendFileSync(here().path, line("t3"));
    await here().writer.upsert(task("t4"));
    const old = here().text;
    here().replace(old);
    const { settled } = await here().writer.upsert(task("t5"));
    here().replace(old);
    expect([await settled, tasksHeld().sort()]).toEqual(["written", ["t1", "t2", "t3", "t4", "t5"]]);
  });

  it("is made again in a file that undoes it and has the inode number of ours", async () => {
    const old = line("t1");
    here().replace(old);
    const { settled } = await here().writer.upsert(task("t2"));
    const { ino } = statSync(here().path);
    here().replace(old);
    await (await here().shared.read()).close(); // the number of ours is free then
    for (let i = 0; i < 50 && statSync(here().path).ino !== ino; i++) here().replace(old);
    expect([await settled, tasksHeld()]).toEqual(["written", ["t1", "t2"]]);
  });
});

it("a deletion that is made again is owed to Redis again, which may have got the task back", async () => {
  const { owed } = new FileStore(here().path, RULES, here().clock);
  const old = line("t1");
  here().replace(old);
  const writer = here().open(redisLink(() => Promise.reject(new TtsctlError("REDIS_UNAVAILABLE", "down"))));
  const { settled } = await writer.remove(task("t1"));
  await owed.settle(await owed.read()); // as if Redis had it
  here().replace(old);
  expect([await settled, tasksHeld()]).toEqual(["removed", []]);
  expect(await owed.read()).toMatchObject([{ id: { taskId: "t1" } }]);
});

/** Appends a line just before the writer's own append, as a process without the lock may. */
function appendJustBefore(text: string): void {
  const append = LineLog.prototype.append;
  vi.spyOn(LineLog.prototype, "append").mockImplementationOnce(function (this: LineLog, ...args) {
    appendFileSync(here().path, text);
    return append.apply(this, args);
  });
}

describe("a process that appends without our lock", () => {
  const NEWER = { updated_at: "2030-01-01T00:00:00" };

  it("just before us, a newer record: it wins, and is reported", async () => {
    here().fill(line("t1"));
    appendJustBefore(line("t1", NEWER) + line("t2"));
    const results = await Promise.all([here().writer.upsert(task("t1")), here().writer.upsert(task("t3"))]);
    expect(results.map(({ file }) => file)).toEqual(["newer", "written"]);
    expect(readWithPython(here().path)["alice:t1"]).toMatchObject(NEWER);
    expect(tasksHeld().sort()).toEqual(["t1", "t2", "t3"]);
  });

  it.each([
    ["before ours", line("t2"), ""],
    ["behind ours", "", line("t2")],
    ["on both sides", line("t2"), line("t5")],
  ])("and its line %s are kept if our append fails", async (_, before, behind) => {
    here().fill(line("t1"));
    await using snapshot = await here().shared.read();
    await using log = (await LineLog.open(here().path, snapshot))!;
    appendFileSync(here().path, before);
    const any = await open(here().path, "r");
    const handles = Object.getPrototypeOf(any) as { datasync(): Promise<void> };
    vi.spyOn(handles, "datasync").mockImplementationOnce(async () => {
      appendFileSync(here().path, behind);
      throw Object.assign(new Error("full"), { code: "ENOSPC", errno: -28 });
    });
    const failed = log.append(await log.bytesOf([line("t3"), line("t4")], snapshot), snapshot.layout!.size);
    await expect(failed).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
    expect(here().text.replaceAll(/\s*$|^ *\n/gm, "")).toBe((line("t1") + before + behind).trimEnd());
    await here().writer.upsert(task("t6"));
    expect(tasksHeld()).toEqual(["t1", ...["t2", "t5"].filter((id) => (before + behind).includes(id)), "t6"]);
    await any.close();
  });
});

it("a file that was written over in place is scanned again, although it only grew and its lines have the same length", async () => {
  here().fill(line("a1") + line("a2"));
  await here().writer.upsert(task("a3"));
  writeFileSync(here().path, ["b1", "b2", "b3", "b4", "b5"].map((name) => line(name)).join(""));
  expect(await here().writer.remove({ userId: "alice", taskId: "b1" })).toMatchObject({ file: "removed" });
  expect(await here().writer.remove({ userId: "alice", taskId: "a1" })).toMatchObject({ file: "missing" });
});

describe("compaction by the first change of a writer", () => {
  const updates = (count: number) =>
    Array.from({ length: count }, (_, i) => line("t1", { updated_at: 1_700_000_000 + i })).join("");
  const invalid = line("t5", { updated_at: "soon" });
  const kept = `${line("t5")}${invalid}{"task_id": "t5", "user_id": "alice", "deleted": true}\n[1]\n`;

  it.each([
    ["stale lines that outweigh the others go", line("t0") + updates(110), updates(109)],
    ["invalid lines and those of their tasks are kept", kept + updates(110), updates(109)],
    ["not for lines that must be kept", invalid + line("t5").repeat(200), ""],
    ["not for few", line("t0") + updates(90), ""],
  ])("%s", async (_, text, gone) => {
    here().fill(text);
    await here().writer.upsert(task("t2"));
    expect(here().text.startsWith(text.replace(gone, ""))).toBe(true);
    expect(here().text).toContain('"t2"');
  });

  it("does not happen within a minute of a process that appends without our lock", async () => {
    here().text = updates(120);
    await here().writer.upsert(task("t9"));
    expect(here().text.startsWith(updates(120))).toBe(true);
  });
});
