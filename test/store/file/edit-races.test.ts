import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Clock, systemClock } from "../../../src/clock.ts";
import type { PlanEdit } from "../../../src/store/file/changes.ts";
import { NO_PUTS } from "../../../src/store/file/changes.ts";
import { TestClock } from "../../helpers/clock.ts";
import { namesIn, writeOld } from "../../helpers/files.ts";
import { disturbed, putting, removing, TEMPORARY, three, useStoreFile } from "./editing.ts";
import { atExchange, dump, idsIn, load, type Rec, rec, replaceStore } from "./service.ts";

const { path, storeAt } = useStoreFile();
beforeEach(() => writeOld(path("s.json"), dump(three)));

describe("a service that writes while the change is planned", () => {
  const update = rec("t2", 9, { status: "running" });
  const theirs = [rec("t1"), update, rec("t4")];
  const cases: [string, () => void, Rec[]][] = [
    ["replaces the file", () => replaceStore(path("s.json"), theirs), [update, rec("t4")]],
    ["overwrites it in place", () => writeOld(path("s.json"), dump(theirs)), [update, rec("t4")]],
    ["replaces it by the same content", () => replaceStore(path("s.json"), three), [rec("t2"), rec("t3")]],
    ["changes its mode", () => chmodSync(path("s.json"), 0o600), [rec("t2"), rec("t3")]],
  ];

  test.each(cases)("%s: the plan is made again for the new content", async (_, event, left) => {
    const plan = disturbed(removing("t1"), event, event);
    const outcome = await storeAt().apply(plan);
    expect([plan.asked, outcome.returned]).toEqual([3, []]);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(left));
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test("updates the same task: a plan that checks the content keeps it", async () => {
    const plan = disturbed(
      (current) => {
        const row = current.rowOf({ userId: "alice", taskId: "t2" });
        return { removed: new Set(current.rows.score(row) === 1 ? [current.rows.key(row)] : []), puts: NO_PUTS };
      },
      () => replaceStore(path("s.json"), theirs),
    );
    expect((await storeAt().apply(plan)).rewrites).toBe(0);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(theirs));
  });

  test("changes it after an empty plan: the plan is also made again", async () => {
    writeOld(path("s.json"), dump([rec("t2")]));
    const plan = disturbed(removing("t1"), () => replaceStore(path("s.json"), three));
    await storeAt().apply(plan);
    expect([plan.asked >= 2, idsIn(path("s.json"))]).toEqual([true, ["t2", "t3"]]);
  });

  test("makes the file that was missing, or takes it away", async () => {
    rmSync(path("s.json"));
    const making = disturbed(putting(rec("t9")), () => replaceStore(path("s.json"), three));
    await storeAt().apply(making);
    expect([making.asked, idsIn(path("s.json"))]).toEqual([2, ["t1", "t2", "t3", "t9"]]);
    const taking = disturbed(putting(rec("t8")), () => rmSync(path("s.json")));
    await storeAt().apply(taking);
    expect([taking.asked, idsIn(path("s.json"))]).toEqual([2, ["t8"]]);
  });

  test("appends a line to JSON Lines", async () => {
    const line = (record: Rec) => `${JSON.stringify(record)}\n`;
    writeOld(path("s.jsonl"), three.map(line).join(""));
    const plan = disturbed(removing("t1"), () => appendFileSync(path("s.jsonl"), line(update)));
    await storeAt("s.jsonl").apply(plan);
    expect(plan.asked).toBe(2);
    expect(readFileSync(path("s.jsonl"), "utf8")).toBe([rec("t2"), rec("t3"), update].map(line).join(""));
  });

  test.each<[string, string, (file: string) => void]>([
    ["replaces it by a broken one", "STORE_INVALID", (file) => renameSync(file, path("s.json"))],
    ["cuts it in place", "STORE_BUSY", (file) => copyFileSync(file, path("s.json"))],
  ])("%s: an error, and theirs stays", async (_, code, act) => {
    const edit = disturbed(removing("t1"), () => {
      writeFileSync(path("new"), "[");
      act(path("new"));
      rmSync(path("new"), { force: true });
    });
    await expect(storeAt().apply(edit)).rejects.toMatchObject({ code });
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual(["[", ["s.json"]]);
  });

  test("never stops: STORE_BUSY after a minute, by the monotonic clock", async () => {
    let seconds = 0;
    const clock: Clock = { ...systemClock, monotonic: () => (seconds += 25) };
    const always = Array.from({ length: 10 }, () => () => replaceStore(path("s.json"), three));
    const plan = disturbed(removing("t1"), ...always);
    await expect(storeAt("s.json", clock).apply(plan)).rejects.toMatchObject({ code: "STORE_BUSY" });
    expect(plan.asked).toBe(3);
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
  });
});

