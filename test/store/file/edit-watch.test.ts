import { appendFileSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import type { PlanEdit } from "../../../src/store/file/changes.ts";
import { TestClock } from "../../helpers/clock.ts";
import { namesIn, writeOld } from "../../helpers/files.ts";
import { putting, removing, three, useStoreFile } from "./editing.ts";
import { bringBack, dump, idsIn, load, rec, replaceStore } from "./service.ts";

const { path, storeAt } = useStoreFile();

/** What a plan comes to while something happens every so many milliseconds. */
async function beside(plan: PlanEdit, everyMs: number, act: () => void, name = "s.json") {
  const clock = new TestClock();
  const stop = clock.every(everyMs, act);
  const outcome = await storeAt(name, clock).apply(plan);
  stop();
  return outcome;
}

describe("beside a service that wrote within the last minute", () => {
  beforeEach(() => writeFileSync(path("s.json"), dump(three)));
  const at = (epoch: number) => new TestClock({ shift: epoch - Date.now() / 1000 });

  test("a record that always comes back is removed ten more times, then reported as returned", async () => {
    const service = bringBack(path("s.json"), three, Number.POSITIVE_INFINITY);
    const outcome = await storeAt("s.json", new TestClock()).apply(removing("t1", "t3", "t9"));
    service.stop();
    const returned = ["t1", "t3"].map((taskId) => ({ userId: "alice", taskId }));
    expect(outcome).toMatchObject({ rewrites: 11, returned });
    expect(service.written).toBe(11);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three));
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test.each([
    ["once: inserted again", 1, 2, []],
    ["always: inserted ten more times, then reported as returned", 11, 11, [{ userId: "alice", taskId: "t9" }]],
  ] as const)("an inserted record that vanishes %s", async (_, times, rewrites, returned) => {
    let gone = 0;
    const outcome = await beside(putting(rec("t9")), 5, () => {
      if (gone === times || !idsIn(path("s.json")).includes("t9")) return;
      replaceStore(path("s.json"), three);
      gone++;
    });
    expect(outcome).toMatchObject({ rewrites, returned, changed: [] });
  });

  test.each([
    ["both", [], true],
    ["one, then the other", ["t8"], false],
  ] as const)("new records that vanish: %s", async (_, left, comeBack) => {
    const contents = [[...three, ...left.map((id) => rec(id))], three];
    await beside(putting(rec("t8"), rec("t9")), 60, () => {
      const content = idsIn(path("s.json")).some((id) => id > "t3") ? contents.shift() : undefined;
      if (content !== undefined) replaceStore(path("s.json"), content);
    });
    // A content that had one of them was made of ours, so what it and the next one lack was deleted.
    expect(idsIn(path("s.json"))).toEqual(comeBack ? ["t1", "t2", "t3", "t8", "t9"] : ["t1", "t2", "t3"]);
  });

  test("in JSON Lines, a removed record that is appended again is removed again, also after another line", async () => {
    const lines = three.map((record) => `${JSON.stringify(record)}\n`);
    writeFileSync(path("s.jsonl"), lines.join(""));
    const appended = [`${JSON.stringify(rec("t8"))}\n`, lines[0]!];
    const append = () => appendFileSync(path("s.jsonl"), appended.shift() ?? "");
    const outcome = await beside(removing("t1"), 300, append, "s.jsonl");
    expect(outcome).toMatchObject({ rewrites: 2, returned: [], changed: [] });
    expect(readFileSync(path("s.jsonl"), "utf8")).toBe([lines[1], lines[2], `${JSON.stringify(rec("t8"))}\n`].join(""));
  });

  test("is watched for two seconds after each repeat", async () => {
    let writes = 0;
    const write = () => void (writes++ < 2 && replaceStore(path("s.json"), three));
    expect(await beside(removing("t1"), 1500, write)).toMatchObject({ rewrites: 3, returned: [], changed: [] });
  });

  test("a record that was put as it was isn't undone", async () => {
    let writes = 0;
    const write = () => void (writes++ < 3 && replaceStore(path("s.json"), three));
    const outcome = await beside(putting(rec("t1")), 60, write);
    expect([writes > 2, outcome]).toMatchObject([true, { rewrites: 1, returned: [], changed: [] }]);
  });

  test.each<[string, number, boolean]>([
    ["a second ago", 1, true],
    ["59 s ago", 59, true],
    ["61 s ago", 61, false],
    ["by a clock that is ahead of ours", -100, true],
  ])("it wrote %s: watched or not", async (_, ago, watched) => {
    utimesSync(path("s.json"), 1_700_000_000, 1_700_000_000);
    const clock = at(1_700_000_000 + ago);
    await storeAt("s.json", clock).apply(removing("t1"));
    expect(clock.jumped > 1).toBe(watched);
  });

  test("our own last write isn't mistaken for the service's, another's is", async () => {
    writeOld(path("s.json"), dump(three));
    const clock = new TestClock();
    await storeAt("s.json", clock).apply(removing("t1"));
    await storeAt("s.json", clock).apply(removing("t2"));
    expect(clock.jumped).toBe(0);
    replaceStore(path("s.json"), three);
    await storeAt("s.json", clock).apply(removing("t3"));
    expect(clock.jumped).toBeGreaterThan(1);
  });

  test("our own write in between doesn't hide the service's: changes are watched for the whole minute", async () => {
    utimesSync(path("s.json"), 1_700_000_000, 1_700_000_000);
    const watched = async (task: string, ago: number) => {
      const clock = at(1_700_000_000 + ago);
      await storeAt("s.json", clock).apply(removing(task));
      return clock.jumped > 1;
    };
    expect(await watched("t1", 1)).toBe(true);
    expect(await watched("t2", 31)).toBe(true);
    expect(await watched("t3", 61)).toBe(false);
  });

  test("its other writes are kept", async () => {
    const theirs = [rec("t1"), rec("t2", 9), rec("t4")];
    const service = bringBack(path("s.json"), theirs, 1);
    expect((await storeAt("s.json", new TestClock()).apply(removing("t1"))).rewrites).toBe(2);
    service.stop();
    expect(load(path("s.json"))).toEqual([rec("t2", 9), rec("t4")]);
  });

  test("what another process of ttsctl writes during the run is kept, also if it is what was seen", async () => {
    const clock = new TestClock();
    const other = storeAt("s.json", clock, { signal: AbortSignal.abort() });
    let added: Promise<unknown> | undefined;
    const stop = clock.every(400, () => {
      if (!idsIn(path("s.json")).includes("t1")) added ??= other.apply(putting(rec("t1")));
    });
    const outcome = await storeAt("s.json", clock).apply(removing("t1"));
    stop();
    await added;
    expect([outcome.rewrites, idsIn(path("s.json"))]).toEqual([1, ["t2", "t3", "t1"]]);
  });

  test("a look that fails isn't the last one", async () => {
    const contents = [dump(three).slice(0, -9), dump(three)];
    const outcome = await beside(removing("t1"), 60, () => {
      if (contents.length === 2 && idsIn(path("s.json")).length === 3) return; // not changed yet
      const content = contents.shift();
      if (content !== undefined) writeFileSync(path("s.json"), content);
    });
    expect([outcome, idsIn(path("s.json"))]).toMatchObject([{ rewrites: 2, returned: [], changed: [] }, ["t2", "t3"]]);
  });

  test("in JSON Lines, new records are put again beside an invalid record of one of them", async () => {
    const lines = [...three, rec("t9", 1, { updated_at: "never" })].map((record) => `${JSON.stringify(record)}\n`);
    writeFileSync(path("s.jsonl"), lines.join(""));
    let isWritten = false;
    const undo = () => {
      if (isWritten || !readFileSync(path("s.jsonl"), "utf8").includes("t8")) return;
      writeFileSync(path("s.jsonl"), lines.join(""));
      isWritten = true;
    };
    const outcome = await beside(putting(rec("t8"), rec("t9")), 60, undo, "s.jsonl");
    expect(outcome.rewrites).toBe(2);
    const held = readFileSync(path("s.jsonl"), "utf8").trimEnd().split("\n");
    expect(held.map((line) => JSON.parse(line).task_id)).toEqual(["t1", "t2", "t3", "t9", "t8", "t9"]);
  });

  test("the run lock says that a change is repeated, once it is", async () => {
    const clock = new TestClock();
    const store = storeAt("s.json", clock);
    const lock = await store.lock("run");
    const contents = [[...three.slice(1), rec("t4")], three];
    const said = ["", ""];
    const stop = clock.every(60, () => {
      if (contents.length === 2 && idsIn(path("s.json")).length === 3) return; // not changed yet
      const note = readFileSync(path(".s.json.run.lock"), "utf8").match(/repeats its change.*times\)/)?.[0];
      said[contents.length > 0 ? 0 : 1] ||= note ?? "";
      const content = contents.shift();
      if (content !== undefined) replaceStore(path("s.json"), content);
    });
    await store.apply(removing("t1"));
    stop();
    await lock.release();
    const repeats = "repeats its change, because the service keeps undoing it (1 of 10 times)";
    expect(said).toEqual(["", repeats]);
  });

  test.each([
    ["once: the change is made again", 1, []],
    ["always: it is reported as returned", Number.POSITIVE_INFINITY, [{ userId: "alice", taskId: "t1" }]],
  ])("an interrupt doesn't end the watch at once; undone %s", async (_, times, returned) => {
    const clock = new TestClock();
    let left = times;
    const stop = clock.every(300, () => {
      if (idsIn(path("s.json")).includes("t1") || left-- <= 0) return;
      replaceStore(path("s.json"), three);
    });
    const outcome = await storeAt("s.json", clock, { signal: AbortSignal.abort() }).apply(removing("t1"));
    stop();
    expect(outcome.returned).toEqual(returned);
    expect(idsIn(path("s.json")).includes("t1")).toBe(returned.length > 0);
    expect(clock.jumped).toBeLessThan(5);
  });
});
