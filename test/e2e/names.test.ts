import { describe, expect, it } from "vitest";
import { isOn } from "../helpers/lacks.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

const here = usePlace();
const failed = { status: "failed", error: "no voice" };

const stored = () => namesOf(here.root.readStore() as never).sort();

const uniquePerUser = describe.skipIf(isOn("api_ms", "a task id is one user's there"));

uniquePerUser("tasks as they are printed, user:task", () => {
  const fill = () => {
    const ofAlice = [record("alice", "t1"), record("alice", "t2", failed)];
    return here.synced(...ofAlice, record("bob", "t1"), record("bob", "a:b", failed));
  };

  it.each(["auto", "redis", "file"])("are listed in the order asked, from %s", async (source) => {
    await fill();
    const page = await here.json(`list --ids bob:t1,alice:t9,bob:a:b,,alice:t1,bob:t1 --source ${source}`);
    expect(namesOf(page.items)).toEqual(["bob:t1", "bob:a:b", "alice:t1"]);
    expect(page).toMatchObject({ total: 3, page: 1, pageSize: 3, missing: ["alice:t9"], exit: 3 });
    const errors = await here.json(`list -i bob:t1 -i bob:a:b,no:one --status error --source ${source}`);
    expect([namesOf(errors.items), errors.missing]).toEqual([["bob:a:b"], ["no:one"]]);
  });

  it("are exported, marked, deleted and imported", async () => {
    await fill();
    const exported = await here.run("export --ids bob:t1,alice:t2,bob:t7");
    expect(namesOf(lines(exported.stdout).map((line) => JSON.parse(line)))).toEqual(["bob:t1", "alice:t2"]);
    expect(exported).toMatchObject({ code: 3, stderr: expect.stringContaining('"bob:t7"') });
    here.root.write("some.jsonl", exported.stdout);
    const marked = await here.json("mark --ids alice:t1,bob:none --to failed --yes");
    expect(marked).toMatchObject({ requested: 2, marked: 1, missing: ["bob:none"], exit: 3 });
    const deleted = await here.json("delete --ids bob:t1,alice:t2,carol:t1 --yes");
    expect(deleted).toMatchObject({ requested: 3, deleted: 2, missing: ["carol:t1"], exit: 3 });
    expect(stored()).toEqual(["alice:t1", "bob:a:b"]);
    expect(await here.server.call("ZRANGE", "tts:tasks:index", "0", "-1")).toEqual(["bob:a:b", "alice:t1"]);
    const imported = await here.json("import some.jsonl --ids alice:t2,bob:t8");
    expect(imported).toMatchObject({ records: 1, added: 1, missing: ["bob:t8"], exit: 3 });
    expect(stored()).toEqual(["alice:t1", "alice:t2", "bob:a:b"]);
  });

  it("are got by one argument, and before a task whose id is that", async () => {
    await fill();
    expect(await here.json("get alice:t1")).toMatchObject({ item: { user_id: "alice", task_id: "t1" }, exit: 0 });
    expect(await here.json("get bob:a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    expect(await here.json("get a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    here.root.writeStore([...(here.root.readStore() as never[]), record("a", "b"), record("bob", "x:y")] as never);
    expect(await here.json("get a:b")).toMatchObject({ item: { user_id: "a", task_id: "b" } });
    expect(await here.json("get x:y --source redis")).toMatchObject({ item: null, exit: 3 });
  });
});

describe("-o ids, and --ids -", () => {
  const PRINTABLE = ["a b", "x,y", '"quoted"', "[list]", "-", "词 语", "'"];
  const HOSTILE = [...PRINTABLE, "line\nbreak", "\u001b[2J", "\u202eright", "p\u2028q"];
  const fill = () =>
    here.synced(
      ...HOSTILE.map((id) => record(`user ${id}`, id, failed)),
      ...[record("alice", "t1"), record("user x,y", "done")],
    );

  it.each(["redis", "file"])("what list prints from %s, delete takes back", async (source) => {
    await fill();
    const run = await here.run(`list -s error -o ids --source ${source}`);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(lines(run.stdout)).toHaveLength(HOSTILE.length);
    expect(run.stdout).toContain("user a b:a b\n");
    for (const char of "\u001b\u202e\u2028") expect(run.stdout).not.toContain(char);
    const listed = await here.run("list --ids - -o ids", { input: run.stdout });
    expect(listed).toMatchObject({ code: 0, stdout: run.stdout });
    const counts = { requested: HOSTILE.length, deleted: HOSTILE.length, missing: [] };
    expect(await here.json("delete --ids - --dry-run", { input: run.stdout })).toMatchObject(counts);
    expect((await here.run("delete --ids -", { input: run.stdout })).code).toBe(2); // nobody can be asked
    expect(await here.json("delete --ids - --yes", { input: run.stdout })).toMatchObject(counts);
    expect(stored()).toEqual(["alice:t1", "user x,y:done"]);
  });

  it("no id is no task, not all of them", async () => {
    await fill();
    const before = stored();
    for (const input of ["", "\n \n", "[]"]) {
      const nothing = { requested: 0, deleted: 0, exit: 0, said: "" };
      expect(await here.json("delete --ids - --yes", { input })).toMatchObject(nothing);
      expect(await here.run("list --ids - -o ids", { input })).toMatchObject({ code: 0, stdout: "" });
    }
    expect(await here.runArgs(["delete", "--ids", "", "--yes"])).toMatchObject({ code: 2 });
    expect(stored()).toEqual(before);
  });
});

it.each(["sync", "verify", "export", "delete --yes --dry-run", "mark --to error --yes --dry-run"])(
  "%s warns of a mistyped user, and of no other",
  async (line) => {
    await here.synced(record("alice", "t1"));
    expect((await here.run(`${line} --user alcie`)).stderr).toContain('did you mean "alice"?');
    expect((await here.run(`${line} --user alice`)).stderr).not.toContain("did you mean");
  },
);