test("a snapshot to plan on is not used once the file moved, before the edit or within it", async () => {
  const moved = () => replaceStore(path("s.json"), [...three, rec("t4")]);
  for (const when of ["before", "within"]) {
    const base = await storeAt().read();
    const asked: boolean[] = [];
    if (when === "before") moved();
    const plan: PlanEdit = (current) => {
      if (when === "within" && asked.length === 0) moved();
      asked.push(current === base);
      return removing("t1")(current, "");
    };
    await storeAt().apply(plan, { base });
    expect([when, asked.slice(0, 2)]).toEqual([when, when === "before" ? [false] : [true, false]]);
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3", "t4"]);
    await base.close();
  }
});

describe("a service that writes between our last look and the exchange", () => {
  afterEach(() => vi.restoreAllMocks());

  /** The n-th of these contents is written just before, or after, the n-th exchange. */
  const writing = (contents: readonly (readonly Rec[])[]) => (n: number) => {
    const records = contents[n - 1];
    if (records !== undefined) replaceStore(path("s.json"), records);
  };

  const T2_DONE = rec("t2", 1, { status: "succeeded" });
  const NEWER = [rec("t2", 9), rec("t4")];
  const OLDER = [rec("t1"), rec("t2", 8), rec("t5")];
  const LAST = [rec("t2", 9), rec("t5"), rec("t6")];
  test.each<[string, Rec[][], number, Rec[]]>([
    ["keeps its writes, and our change is applied to them", [[rec("t1"), ...NEWER]], 0, NEWER],
    ["with times in whole seconds, too: its record of the same time is kept", [[rec("t1"), T2_DONE]], 0, [T2_DONE]],
    ["and again while theirs is given back: the last one counts", [OLDER, [rec("t1"), ...LAST]], 0, LAST],
    ["and our way back does not work: theirs takes its place by a rename", [[rec("t1"), ...NEWER]], 2, NEWER],
  ])("%s", async (_, contents, failing, left) => {
    await atExchange({ before: writing(contents), fails: (n) => (n === failing ? "EIO" : undefined) });
    const plan = disturbed(removing("t1"));
    const outcome = await storeAt().apply(plan);
    expect([plan.asked >= 2, outcome.returned, load(path("s.json"))]).toEqual([true, [], left]);
    expect(existsSync(path(TEMPORARY))).toBe(false);
  });

  test("right after it: tasks that it brings back are removed again", async () => {
    await atExchange({ after: writing([three]) });
    writeFileSync(path("s.json"), dump(three));
    const outcome = await storeAt("s.json", new TestClock()).apply(removing("t1"));
    expect(outcome).toMatchObject({ rewrites: 2, returned: [] });
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3"]);
  });

  test("more than once, each time within two seconds of our last change: they are removed each time", async () => {
    const clock = new TestClock();
    const bringBack = () => replaceStore(path("s.json"), three);
    await atExchange({ after: (n) => void (n <= 3 && clock.sleep(1500).then(bringBack)) });
    writeFileSync(path("s.json"), dump(three));
    const outcome = await storeAt("s.json", clock).apply(removing("t1"));
    expect([outcome.rewrites, outcome.returned, idsIn(path("s.json"))]).toEqual([4, [], ["t2", "t3"]]);
  });

  test("removes the file: it isn't created again", async () => {
    await atExchange({ before: (n) => n === 1 && rmSync(path("s.json")) });
    expect((await storeAt().apply(removing("t1"))).rewrites).toBe(0);
    expect(namesIn(path())).toEqual([]);
  });
});
