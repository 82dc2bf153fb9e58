import { beforeEach, describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
/** In the order of docs/contract.md, Commands. */
const KEYS = [
  ...["checked", "inSync", "onlyInFile", "onlyInRedis", "stale", "newerInRedis", "differs", "dangling", "unindexed"],
  ...["wrongScore", "misplaced", "partial", "invalid", "repaired"],
];

beforeEach(() => here.synced(record("a", "t1"), record("a", "t2"), record("b", "t3"), record("b", "t4")));

describe("verify", () => {
  it("exits 0 if both stores agree", async () => {
    const run = await here.run("verify -o json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const result = JSON.parse(run.stdout);
    expect(Object.keys(result)).toEqual(KEYS);
    expect(result).toMatchObject({ checked: 4, inSync: 4, repaired: 0 });
  });

  it("exits 3 if they do not", async () => {
    here.root.writeStore([record("a", "t1"), record("a", "t2", { text: "x" }), record("b", "t3"), 5 as never]);
    await here.server.call("DEL", "tts:task:b:t3");
    const counts = { checked: 4, inSync: 1, onlyInRedis: 1, differs: 1, dangling: 1, invalid: 1 };
    const said = expect.stringMatching(/^warning: .*1 invalid record/);
    expect(await here.json("verify")).toMatchObject({ ...counts, said, exit: 3 });
    expect((await here.run("verify -o csv")).code).toBe(2);
  });

  it("says which tasks with --details", async () => {
    here.root.writeStore([record("a", "t1"), record("a", "t2", { text: "x" }), record("b", "t3")]);
    await here.server.call("DEL", "tts:task:b:t3");
    expect((await here.json("verify --details")).tasks).toMatchObject({
      onlyInRedis: [{ user_id: "b", task_id: "t4" }],
      differs: [{ user_id: "a", task_id: "t2" }],
      dangling: [{ user_id: "b", task_id: "t3" }],
      stale: [],
    });
    const items = lines((await here.run("verify --details -o jsonl")).stdout).map((line) => JSON.parse(line));
    expect(items).toEqual([
      { kind: "onlyInRedis", user_id: "b", task_id: "t4" },
      { kind: "differs", user_id: "a", task_id: "t2" },
      { kind: "dangling", user_id: "b", task_id: "t3" },
    ]);
    expect(lines((await here.run("verify --details -o csv")).stdout)).toEqual([
      ...["kind,user_id,task_id", "onlyInRedis,b,t4", "differs,a,t2", "dangling,b,t3"],
    ]);
  });

  it("exits 4 without Redis, and 1 if the file is broken; warns of a missing one, as cleanup and sync do", async () => {
    expect((await here.run("verify --no-redis")).code).toBe(4);
    const down = await here.json("verify", { env: { REDIS_PORT: "1" } });
    expect(down).toMatchObject({ code: "REDIS_UNAVAILABLE", exit: 4 });
    here.root.write("voice_task.json", "[{");
    expect((await here.run("verify")).code).toBe(1);
    here.root.drop("voice_task.json");
    await here.server.call("FLUSHALL");
    const stderr = expect.stringContaining("voice_task.json does not exist");
    for (const line of ["verify", "cleanup --once", "cleanup --once --dry-run", "sync"])
      expect(await here.run(line)).toMatchObject({ code: 0, stderr });
  });
});

describe("verify --repair", () => {
  beforeEach(async () => {
    here.root.writeStore([record("a", "t1"), record("a", "t2"), record("b", "t3")]);
    await here.mirrored(record("a", "t1", { updated_at: "2020-01-02T00:00:00" }));
    await here.server.call("DEL", "tts:task:b:t3");
  });

  it("repairs what it may, counts it, and exits 3 if drift is left", async () => {
    const counts = { checked: 4, inSync: 1, newerInRedis: 1, dangling: 1, onlyInRedis: 1, repaired: 2 };
    expect(await here.json("verify --repair")).toMatchObject({ ...counts, exit: 3 });
    expect(here.root.readStore()[0]).toMatchObject({ task_id: "t1", updated_at: "2020-01-02T00:00:00" });
    expect(await here.json("verify --repair --restore")).toMatchObject({ repaired: 1, exit: 0 });
    expect(await here.json("verify")).toMatchObject({ checked: 4, inSync: 4, exit: 0 });
  });

  it("prints its plan with --dry-run, and changes nothing", async () => {
    const before = await here.state();
    for (const flags of ["", " --restore"]) {
      expect((await here.run(`verify --repair --dry-run${flags}`)).code).toBe(3); // also if it would repair all
    }
    expect(await here.state()).toEqual(before);
  });

  it("deletes only on request, with --yes", async () => {
    expect(await here.run("verify --repair --prune")).toMatchObject({ code: 2, stdout: "" });
    expect(await here.server.call("EXISTS", "tts:task:b:t4")).toBe(1);
    expect(await here.json("verify --repair --prune --yes")).toMatchObject({ repaired: 3 });
    expect(await here.server.call("EXISTS", "tts:task:b:t4")).toBe(0);
    expect((await here.run("verify")).code).toBe(0);
  });

  it.each(["--prune", "--restore", "--repair --prune --restore"])("refuses verify %s", async (flags) => {
    expect(await here.json(`verify ${flags}`)).toMatchObject({ code: "USAGE", exit: 2 });
  });
});
